/** @file The views of a run by their names. Pure. */

/** The views of a run, in the order of the tabs. */
export const VIEWS = [
  'race',
  'curves',
  'trellis',
  'cell',
  'network',
  'samples',
  'confusion',
  'cost',
  'data',
  'settings',
] as const;
export type ViewName = (typeof VIEWS)[number];
