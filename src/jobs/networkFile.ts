/**
 * @file `network.json`, parsed: a run may be a stranger's, and its numbers decide what prediction allocates. What the architecture says is parsed in
 * `models/`; how large the network is, is compared with its stored weights.
 */
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { measuredChannelsSchema } from '../data/channels/schema.ts';
import { countNetwork, type NetworkGraph } from '../models/graph.ts';
import { MAX_INPUT } from '../portable/metadata.ts';

const MOST_CLASSES = 256;
/** Longer sides of images end at `MAX_PIXELS`. */
const LONGEST_SIDE = 2 ** 14;

const channels = z.int().min(1).max(65536);
const byte = z.int().min(0).max(255);
const spacing = z.number().min(1e-7).max(1e5);
const classId = z
  .int()
  .min(0)
  .max(MOST_CLASSES - 1);

/** Fields of other versions pass, and fields that earlier versions did not write may be missing. */
const FIELDS = z.looseObject({
  options: z.looseObject({
    rank: z.literal([2, 3]).optional(),
    inputs: z.int().min(1).max(MOST_CLASSES),
    classes: z.int().min(1).max(MOST_CLASSES),
    filters: channels.optional(),
    widths: z.array(channels).max(64).optional(),
    stem: z.tuple([channels, channels, channels]).optional(),
    head: z
      .looseObject({
        aspp: channels.optional(),
        decoder: channels.optional(),
        lowLevel: channels.optional(),
        rates: z.tuple([channels, channels, channels]).optional(),
      })
      .optional(),
    deepSupervision: z.boolean().optional(),
    norm: z.looseObject({ epsilon: z.number().optional(), momentum: z.number().optional() }).optional(),
  }),
  classes: z
    .array(z.looseObject({ name: z.string(), colour: z.tuple([byte, byte, byte]) }))
    .min(1)
    .max(MOST_CLASSES),
  regions: z
    .array(
      z.looseObject({
        name: z.string(),
        colour: z.tuple([byte, byte, byte]),
        classes: z.array(classId).min(1).max(MOST_CLASSES),
        written: classId,
      }),
    )
    .min(1)
    .max(MOST_CLASSES)
    .optional(),
  submissionValues: z.array(z.int().min(0).max(65535)).max(MOST_CLASSES).optional(),
  reduction: z.number().min(1).max(1024),
  longSide: z.int().min(1).max(LONGEST_SIDE).optional(),
  images: measuredChannelsSchema.optional(),
  volumes: z
    .looseObject({
      modalities: z.array(z.string()).min(1).max(MOST_CLASSES),
      preparation: z.looseObject({
        spacingMm: z.tuple([spacing, spacing, spacing]).nullable(),
        normalisation: z.array(z.looseObject({ kind: z.enum(['window', 'zscore', 'none']) })).max(MOST_CLASSES),
        cropForeground: z.boolean(),
      }),
      window: z
        .array(z.int().min(1).max(MAX_INPUT))
        .length(3)
        .refine((sides) => sides.reduce((a, b) => a * b) <= MAX_INPUT, `expected at most ${MAX_INPUT} voxels`),
      largestComponents: z.array(classId).max(MOST_CLASSES),
    })
    .optional(),
});

/** Regions are one for each output, and of the classes that there are. */
const FILE = FIELDS.refine(
  ({ options, classes, regions }) =>
    regions === undefined ||
    (regions.length === options.classes &&
      regions.every(({ classes: ids, written }) => [...ids, written].every((id) => id < classes.length))),
  { path: ['regions'], message: 'expected a region of known classes for each output' },
);

/**
 * @param stored numbers in the stored weights
 * @throws DataError when a network is larger than its weights: it would be allocated before they are missed.
 */
export function requireStored(graph: NetworkGraph, stored: number, file: string): void {
  const { parameters } = countNetwork(graph, new Array<number>(graph.rank).fill(graph.sideMultiple ?? 64));
  if (parameters > stored)
    throw new DataError(
      `${file}: describes a network of ${parameters} weights, got ${stored} in the files beside it`,
      'give the folder of a run as espalier train wrote it',
    );
}

/** @throws DataError that names the first field which is none that a training writes. */
export function requireNetworkFile(value: unknown, file: string): void {
  const result = FILE.safeParse(value);
  if (result.success) return;
  const [{ path, message }] = result.error.issues;
  throw new DataError(
    `${file}: ${path.join('.').slice(0, 60) || 'all of it'}: ${message.toLowerCase().slice(0, 120)}`,
    'give the folder of a run of espalier train',
  );
}
