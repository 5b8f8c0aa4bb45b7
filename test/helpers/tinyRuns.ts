/** @file Settings of runs that take a second or two. */

export const TINY_SEARCH = [
  'preset=demo',
  'epochs=2',
  'warmupEpochs=1',
  'batch=2',
  'crop=33',
  'layers=2',
  'filters=2',
  'blocks=1',
  'evaluateSamples=1',
  'workers=0',
];

/** The smallest network that trains, as settings. */
export const TINY_NETWORK = {
  batch: 2,
  crop: 33,
  filters: 2,
  stem: [4, 4, 8],
  aspp: { filters: 8 },
  decoder: { filters: 8, lowLevel: 4 },
  workers: 0,
} as const;

export const TINY_TRAIN = [
  'preset=demo',
  'epochs=2',
  'batch=2',
  'crop=33',
  'filters=2',
  'stem=[4, 4, 8]',
  'aspp.filters=8',
  'decoder.filters=8',
  'decoder.lowLevel=4',
  'workers=0',
  'evaluateEvery=1',
];
