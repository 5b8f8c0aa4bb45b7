/**
 * @file The state in the checkpoint of a run, parsed: what JSON holds is not trusted to be what was saved.
 */
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { StoredTensor } from '../../run/safetensors.ts';
import { loadTensor } from './tensors.ts';

const count = z.int().min(0);
const mean = z.looseObject({ total: z.number(), steps: count });
/** Absent parts are of earlier versions: they begin anew. */
const common = {
  epoch: count,
  step: count,
  health: z.looseObject({ lost: count, high: count, first: z.number().nullable() }).optional(),
  drawn: z.looseObject({ all: count, empty: count }).optional(),
};

/** The state of a training. */
export const TRAINING_STATE = z.looseObject({
  progress: z.looseObject({
    ...common,
    current: z.looseObject({ steps: count, loss: mean, learningRate: z.number() }),
    seconds: z.number(),
    best: z.number(),
    waited: count.optional(),
    kept: z.array(z.looseObject({ epoch: count, score: z.number() })).optional(),
  }),
  steps: count,
});

/** The state of a search. */
export const SEARCH_STATE = z.looseObject({
  progress: z.looseObject({
    ...common,
    current: z.looseObject({ steps: count, weightLoss: mean, architectureLoss: mean }),
    collapsed: z.boolean().optional(),
  }),
  steps: z.looseObject({ weights: count, architecture: count }),
});

/** The state as it is, once it has the form. @throws DataError that names the first part which has not. */
export function requireState<State>(schema: z.ZodType, state: State): State {
  const result = schema.safeParse(state);
  if (result.success) return state;
  const [{ path, message }] = result.error.issues;
  throw new DataError(`the state of the checkpoint: ${path.join('.') || 'all of it'}: ${message.toLowerCase()}`, FIX);
}

/** A tensor that every checkpoint of a kind has. @throws DataError where it is missing. */
export function requireTensor(tensors: Readonly<Record<string, StoredTensor>>, name: string): Tensor {
  const stored = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  if (stored === undefined) throw new DataError(`the checkpoint has no tensor "${name}"`, FIX);
  return loadTensor(stored);
}

const FIX = 'remove checkpoints/last to continue from the one before it, if there is one';
