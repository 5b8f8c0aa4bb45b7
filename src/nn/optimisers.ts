/**
 * @file SGD, Adam and AdamW over lists of tensors: on the CPU one operator for all of it, elsewhere one `_foreach_` for each term of the formula. State tensors
 * have names, so that a checkpoint can hold them.
 */
import { noGrad } from '../engine/autograd.ts';
import { type Argument, operator } from '../engine/call.ts';
import { zerosLike } from '../engine/operators.ts';
import { keepForever, scope, type Tensor } from '../engine/tensor.ts';
import type { Parameter } from './parameters.ts';

/** Updates its parameters from gradients given in the same order; a null gradient leaves its parameter alone. */
export interface Optimiser {
  readonly parameters: readonly Parameter[];
  /** @param scale factor of all gradients, as of one that is clipped; default 1 */
  step(gradients: readonly (Tensor | null)[], learningRate: number, scale?: number): void;
  /** State by name, for checkpoints: the tensors themselves, to be read or copied into. */
  state(): ReadonlyMap<string, Tensor>;
  /** Number of steps taken; set when a checkpoint is loaded. */
  steps: number;
}

/** What the learning rate is multiplied by for the parameter of a name; above 0. */
export type RateOf = (name: string) => number;

/** SGD with heavy-ball momentum: `v = momentum v + g + decay w; w -= rate v`. */
export function sgd(
  parameters: readonly Parameter[],
  options: { momentum: number; decay: number; rateOf?: RateOf },
): Optimiser {
  const velocity = parameters.map(({ tensor }) => state(tensor));
  return {
    parameters,
    steps: 0,
    state: () => named(parameters, { velocity }),
    step(gradients, learningRate, scale = 1) {
      update(() => {
        for (const group of groups(parameters, gradients, options.rateOf)) {
          const { weights, grads, decays } = group;
          const rate = learningRate * group.rate;
          const decay = decays ? options.decay : 0;
          const moving = group.indices.map((i) => velocity[i]);
          if (isFused(weights)) {
            operator('espalier::sgd_step').plain(weights, grads, moving, options.momentum, decay, rate, scale);
            continue;
          }
          const scaled = scale === 1 ? grads : foreach('mul.Scalar', grads, scale);
          const decayed = decay > 0 ? foreach('add.List', scaled, weights, decay) : scaled;
          foreachInPlace('mul_.Scalar', moving, options.momentum);
          foreachInPlace('add_.List', moving, decayed, 1);
          foreachInPlace('add_.List', weights, moving, -rate);
        }
      });
      this.steps++;
    },
  };
}

/** Adam; `decoupled` makes it AdamW (decay applied to the weight, not to the gradient). */
export function adam(
  parameters: readonly Parameter[],
  options: { beta1?: number; beta2?: number; epsilon?: number; decay: number; decoupled: boolean; rateOf?: RateOf },
): Optimiser {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay, decoupled, rateOf } = options;
  const first = parameters.map(({ tensor }) => state(tensor));
  const second = parameters.map(({ tensor }) => state(tensor));
  return {
    parameters,
    steps: 0,
    state: () => named(parameters, { first, second }),
    step(gradients, learningRate, scale = 1) {
      const count = this.steps + 1;
      const correction = Math.sqrt(1 - beta2 ** count);
      update(() => {
        for (const { weights, grads, decays, indices, rate: factor } of groups(parameters, gradients, rateOf)) {
          const own = learningRate * factor;
          const rate = own / (1 - beta1 ** count);
          const [added, shrink] = [decays && !decoupled ? decay : 0, decays && decoupled ? own * decay : 0];
          const m = indices.map((i) => first[i]);
          const v = indices.map((i) => second[i]);
          if (isFused(weights)) {
            const numbers = [beta1, beta2, epsilon, added, shrink, rate, correction, scale];
            operator('espalier::adam_step').plain(weights, grads, m, v, ...numbers);
            continue;
          }
          if (shrink > 0) foreachInPlace('mul_.Scalar', weights, 1 - shrink);
          const scaled = scale === 1 ? grads : foreach('mul.Scalar', grads, scale);
          const decayed = added > 0 ? foreach('add.List', scaled, weights, added) : scaled;
          foreachInPlace('mul_.Scalar', m, beta1);
          foreachInPlace('add_.List', m, decayed, 1 - beta1);
          foreachInPlace('mul_.Scalar', v, beta2);
          foreachInPlace('addcmul_.Scalar', v, decayed, decayed, 1 - beta2);
          const denominator = foreach('sqrt', v);
          foreachInPlace('div_.Scalar', denominator, correction);
          foreachInPlace('add_.Scalar', denominator, epsilon);
          foreachInPlace('addcdiv_.Scalar', weights, m, denominator, -rate);
        }
      });
      this.steps = count;
    },
  };
}

/** What gradients of a joint norm are to be scaled by, so that it is at most `limit`; in (0, 1]. */
export const clipScale = (norm: number, limit: number): number => (norm > limit ? limit / (norm + 1e-6) : 1);

/** The 2-norm of all elements of all tensors; 0 of none. */
export function jointNorm(tensors: readonly Tensor[]): number {
  if (tensors.length === 0) return 0;
  if (isFused(tensors)) return Number(operator('espalier::joint_norm').plain(tensors));
  return noGrad(() =>
    scope(() => {
      const norms = foreach('norm.Scalar', tensors, 2);
      return operator('aten::linalg_vector_norm').one(operator('aten::stack').one(norms, 0), 2).item();
    }),
  );
}

/** Whether one operator computes all of a step; elsewhere it is one for each term of the formula. */
const isFused = ([first]: readonly Tensor[]): boolean =>
  first.device === 'cpu' && (first.dtype === 'float32' || first.dtype === 'float64');

/** Adds `factor` times each direction to its tensor, in place; null is no direction. */
export function addScaled(tensors: readonly Tensor[], directions: readonly (Tensor | null)[], factor: number): void {
  const moved = tensors.filter((_, i) => directions[i] !== null);
  const present = directions.filter((direction): direction is Tensor => direction !== null);
  if (moved.length > 0) update(() => foreachInPlace('add_.List', moved, present, factor));
}

interface Group {
  decays: boolean;
  /** Factor of the learning rate. */
  rate: number;
  indices: number[];
  weights: Tensor[];
  grads: Tensor[];
}

/** Parameters with a gradient: those that decay, then those that do not, each apart by the factor of their learning rate. */
function groups(
  parameters: readonly Parameter[],
  gradients: readonly (Tensor | null)[],
  rateOf: RateOf = () => 1,
): Group[] {
  const result = new Map<string, Group>();
  for (const decays of [true, false])
    parameters.forEach((parameter, i) => {
      const gradient = gradients[i];
      if (parameter.decay !== decays || !gradient) return;
      const rate = rateOf(parameter.name);
      const key = `${decays} ${rate}`;
      const group = result.get(key) ?? { decays, rate, indices: [], weights: [], grads: [] };
      result.set(key, group);
      group.indices.push(i);
      group.weights.push(parameter.tensor);
      group.grads.push(gradient);
    });
  return [...result.values()];
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
