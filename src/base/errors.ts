/**
 * @file The errors that reach a user: what was expected, what was given, what to do. Every one carries a code that a program can test.
 */

/** Stable machine-readable names; a code never changes its meaning. */
export type ErrorCode = 'config' | 'shape' | 'data' | 'architecture' | 'numeric' | 'engine' | 'stopped' | 'group';

/** What every error of the package has: a code, a message in lower case, and advice. */
export class EspalierError extends Error {
  readonly code: ErrorCode;
  /** What the user can do about it, one sentence; absent when the message says it already. */
  readonly advice: string | undefined;

  constructor(code: ErrorCode, message: string, advice?: string) {
    const [said, fix] = [cut(message), advice];
    super(fix === undefined ? said : `${said}; ${fix}`);
    this.code = code;
    this.advice = fix;
    this.name = new.target.name;
  }
}

/** Characters of a message: what it quotes may be from a file of a stranger. */
const LONGEST = 1500;
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)} ...` : text);

/** A setting that is unknown, of the wrong kind or out of range. */
export class ConfigError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('config', message, advice);
  }
}

/** Sizes that do not fit together. */
export class ShapeError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('shape', message, advice);
  }
}

/** A file or folder that is missing, unreadable or not what it claims to be. */
export class DataError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('data', message, advice);
  }
}

/** A genotype or architecture parameters that describe no valid network. */
export class ArchitectureError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('architecture', message, advice);
  }
}

/** A loss, gradient or weight that is no longer finite. */
export class NumericError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('numeric', message, advice);
  }
}

/** A refusal by libtorch or by the addon: names the operator and the shapes it was given. */
export class EngineError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('engine', message, advice);
  }
}

/** A run that was asked to stop, did so between two steps, and can be resumed. */
export class StoppedError extends EspalierError {
  constructor(message: string, advice?: string) {
    super('stopped', message, advice);
  }
}

/** Processes of one run that did not find each other, or lost each other. */
export class GroupError extends EspalierError {
  /** The ranks that are missing, as far as that is known. */
  readonly missing: readonly number[];

  constructor(message: string, missing: readonly number[] = [], advice?: string) {
    super('group', message, advice);
    this.missing = missing;
  }
}
