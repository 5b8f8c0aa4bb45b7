/** @file The genotype: an architecture as plain data. */
import type { OperatorName } from './operators.ts';

/** A decoded architecture. */
export interface Genotype {
  readonly format: 'espalier-genotype';
  readonly version: 1;
  readonly method: 'auto-deeplab';
  readonly rank: 2 | 3;
  readonly layers: number;
  readonly blocks: number;
  /** Filters F. */
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
  /** Level of every layer, length `layers`. */
  readonly path: readonly number[];
  readonly cell: readonly {
    readonly block: number;
    readonly inputs: readonly { readonly from: number; readonly operator: OperatorName }[];
  }[];
}
