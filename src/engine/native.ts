/**
 * @file Loads the addon, whose refusals arrive as `EngineError`. The only file that knows where the addon lies.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../base/errors.ts';

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

/** The addon, loaded at first use. Throws `EngineError` with the command to run when it is not built. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const file = join(root, 'build', 'native', 'espalier.node');
  if (!existsSync(file))
    throw new EngineError(`the addon is not built (${file} is missing)`, 'run "npm run setup" in the project folder');
  try {
    const door = createRequire(import.meta.url)(file) as Native;
    door.setErrorFactory((message) => new EngineError(message, adviceFor(message)));
    return door;
  } catch (error) {
    throw new EngineError(
      `the addon does not load: ${(error as Error).message}`,
      'run "npm run setup" to build it for this libtorch',
    );
  }
}

function adviceFor(message: string): string | undefined {
  if (/out of memory|can't allocate memory|alloc|storage size calculation overflowed/i.test(message))
    return 'use a smaller batch or crop';
  return undefined;
}
