/**
 * @file Operators as functions: any operator of libtorch by its name and overload (`aten::add.Tensor`), with tensors in and tensors out.
 */
import { EngineError } from '../base/errors.ts';
import { native, type RawArgument, type RawResult } from './native.ts';
import { Tensor } from './tensor.ts';

/** What an operator takes: tensors, numbers, booleans, strings (dtype, memory format, device), lists of these, null for none. */
export type Argument = Tensor | number | bigint | boolean | string | null | undefined | readonly Argument[];

/** An operator found once and called often. */
export interface Operator {
  readonly name: string;
  /** The signature as libtorch prints it. */
  readonly schema: string;
  /** The single tensor result. `EngineError` when the operator refuses, or returns something else. */
  one(...args: Argument[]): Tensor;
  /** All results that are tensors (an undefined one is null), in order. */
  many(...args: Argument[]): (Tensor | null)[];
  /** For operators without a tensor result: a number, boolean or nothing. */
  plain(...args: Argument[]): number | boolean | string | null;
}

const found = new Map<string, Operator>();

/** The operator of that name, such as `aten::relu` or `aten::add.Tensor`; the overload follows the last dot. */
export function operator(name: string): Operator {
  let known = found.get(name);
  if (!known) {
    known = find(name);
    found.set(name, known);
  }
  return known;
}

/** Calls an operator with positional arguments and then named ones (`{ dtype: 'float64' }`); for use outside hot loops. */
export function call(
  name: string,
  args: readonly Argument[],
  keywords: Record<string, Argument> = {},
): (Tensor | null)[] {
  const named: Record<string, RawArgument> = Object.create(null);
  for (const [key, value] of Object.entries(keywords)) named[key] = raw(value);
  const { id, display } = identify(name);
  return toTensors(native().call(id, named, ...args.map(raw)), display);
}

const ids = new Map<string, number>();

function identify(name: string): { id: number; display: string } {
  let id = ids.get(name);
  if (id === undefined) {
    const dot = name.indexOf('.');
    id = native().findOperator(dot < 0 ? name : name.slice(0, dot), dot < 0 ? '' : name.slice(dot + 1));
    ids.set(name, id);
  }
  return { id, display: name };
}

function find(name: string): Operator {
  const { id } = identify(name);
  const addon = native();
  // `args` is the caller's own list of rest arguments: made for this call, so it may be changed.
  const invoke = (args: Argument[]) => {
    for (let i = 0; i < args.length; i++) args[i] = raw(args[i]) as Argument;
    return addon.call(id, null, ...(args as RawArgument[]));
  };
  return {
    name,
    schema: addon.schema(id),
    one(...args) {
      const result = invoke(args);
      if (typeof result !== 'number') throw new EngineError(`${name} does not return one tensor`);
      return new Tensor(result);
    },
    many: (...args) => toTensors(invoke(args), name),
    plain(...args) {
      const result = invoke(args);
      if (Array.isArray(result)) throw new EngineError(`${name} returns several values`);
      return result ?? null;
    },
  };
}

function raw(argument: Argument): RawArgument {
  if (typeof argument !== 'object' || argument === null) return argument;
  if (argument instanceof Tensor) return argument.handle;
  if (Array.isArray(argument) && argument.some((item) => typeof item === 'object')) return argument.map(raw);
  return argument as RawArgument;
}

function toTensors(result: RawResult | undefined, name: string): (Tensor | null)[] {
  if (result === undefined) return [];
  const list = (Array.isArray(result) ? result : [result]).flat();
  return list.map((item) => {
    if (item === null) return null;
    if (typeof item !== 'number') throw new EngineError(`${name} returns a ${typeof item}, not a tensor`);
    return new Tensor(item);
  });
}
