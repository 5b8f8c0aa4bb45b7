/**
 * @file A method of architecture search as one value: its supernet, its decoder, its builder. The loops know only this type.
 */
import type { Tensor } from '../engine/tensor.ts';
import type { Pass } from '../nn/layers.ts';
import type { Parameter, ParameterSet } from '../nn/parameters.ts';
import type { Genotype } from '../space/genotype.ts';

/** What the search loop trains. */
export interface SearchNetwork {
  readonly weights: ParameterSet;
  /** The architecture logits, for an optimiser of their own. */
  readonly architecture: readonly Parameter[];
  /** Logits `[batch, classes, ...spatial]` at the size of the input. */
  forward(images: Tensor, pass: Pass): Tensor;
  /** The logits of the architecture as plain numbers. */
  snapshot(): unknown;
}

/** What the architecture looks like at the end of an epoch. */
export interface ArchitectureState {
  readonly genotype: Genotype;
  /** Mean entropy of the operator distributions, nats. */
  readonly operatorEntropy: number;
  /** Mean entropy of the moves between resolutions, nats. */
  readonly moveEntropy: number;
  /** Share of skips among the operators that decoding keeps, in [0, 1]. */
  readonly skipShare: number;
}

/** A method; `Settings` are the keys of its space. */
export interface Method<Settings> {
  readonly name: string;
  createSearchNetwork(
    origin: ParameterSet['origin'],
    settings: Settings,
    data: { inputs: number; classes: number },
  ): SearchNetwork;
  /** Decodes a snapshot and measures how decided it is. */
  describe(snapshot: unknown, settings: Settings): ArchitectureState;
}
