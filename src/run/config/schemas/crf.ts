/**
 * @file The settings of the fully connected CRF behind a network.
 */
import { z } from 'zod';
import { choice, group, notNegative, optionalText, setting, switched, whole } from './fields.ts';

/** What follows the network. */
export const postprocess = choice(
  ['none', 'crf'],
  'none',
  'crf: a fully connected CRF refines the probabilities of the network, see crf.*',
);

const deviations = (value: number, description: string) =>
  setting(
    z.union([z.number().positive(), z.array(z.number().positive()).min(2).max(3)]).default(value),
    'a number above 0, or one for each axis',
    description,
  );

/** The CRF of one image; the defaults are those of the public code of DeepLabv2 for PASCAL VOC. */
export const crfKeys = {
  iterations: whole(1, 10, 'iterations of the mean field'),
  appearance: group({
    weight: notNegative(4, 'weight of the appearance kernel, between pixels that are near and look alike; 0 is none'),
    position: deviations(67, 'of the appearance kernel: standard deviation of positions in pixels or voxels'),
    intensity: setting(
      z.number().positive().optional(),
      'a number above 0',
      'of the appearance kernel: standard deviation of colours from 0 to 255 (default 3), of volumes of prepared intensities (default 0.1)',
    ),
  }),
  smoothness: group({
    weight: notNegative(3, 'weight of the smoothness kernel, between pixels that are near; 0 is none'),
    position: deviations(1, 'of the smoothness kernel: standard deviation of positions in pixels or voxels'),
  }),
  exact: switched(false, 'sum over all pairs of pixels instead of filtering; for at most 4,096 pixels'),
};

/** The CRF of an evaluation, which may find its weights itself. */
export const tunedCrf = group({
  ...crfKeys,
  tune: switched(false, 'find both weights on a small grid, on other samples than those that are scored'),
  tuneOn: optionalText(
    'of crf.tune: split to find them on; by default val, and train where val is scored. It may not be the one that is scored',
  ),
  tuneSamples: whole(1, 12, 'of crf.tune: samples to find them on, spread over the split'),
});

/** Trusted settings, defaults filled in. */
export type CrfConfig = z.output<typeof tunedCrf>;
