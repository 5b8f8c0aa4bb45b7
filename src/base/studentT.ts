/**
 * @file Student's t: how many standard errors an interval of 95 % reaches to either side where a variance is estimated from few values.
 */

/** Quantiles of Student's t at 0.975 for 1 to 10 degrees of freedom. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** The quantile of the normal distribution at 0.975: what t approaches. */
export const NORMAL_975 = 1.96;

/** The quantile of Student's t at 0.975; infinite below one degree of freedom. */
export function studentT975(degrees: number): number {
  if (degrees < 1) return Number.POSITIVE_INFINITY;
  // Beyond the table by the first terms of the expansion of t in 1 / degrees.
  return T[degrees - 1] ?? NORMAL_975 * (1 + (NORMAL_975 ** 2 + 1) / (4 * degrees) + 1.42 / degrees ** 2);
}
