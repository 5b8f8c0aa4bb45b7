/**
 * @file A histogram of numbers as TensorBoard takes them: buckets of one width from the smallest to the largest.
 */

/** Buckets of a histogram, what TensorBoard shows. */
const BUCKETS = 30;

/** Counts of numbers in buckets: bucket i has those up to `limits[i]`, from the limit before it on. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** Upper ends, ascending; the last one is `max`. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/** The histogram of at least one finite number; one bucket where all are equal. */
export function histogramOf(numbers: readonly number[]): Histogram {
  const min = numbers.reduce((least, value) => Math.min(least, value));
  const max = numbers.reduce((most, value) => Math.max(most, value));
  const buckets = max > min ? BUCKETS : 1;
  const limits = Array.from({ length: buckets }, (_, i) =>
    i === buckets - 1 ? max : min + ((i + 1) / buckets) * (max - min),
  );
  const counts = Array<number>(buckets).fill(0);
  for (const value of numbers) counts[limits.findIndex((limit) => value <= limit)]++;
  const sum = numbers.reduce((total, value) => total + value, 0);
  const sumOfSquares = numbers.reduce((total, value) => total + value * value, 0);
  return { min, max, count: numbers.length, sum, sumOfSquares, limits, counts };
}

/** The finite numbers in nested lists; those that are null, such as moves that do not exist, are left out. */
export function numbersIn(table: unknown): number[] {
  if (typeof table === 'number') return Number.isFinite(table) ? [table] : [];
  return Array.isArray(table) ? table.flatMap(numbersIn) : [];
}
