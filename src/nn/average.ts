/**
 * @file Exponential moving average of a network's tensors: what is evaluated and shipped, smoother than the last step.
 */
import { noGrad } from '../engine/autograd.ts';
import { operator } from '../engine/call.ts';
import { copyInto } from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import type { ParameterSet } from './parameters.ts';

/** Makes `target` equal to `source`, tensor by tensor; both hold the same names. */
export function copyParameters(source: ParameterSet, target: ParameterSet): void {
  const from = source.entries();
  noGrad(() =>
    scope(() => target.entries().forEach((tensor, name) => void copyInto(tensor, from.get(name) as Tensor))),
  );
}

/** `target = decay target + (1 - decay) source` for weights and buffers. */
export function averageInto(source: ParameterSet, target: ParameterSet, decay: number): void {
  const from = [...source.entries().values()];
  const to = [...target.entries().values()];
  noGrad(() =>
    scope(() => {
      operator('aten::_foreach_mul_.Scalar').many(to, decay);
      operator('aten::_foreach_add_.List').many(to, from, 1 - decay);
    }),
  );
}

/** The decay after `steps` steps: rises to `decay`, so that early steps do not drag the first weights along. */
export const averageDecay = (decay: number, steps: number): number => Math.min(decay, (1 + steps) / (10 + steps));
