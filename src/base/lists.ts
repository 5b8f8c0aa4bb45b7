/** @file What is done with lists of any length: a call takes some 120,000 arguments at most, so none may be spread into one. */

/** The smallest and the largest value; of an empty list infinite ones. */
export const rangeOf = (values: readonly number[]): [low: number, high: number] =>
  values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );

/** Adds `values` to the end of `list`; they may be more than a call takes arguments. */
export function appendAll<T>(list: T[], values: Iterable<T>): void {
  for (const value of values) list.push(value);
}
