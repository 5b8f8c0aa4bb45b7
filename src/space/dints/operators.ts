/** @file The candidate operators of an edge of DiNTS, in the order of every table of logits. @paper dints section 2 */

/** Name of a candidate operator; those that begin with `p3d` exist in volumes only. */
export type DintsOperator = 'skip' | 'conv3' | 'p3d331' | 'p3d313' | 'p3d133';

/** What an operator is made of. */
export interface DintsOperatorParts {
  /**
   * Windows of its convolutions, one after the other, between a ReLU and a norm; none for the identity. One number is the side along every axis,
   * a list has one number an axis in the order of the tensor, `[depth, height, width]`.
   */
  readonly kernels: readonly (number | readonly number[])[];
}

/** The parts by name. A pseudo-3D operator is a square window followed by a line along the axis that it leaves out. */
export const DINTS_OPERATORS: Readonly<Record<DintsOperator, DintsOperatorParts>> = {
  skip: { kernels: [] },
  conv3: { kernels: [3] },
  p3d331: {
    kernels: [
      [3, 3, 1],
      [1, 1, 3],
    ],
  },
  p3d313: {
    kernels: [
      [3, 1, 3],
      [1, 3, 1],
    ],
  },
  p3d133: {
    kernels: [
      [1, 3, 3],
      [3, 1, 1],
    ],
  },
};

/** The names in order, by the number of spatial axes. */
export const DINTS_OPERATOR_NAMES: Readonly<Record<2 | 3, readonly DintsOperator[]>> = {
  2: ['skip', 'conv3'],
  3: ['skip', 'conv3', 'p3d331', 'p3d313', 'p3d133'],
};

/** The number of spatial axes that has so many operators, or undefined when none has. */
export const rankOfOperators = (operators: number): 2 | 3 | undefined =>
  ([2, 3] as const).find((rank) => DINTS_OPERATOR_NAMES[rank].length === operators);
