/**
 * @file The named tensors of a network: weights that are trained and buffers that are carried along. Layers register theirs under a path.
 */
import { ArchitectureError } from '../base/errors.ts';
import { requireGradient } from '../engine/autograd.ts';
import { channelsLast, contiguous, permute, toDevice, toDType } from '../engine/operators.ts';
import { type DType, keepForever, scope, type Tensor } from '../engine/tensor.ts';
import type { Initialiser } from './initialisers.ts';
import { constant } from './initialisers.ts';

/** One trained tensor. */
export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  /** False for norm scales, shifts and biases, which weight decay leaves alone. */
  readonly decay: boolean;
}

/** Adds a tensor up over all processes that share a batch; differentiable. */
export type SumOverRanks = (x: Tensor) => Tensor;

/** Where initial values come from: a generator's id and the device to live on. */
export interface Origin {
  readonly generator: number;
  readonly device: string;
  /** Of all tensors; default: that of their initial values, float32. */
  readonly dtype?: DType;
  /** Present where batch norms take their statistics from the parts of all processes. */
  readonly sumOverRanks?: SumOverRanks;
  /** What norms add to a variance; default `NORM_EPSILON`. */
  readonly normEpsilon?: number;
}

/** A tree of named tensors. `child` gives a view under a prefix; all views share one registry. */
export class ParameterSet {
  readonly origin: Origin;
  readonly #prefix: string;
  readonly #parameters: Map<string, Parameter>;
  readonly #buffers: Map<string, Tensor>;

  constructor(origin: Origin, prefix = '', shared?: ParameterSet) {
    this.origin = origin;
    this.#prefix = prefix;
    this.#parameters = shared ? shared.#parameters : new Map();
    this.#buffers = shared ? shared.#buffers : new Map();
  }

  child(name: string | number): ParameterSet {
    return new ParameterSet(this.origin, `${this.#prefix}${name}.`, this);
  }

  /**
   * Registers a trained tensor; the name must be new. `order` is that of its axes in memory; neither shape nor values change.
   */
  weight(
    name: string,
    shape: readonly number[],
    initialise: Initialiser,
    options: { decay?: boolean; order?: MemoryOrder } = {},
  ): Tensor {
    const path = this.#claim(name);
    const tensor = scope(() => {
      const value = this.#place(initialise(shape, this.origin.generator));
      return keepForever(requireGradient(ORDERS[options.order ?? 'plain'](value)));
    });
    this.#parameters.set(path, { name: path, tensor, decay: options.decay ?? true });
    return tensor;
  }

  /** Registers a tensor that is stored with the weights but not trained. */
  buffer(name: string, shape: readonly number[], value: number): Tensor {
    const path = this.#claim(name);
    const tensor = scope(() => keepForever(this.#place(constant(value)(shape, this.origin.generator))));
    this.#buffers.set(path, tensor);
    return tensor;
  }

  /** All trained tensors, in the order of registration. */
  parameters(): readonly Parameter[] {
    return [...this.#parameters.values()];
  }

  /** Every tensor by name, weights and buffers. */
  entries(): ReadonlyMap<string, Tensor> {
    const all = new Map<string, Tensor>();
    for (const [name, { tensor }] of this.#parameters) all.set(name, tensor);
    for (const [name, tensor] of this.#buffers) all.set(name, tensor);
    return all;
  }

  /** Number of trained elements. */
  count(): number {
    return this.parameters().reduce((total, { tensor }) => total + tensor.size, 0);
  }

  free(): void {
    for (const tensor of this.entries().values()) tensor.free();
    this.#parameters.clear();
    this.#buffers.clear();
  }

  #place(value: Tensor): Tensor {
    const { device, dtype } = this.origin;
    return toDevice(dtype === undefined ? value : toDType(value, dtype), device);
  }

  #claim(name: string): string {
    const path = this.#prefix + name;
    if (this.#parameters.has(path) || this.#buffers.has(path))
      throw new ArchitectureError(`two tensors are called "${path}"`);
    return path;
  }
}

/**
 * How a weight `[outputs, inputs, ...kernel]` lies in memory: as it is written; with its inputs innermost, as libtorch reads it for channels-last inputs
 * (other orders are copied in every pass); or with its outputs innermost, as kernels that compute many outputs at once read it.
 */
export type MemoryOrder = 'plain' | 'channelsLast' | 'outputsLast';

/** `[outputs, inputs, ...kernel]` in the memory order `[...kernel, inputs, outputs]`. */
function outputsLast(weight: Tensor): Tensor {
  const kernelAxes = weight.shape.slice(2).map((_, axis) => axis);
  const axes = weight.shape.length;
  return permute(contiguous(permute(weight, [...kernelAxes.map((axis) => axis + 2), 1, 0])), [
    axes - 1,
    axes - 2,
    ...kernelAxes,
  ]);
}

const ORDERS: Readonly<Record<MemoryOrder, (weight: Tensor) => Tensor>> = {
  plain: (weight) => weight,
  channelsLast,
  outputsLast,
};
