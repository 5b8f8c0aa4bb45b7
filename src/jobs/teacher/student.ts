/**
 * @file What a teacher must suit: the student and its data, and the classes in the order of the student's.
 */
import { ConfigError } from '../../base/errors.ts';
import { listNames } from '../../data/splits.ts';
import { operator } from '../../engine/call.ts';
import { toDevice } from '../../engine/operators.ts';
import { fromArray, type Tensor } from '../../engine/tensor.ts';

/** What a teacher must suit. */
export interface Student {
  readonly classes: readonly string[];
  readonly rank: 2 | 3;
  readonly channels: number;
  /** Of volumes; else none. */
  readonly modalities: readonly string[];
  readonly crop: readonly number[];
  /** Images are read at 1 / reduction of their size. */
  readonly reduction: number;
  readonly device: string;
}

/**
 * Brings logits `[batch, classes, ...]` of a teacher into the order of `wanted`.
 * @throws ConfigError that lists the classes which only one of both has.
 */
export function inOrderOf(
  wanted: readonly string[],
  own: readonly string[],
  teacher: string,
): (logits: Tensor) => Tensor {
  const [missing, more] = [wanted.filter((name) => !own.includes(name)), own.filter((name) => !wanted.includes(name))];
  if (missing.length + more.length > 0) {
    const only = (names: readonly string[]) => (names.length > 0 ? listNames(names) : 'none');
    throw new ConfigError(
      `teacher: ${teacher} has other classes than the data: only the data have ${only(missing)}, only the teacher has ${only(more)}`,
      'take a teacher that was trained on the same classes, under the same names',
    );
  }
  const places = wanted.map((name) => own.indexOf(name));
  if (places.every((place, i) => place === i)) return (logits) => logits;
  return (logits) => {
    const index = fromArray(BigInt64Array.from(places, BigInt), [places.length]);
    return operator('aten::index_select').one(logits, 1, toDevice(index, logits.device));
  };
}

/** Probabilities of classes are learnt, which sum to 1: those of regions do not. */
export const noTeacherOfRegions = (who: string): ConfigError =>
  new ConfigError(
    `teacher: expected classes, of which a pixel has one, ${who} regions, which overlap`,
    'leave teacher out, or take a teacher and data without regions',
  );
