/**
 * @file Gradients: recorded by libtorch as operators run, asked for here.
 */
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** Adds the gradient of `output` (one element, or with `gradient` of its shape) to `.gradient` of every leaf that requires it. */
export function backward(output: Tensor, gradient: Tensor | null = null, options: { keepGraph?: boolean } = {}): void {
  native().backward([output.handle], [gradient?.handle ?? null], options.keepGraph ?? false);
}

/** The gradients of the sum of `outputs` with respect to each input; null where an output does not depend on it. `createGraph` makes them differentiable. */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { gradients?: readonly (Tensor | null)[]; keepGraph?: boolean; createGraph?: boolean } = {},
): (Tensor | null)[] {
  const createGraph = options.createGraph ?? false;
  const handles = native().gradients(
    outputs.map((tensor) => tensor.handle),
    inputs.map((tensor) => tensor.handle),
    outputs.map((_, i) => options.gradients?.[i]?.handle ?? null),
    options.keepGraph ?? createGraph,
    createGraph,
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** What `backward` has added up for this leaf, or null. */
export function gradientOf(tensor: Tensor): Tensor | null {
  const handle = native().gradientOf(tensor.handle);
  return handle === null ? null : new Tensor(handle);
}

/** Forgets (null) or sets the accumulated gradient of a leaf. */
export function setGradient(tensor: Tensor, gradient: Tensor | null): void {
  native().setGradient(tensor.handle, gradient?.handle ?? null);
}

/** Marks a leaf as one whose gradient is wanted. Returns it. */
export function requireGradient(tensor: Tensor, flag = true): Tensor {
  native().requireGradient(tensor.handle, flag);
  return tensor;
}

/** Runs `work` without recording. */
export function noGrad<T>(work: () => T): T {
  const before = native().gradientMode(false);
  try {
    return work();
  } finally {
    native().gradientMode(before);
  }
}

/** How the gradients of a loss with respect to `tensors` are computed; null where it does not depend on one. */
export type GradientsOf = (loss: Tensor, tensors: readonly Tensor[]) => readonly (Tensor | null)[];
