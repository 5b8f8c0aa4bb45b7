/**
 * @file The smallest and the largest of a list of any length: a call of `Math.max` takes some 120,000 arguments at most.
 */

/** The smallest and the largest value; of an empty list infinite ones. */
export const rangeOf = (values: readonly number[]): [low: number, high: number] =>
  values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
