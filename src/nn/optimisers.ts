/**
 * @file SGD, Adam and AdamW over lists of tensors, one `_foreach_` operator a step of the formula. State tensors have names, so that a checkpoint can hold them.
 */
import { noGrad } from '../engine/autograd.ts';
import { type Argument, operator } from '../engine/call.ts';
import { zerosLike } from '../engine/operators.ts';
import { keepForever, scope, type Tensor } from '../engine/tensor.ts';
import type { Parameter } from './parameters.ts';

/** Updates its parameters from gradients given in the same order; a null gradient leaves its parameter alone. */
export interface Optimiser {
  readonly parameters: readonly Parameter[];
  step(gradients: readonly (Tensor | null)[], learningRate: number): void;
  /** State by name, for checkpoints: the tensors themselves, to be read or copied into. */
  state(): ReadonlyMap<string, Tensor>;
  /** Number of steps taken; set when a checkpoint is loaded. */
  steps: number;
}

/** SGD with heavy-ball momentum: `v = momentum v + g + decay w; w -= rate v`. */
export function sgd(parameters: readonly Parameter[], options: { momentum: number; decay: number }): Optimiser {
  const velocity = parameters.map(({ tensor }) => state(tensor));
  return {
    parameters,
    steps: 0,
    state: () => named(parameters, { velocity }),
    step(gradients, learningRate) {
      update(() => {
        for (const group of groups(parameters, gradients)) {
          const { weights, grads } = group;
          const decayed = group.decay && options.decay > 0 ? foreach('add.List', grads, weights, options.decay) : grads;
          const moving = group.indices.map((i) => velocity[i]);
          foreachInPlace('mul_.Scalar', moving, options.momentum);
          foreachInPlace('add_.List', moving, decayed, 1);
          foreachInPlace('add_.List', weights, moving, -learningRate);
        }
      });
      this.steps++;
    },
  };
}

/** Adam; `decoupled` makes it AdamW (decay applied to the weight, not to the gradient). */
export function adam(
  parameters: readonly Parameter[],
  options: { beta1?: number; beta2?: number; epsilon?: number; decay: number; decoupled: boolean },
): Optimiser {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay, decoupled } = options;
  const first = parameters.map(({ tensor }) => state(tensor));
  const second = parameters.map(({ tensor }) => state(tensor));
  return {
    parameters,
    steps: 0,
    state: () => named(parameters, { first, second }),
    step(gradients, learningRate) {
      const count = this.steps + 1;
      const correction = Math.sqrt(1 - beta2 ** count);
      update(() => {
        for (const group of groups(parameters, gradients)) {
          const { weights } = group;
          let { grads } = group;
          if (group.decay && decay > 0) {
            if (decoupled) foreachInPlace('mul_.Scalar', weights, 1 - learningRate * decay);
            else grads = foreach('add.List', grads, weights, decay);
          }
          const m = group.indices.map((i) => first[i]);
          const v = group.indices.map((i) => second[i]);
          foreachInPlace('mul_.Scalar', m, beta1);
          foreachInPlace('add_.List', m, grads, 1 - beta1);
          foreachInPlace('mul_.Scalar', v, beta2);
          foreachInPlace('addcmul_.Scalar', v, grads, grads, 1 - beta2);
          const denominator = foreach('sqrt', v);
          foreachInPlace('div_.Scalar', denominator, correction);
          foreachInPlace('add_.Scalar', denominator, epsilon);
          foreachInPlace('addcdiv_.Scalar', weights, m, denominator, -learningRate / (1 - beta1 ** count));
        }
      });
      this.steps = count;
    },
  };
}

/** Scales gradients in place so that their joint 2-norm is at most `limit`; returns the norm before. */
export function clipGradients(gradients: readonly (Tensor | null)[], limit: number): number {
  return noGrad(() =>
    scope(() => {
      const present = gradients.filter((gradient): gradient is Tensor => gradient !== null);
      const total = jointNorm(present);
      if (total > limit) foreachInPlace('mul_.Scalar', present, limit / (total + 1e-6));
      return total;
    }),
  );
}

/** The 2-norm of all elements of all tensors; 0 of none. */
export function jointNorm(tensors: readonly Tensor[]): number {
  if (tensors.length === 0) return 0;
  return noGrad(() =>
    scope(() => {
      const norms = foreach('norm.Scalar', tensors, 2);
      return operator('aten::linalg_vector_norm').one(operator('aten::stack').one(norms, 0), 2).item();
    }),
  );
}

/** Adds `factor` times each direction to its tensor, in place; null is no direction. */
export function addScaled(tensors: readonly Tensor[], directions: readonly (Tensor | null)[], factor: number): void {
  const moved = tensors.filter((_, i) => directions[i] !== null);
  const present = directions.filter((direction): direction is Tensor => direction !== null);
  if (moved.length > 0) update(() => foreachInPlace('add_.List', moved, present, factor));
}

interface Group {
  decay: boolean;
  indices: number[];
  weights: Tensor[];
  grads: Tensor[];
}

/** Parameters with a gradient, those that decay and those that do not. */
function groups(parameters: readonly Parameter[], gradients: readonly (Tensor | null)[]): Group[] {
  const result: Group[] = [];
  for (const decay of [true, false]) {
    const indices = parameters.flatMap((parameter, i) => (parameter.decay === decay && gradients[i] ? [i] : []));
    if (indices.length === 0) continue;
    result.push({
      decay,
      indices,
      weights: indices.map((i) => parameters[i].tensor),
      grads: indices.map((i) => gradients[i] as Tensor),
    });
  }
  return result;
}

const update = (work: () => void) => noGrad(() => scope(work));
const state = (tensor: Tensor) => noGrad(() => keepForever(zerosLike(tensor)));
const foreach = (name: string, ...args: Argument[]) => operator(`aten::_foreach_${name}`).many(...args) as Tensor[];
const foreachInPlace = (name: string, ...args: Argument[]) => void operator(`aten::_foreach_${name}`).many(...args);

function named(parameters: readonly Parameter[], slots: Record<string, Tensor[]>): ReadonlyMap<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [slot, tensors] of Object.entries(slots))
    tensors.forEach((tensor, i) => void all.set(`${parameters[i].name}.${slot}`, tensor));
  return all;
}
