/**
 * @file Measured channels as a run and a model keep them, parsed: files may be a stranger's.
 */
import { z } from 'zod';
import { MAX_CHANNELS, SAMPLE_TYPES } from './format.ts';

const range = z.tuple([z.number(), z.number()]);

const normalisation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('window'), window: range, mean: z.number(), deviation: z.number().positive() }),
  z.object({ kind: z.literal('zscore'), percentiles: range }),
  z.object({ kind: z.literal('none') }),
]);

/** `MeasuredChannels`: numbers are finite, and there is one normalisation for each name. */
export const measuredChannelsSchema = z
  .object({
    names: z.array(z.string().min(1).max(100)).min(1).max(MAX_CHANNELS),
    dtype: z.enum(SAMPLE_TYPES),
    normalisation: z.array(normalisation).min(1).max(MAX_CHANNELS),
  })
  .refine(({ names, normalisation: all }) => names.length === all.length, 'expected one normalisation for each name');
