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

/** `last + (base - last) (1 - progress)^power`. @paper auto-deeplab section 5 */
export const poly =
  (base: number, power = 0.9, last = 0): Schedule =>
  (progress) =>
    last + (base - last) * Math.max(0, 1 - progress) ** power;

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

/** A schedule as settings. */
export interface ScheduleSettings {
  /** Default: poly. */
  readonly schedule?: 'poly' | 'cosine' | 'steps';
  /** First learning rate. */
  readonly learningRate: number;
  /** Last learning rate of `poly` and `cosine`; default 0. */
  readonly minimumLearningRate?: number;
  /** Of `poly`; default 0.9. */
  readonly power?: number;
  /** Of `steps`: shares in (0, 1) after each of which the rate is multiplied by `factor`; default none. */
  readonly milestones?: readonly number[];
  /** Of `steps`; default 0.5. */
  readonly factor?: number;
  /** Share of the whole at the first learning rate, before the schedule begins, in [0, 1); default 0. */
  readonly constantShare?: number;
}

/**
 * The schedule that settings ask for.
 * @param from share of the whole at which the milestones of `steps` begin to count, such as the end of the warm-up of a search; default 0
 */
export const scheduleOf = (settings: ScheduleSettings, from = 0): Schedule =>
  constantFirst(plainSchedule(settings, from), settings.constantShare ?? 0);

function plainSchedule(settings: ScheduleSettings, from: number): Schedule {
  const {
    schedule = 'poly',
    learningRate,
    minimumLearningRate = 0,
    power = 0.9,
    milestones = [],
    factor = 0.5,
  } = settings;
  switch (schedule) {
    case 'poly':
      return poly(learningRate, power, minimumLearningRate);
    case 'cosine':
      return cosine(learningRate, minimumLearningRate);
    case 'steps': {
      const shares = milestones.map((share) => from + share * (1 - from));
      return step(learningRate, shares, factor);
    }
    default:
      return schedule satisfies never;
  }
}
