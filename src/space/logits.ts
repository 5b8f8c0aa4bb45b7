/**
 * @file The logits of an Auto-DeepLab architecture as plain numbers: what a search logs and stores, and what is decoded. @paper auto-deeplab section 4.1
 */

/** Which moves sum to one: those that leave a node (the paper), or those that enter it. */
export type BetaNormalisation = 'outgoing' | 'incoming';

/** Raw logits of operators and moves. */
export interface AutoDeepLabLogits {
  /** `[edges][operators]`. */
  readonly alpha: readonly (readonly number[])[];
  /** `[transitions][level left][move]`, null where there is no edge; moves are finer, same, coarser. */
  readonly beta: readonly (readonly (readonly (number | null)[])[])[];
  /** Default: outgoing. */
  readonly betaNormalisation?: BetaNormalisation;
  /** Of partial channels: `[edges]`, to be normalised over the edges into a block. */
  readonly predecessors?: readonly number[];
}
