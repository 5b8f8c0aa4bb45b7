/**
 * @file Loads the addon, whose refusals arrive as `EngineError`. Where it can be is the business of `addon/locate.ts`.
 */
import { createRequire } from 'node:module';
import { EngineError } from '../base/errors.ts';
import { type AddonCandidate, addonCandidates, isClone } from './addon/locate.ts';

/** A live tensor of the addon: a number that is never valid again once released. */
export type Handle = number;
/** What an operator accepts after tensors became handles. */
export type RawArgument = number | bigint | boolean | string | null | undefined | readonly RawArgument[];
/** What an operator returns: handles, numbers, booleans, strings, null for an undefined tensor, lists of these. */
export type RawResult = number | boolean | string | null | RawResult[];

/** The functions of `native/addon/door.cc`. */
export interface Native {
  findOperator(name: string, overload: string): number;
  schema(operator: number): string;
  call(operator: number, keywords: Record<string, RawArgument> | null, ...positional: RawArgument[]): RawResult;
  free(handle: Handle): void;
  handOver(handle: Handle): void;
  release(handles: readonly Handle[]): void;
  fromBytes(view: ArrayBufferView, shape: readonly number[], dtype: string, share: boolean): Handle;
  copyOut(handle: Handle, view: ArrayBufferView): void;
  info(
    handle: Handle,
  ): [dtype: string, device: string, requiresGradient: boolean, elementSize: number, ...shape: number[]];
  backward(outputs: readonly Handle[], gradients: readonly (Handle | null)[], keepGraph: boolean): void;
  gradients(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradients: readonly (Handle | null)[],
    keepGraph: boolean,
    createGraph: boolean,
  ): (Handle | null)[];
  gradientOf(handle: Handle): Handle | null;
  setGradient(handle: Handle, gradient: Handle | null): void;
  requireGradient(handle: Handle, flag: boolean): void;
  gradientMode(flag: boolean): boolean;
  createGenerator(device: string, seed: number): number;
  generatorState(generator: number): Handle;
  setGeneratorState(generator: number, state: Handle): void;
  threads(count: number | null): number;
  /** What the addon throws instead of a plain `Error`. */
  setErrorFactory(create: (message: string) => Error): void;
  about(): { version: string; cuda: boolean; live: number };
}

let loaded: Native | undefined;

/** The addon, loaded at first use. Throws `EngineError` with the command to run when none loads. */
export function native(): Native {
  loaded ??= loadAddon().addon;
  return loaded;
}

/** Whether the addon loads. */
export function isEngineReady(): boolean {
  try {
    return Boolean(native());
  } catch {
    return false;
  }
}

/** Loads the first addon that loads. @throws EngineError that names what was tried and the command to run. */
export function loadAddon(): AddonCandidate & { readonly addon: Native } {
  const load = createRequire(import.meta.url);
  const failures: string[] = [];
  for (const candidate of addonCandidates()) {
    try {
      const addon = load(candidate.file) as Native;
      addon.setErrorFactory((message) => new EngineError(message, adviceFor(message)));
      return { ...candidate, addon };
    } catch (error) {
      failures.push(`${candidate.file}: ${(error as Error).message}`);
    }
  }
  const command = isClone() ? 'npm run setup' : 'npx espalier setup';
  throw failures.length === 0
    ? new EngineError('the addon is not built', `run: ${command}`)
    : new EngineError(`the addon does not load: ${failures[0]}`, `run: ${command}`);
}

function adviceFor(message: string): string | undefined {
  if (/out of memory|can't allocate memory|alloc|storage size calculation overflowed/i.test(message))
    return 'use a smaller batch or crop';
  return undefined;
}
