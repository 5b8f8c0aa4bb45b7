/**
 * @file Settings as a program gives them: the types that follow from the schemas and the presets, so that an editor completes keys and values and a
 * wrong one does not compile. Types only; `parseConfig` checks the same at run time.
 */
import type { z } from 'zod';
import type { settings } from './presets.ts';
import type { compareSchema } from './schemas/compare.ts';
import type { evaluateSchema } from './schemas/evaluate.ts';
import type { exportSchema } from './schemas/export.ts';
import type { ladderSchema } from './schemas/ladder.ts';
import type { autoDeepLabSearchSchema, dintsSearchSchema } from './schemas/search.ts';
import type { trainSchema } from './schemas/train.ts';

/** What may be given for a value: itself, or undefined and null for the default; lists of numbers also as `240x320`. */
type Value<T> = (T extends readonly unknown[] ? Readonly<T> | Sides<T> : T) | null;
type Sides<T extends readonly unknown[]> = number extends T[number]
  ? `${number}x${number}` | `${number}x${number}x${number}`
  : never;

/** A group of settings, which has no list and no map of free keys. */
type IsGroup<T> = T extends readonly unknown[]
  ? false
  : T extends object
    ? string extends keyof T
      ? false
      : true
    : false;

/** Every key, groups nested. */
type Nested<T> = {
  readonly [Key in keyof T]?: IsGroup<NonNullable<T[Key]>> extends true ? Nested<NonNullable<T[Key]>> : Value<T[Key]>;
};

/** The keys of groups with a dot, such as `'budget.multiplyAdds'`. */
type Dotted<T> = {
  readonly [Path in DottedKeys<T>]?: Path extends `${infer Group}.${infer Key}`
    ? Group extends keyof T
      ? Key extends keyof NonNullable<T[Group]>
        ? Value<NonNullable<T[Group]>[Key]>
        : never
      : never
    : never;
};
type DottedKeys<T> = {
  [Group in keyof T & string]: IsGroup<NonNullable<T[Group]>> extends true
    ? `${Group}.${keyof NonNullable<T[Group]> & string}`
    : never;
}[keyof T & string];

/** All settings of a schema but those that are required, which stay so. */
type Given<Schema extends z.ZodObject, Required extends keyof z.input<Schema>, Preset extends string = never> = {
  readonly [Key in Required]: z.input<Schema>[Key];
} & Nested<Omit<z.input<Schema>, Required | 'preset'>> &
  Dotted<Omit<z.input<Schema>, Required | 'preset'>> & { readonly preset?: Preset | null };

type Presets = typeof settings;

/** Settings of `search` with the method `auto-deeplab`, which is the default. */
export type AutoDeepLabSearchSettings = Given<
  typeof autoDeepLabSearchSchema,
  'data',
  keyof Presets['search']['presets'] & string
>;

/** Settings of `search` with the method `dints`. */
export type DintsSearchSettings = Given<
  typeof dintsSearchSchema,
  'data',
  keyof Presets['search']['variants']['others']['dints']['presets'] & string
> & { readonly method: 'dints' };

/** Settings of `search`. */
export type SearchSettings = AutoDeepLabSearchSettings | DintsSearchSettings;

/** What a run that is resumed takes: which run it is, and settings of the process alone. */
export type ResumeSettings = Pick<
  AutoDeepLabSearchSettings,
  'name' | 'runs' | 'device' | 'threads' | 'workers' | 'checkpointMinutes' | 'memory'
>;

/** Settings of `train`. */
export type TrainSettings = Given<typeof trainSchema, 'data' | 'arch', keyof Presets['train']['presets'] & string>;

/** Settings of `auto`; below `training` those of the trainings. */
export type AutoSettings = Omit<Given<typeof ladderSchema, 'data'>, 'training' | 'preset'> & {
  readonly training?: Omit<TrainSettings, 'data' | 'arch'>;
};

/** Settings of `compare`: its own, and those of the trainings. */
export type CompareSettings = Omit<Given<typeof compareSchema, 'archs' | 'budget'>, 'preset'> &
  Omit<TrainSettings, 'arch' | 'budget' | 'name' | 'seed' | 'epochs' | 'steps' | 'minutes' | 'runs'>;

/** Settings of `evaluate`. */
export type EvaluateSettings = Omit<Given<typeof evaluateSchema, 'run'>, 'preset'>;

/** Settings of `export`. */
export type ExportSettings = Given<typeof exportSchema, 'run', keyof Presets['export']['presets'] & string>;
