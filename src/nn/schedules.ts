/**
 * @file Learning-rate schedules: pure functions of the share of training that is done.
 */

/** Learning rate at `progress` in [0, 1]. */
export type Schedule = (progress: number) => number;

/** Half a cosine from `from` to `to`. @paper auto-deeplab section 4.2 */
export const cosine =
  (from: number, to: number): Schedule =>
  (progress) =>
    to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;

/** `base * (1 - progress)^power`. @paper auto-deeplab section 5 */
export const poly =
  (base: number, power = 0.9): Schedule =>
  (progress) =>
    base * Math.max(0, 1 - progress) ** power;

/** The first value of `schedule` over the first `share` of training, in [0, 1); then all of `schedule` over the rest. */
export const constantFirst =
  (schedule: Schedule, share: number): Schedule =>
  (progress) =>
    schedule(Math.max(0, progress - share) / (1 - share));

/** `base` times `factor` for every milestone that has passed. */
export const step =
  (base: number, milestones: readonly number[], factor: number): Schedule =>
  (progress) =>
    base * factor ** milestones.filter((milestone) => progress >= milestone).length;

/** Linear rise from zero over the first `share` of training, then `schedule`. */
export const warmUp =
  (schedule: Schedule, share: number): Schedule =>
  (progress) =>
    progress < share ? (schedule(progress) * progress) / share : schedule(progress);
