/** @file The candidate operators of a cell, in the order of every table of logits. @paper auto-deeplab section 3.1 */

/** What an operator is made of; `kernel` is the kernel size. How to add one: docs/operators.md. */
export const OPERATORS = {
  sep3x3: { kind: 'separable', kernel: 3 },
  sep5x5: { kind: 'separable', kernel: 5 },
  atrous3x3: { kind: 'atrous', kernel: 3 },
  atrous5x5: { kind: 'atrous', kernel: 5 },
  avgPool3x3: { kind: 'averagePool', kernel: 3 },
  maxPool3x3: { kind: 'maxPool', kernel: 3 },
  skip: { kind: 'skip', kernel: 1 },
  zero: { kind: 'zero', kernel: 1 },
} as const;

/** Name of a candidate operator. */
export type OperatorName = keyof typeof OPERATORS;

/** What computes an operator; each kind is a case of `supernet/mixedOp.ts`, `supernet/stateOperators.ts` and `models/autoDeepLab.ts`. */
export type OperatorKind = (typeof OPERATORS)[OperatorName]['kind'];

/** The names in order. */
export const OPERATOR_NAMES = Object.keys(OPERATORS) as OperatorName[];

/** The names that a decoded cell may hold: all but zero. */
export const DECODED_OPERATOR_NAMES = OPERATOR_NAMES.filter((name) => name !== 'zero');
