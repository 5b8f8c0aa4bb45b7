/** @file What a look at the disk costs: processor time, which other programs on the machine do not change. */

/** Begins to measure; what it returns says the milliseconds since then that this process computed, at most those that passed. */
export function startCost(): () => number {
  const started = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - started, (user + system) / 1000);
  };
}
