/**
 * @file A method of architecture search as one value: its supernet, its objective, its optimisers, its decoder. The loops know only this type; what a
 * genotype is built to is decided by the genotype (`buildGraph`), since it outlives its search.
 */
import type { Tensor } from '../engine/tensor.ts';
import type { Pass } from '../nn/layers.ts';
import type { Optimiser } from '../nn/optimisers.ts';
import type { Parameter, ParameterSet } from '../nn/parameters.ts';
import type { Schedule, ScheduleSettings } from '../nn/schedules.ts';
import type { Genotype } from '../space/genotype.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';
import type { SearchBudget } from './budget/searchBudget.ts';

/** What the search loop trains. */
export interface SearchNetwork {
  readonly weights: ParameterSet;
  /** The architecture logits, for an optimiser of their own. */
  readonly architecture: readonly Parameter[];
  /** Logits `[batch, classes, ...spatial]` at the size of the input; with a genotype only what that one keeps is computed, and counts fully. */
  forward(images: Tensor, pass: Pass, genotype?: Genotype): Tensor;
  /** Whether training passes do the same in every step: nothing is drawn in them. */
  readonly steady: boolean;
  /** What the architecture minimises: the loss of its outputs and, growing with `ramp` in [0, 1], the method's own terms. */
  objective(outputLoss: Tensor, ramp: number | Tensor): Tensor;
  /** The logits of the architecture as plain numbers. */
  snapshot(): unknown;
  /** What the user should know about how it computes, such as that a fast path is not taken. */
  readonly notes?: readonly string[];
}

/** The steps of the weights of a search (SGD), as settings. */
export interface WeightDescent extends ScheduleSettings {
  readonly momentum: number;
  readonly decay: number;
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
}

/** Bytes of a number in float32. */
export const NUMBER_BYTES = 4;

/** What the architecture looks like at the end of an epoch. */
export interface DecodedArchitecture {
  readonly genotype: Genotype;
  /** What the method measures, by the name it is logged under; names that end in `Entropy` are in nats. `skipShare` is of the decoded operators. */
  readonly metrics: Readonly<Record<string, number>> & { readonly skipShare: number };
  /** The entropies among the metrics as they are where nothing is decided. */
  readonly limits: Readonly<Record<string, number>>;
  /** What the user should know, such as a search that collapses. */
  readonly warnings: readonly string[];
}

/** An optimiser with its learning rate by the share of the search that is done. */
export interface Optimisation {
  readonly optimiser: Optimiser;
  readonly rate: Schedule;
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
}

/** What a search network is made for. */
export interface SearchData {
  readonly rank: 2 | 3;
  /** Channels of an image. */
  readonly inputs: number;
  readonly classes: number;
  /** Samples a step. */
  readonly batch: number;
  /** Sides of a crop. */
  readonly size: readonly number[];
  /** What the network that is trained afterwards may cost: a term of the objective, and a limit of what is decoded. */
  readonly budget?: SearchBudget;
}

/** A method with the settings of its space. */
export interface Method {
  readonly name: Genotype['method'];
  /** Sides of a crop are `multiple m + remainder`, m from 1. */
  readonly sides: { readonly multiple: number; readonly remainder: number };
  createSearchNetwork(origin: ParameterSet['origin'], data: SearchData): SearchNetwork;
  /**
   * Bytes that a pass on the CPU keeps from the images to the loss for its backward pass; weights are not counted.
   * @param sharedNorms whether norms take the statistics of several processes
   */
  keptBytes(data: SearchData, memory: KeptMemory, sharedNorms: boolean): number;
  /** One optimiser for the weights and one for the architecture, each over its own parameters. */
  optimise(network: SearchNetwork): { readonly weights: Optimisation; readonly architecture: Optimisation };
  /** Decodes a snapshot and measures it. */
  describe(snapshot: unknown, data: SearchData): DecodedArchitecture;
}
