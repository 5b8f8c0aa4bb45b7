/**
 * @file The kinds of settings of which every schema is made. What is expected is stated once, next to the check, and serves both errors and help.
 */
import { z } from 'zod';

/** Attaches what a value must be (for errors) and what it does (for help). */
export function setting<Schema extends z.ZodType>(schema: Schema, expected: string, description: string): Schema {
  return schema.meta({ expected, description });
}

/** A whole number from `minimum`, `value` by default. */
export const whole = (minimum: number, value: number, description: string) =>
  setting(z.int().min(minimum).default(value), `a whole number from ${minimum}`, description);

/** A whole number from 1 that may be left out. */
export const optionalWhole = (description: string) =>
  setting(z.int().min(1).optional(), 'a whole number from 1', description);

/** A number above 0. */
export const positive = (value: number, description: string) =>
  setting(z.number().positive().default(value), 'a number above 0', description);

/** A number from 0. */
export const notNegative = (value: number, description: string) =>
  setting(z.number().min(0).default(value), 'a number from 0', description);

/** A number from 0 to 1. */
export const share = (value: number, description: string) =>
  setting(z.number().min(0).max(1).default(value), 'a number from 0 to 1', description);

/** true or false. */
export const switched = (value: boolean, description: string) =>
  setting(z.boolean().default(value), 'true or false', description);

/** A text that has to be given. */
export const text = (description: string) => setting(z.string().min(1), 'a string', description);

/** A text that may be left out. */
export const optionalText = (description: string) => setting(z.string().min(1).optional(), 'a string', description);

/** One of some words. */
export const choice = <const Names extends readonly [string, ...string[]]>(
  names: Names,
  value: Names[number],
  description: string,
) =>
  setting(
    z.enum(names).default(value as z.util.NoUndefined<z.infer<z.ZodEnum<z.util.ToEnum<Names[number]>>>>),
    names.join(' or '),
    description,
  );

/** One side for every axis, or a side for each. */
export const sides = z.union([z.int().min(1), z.array(z.int().min(1)).min(2).max(3)]);

/** Settings below one key; each has its default. */
export const group = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).prefault({} as never);

/** A limit of a budget, which may be left out. */
export const atMost = (description: string) =>
  setting(z.number().positive().optional(), 'a number above 0', `network: at most so many ${description}`);
