/** @file The state of a checkpoint is parsed: whatever part of it is missing or odd, a resumed run ends with one line that names it. */
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { requireState, SEARCH_STATE, TRAINING_STATE } from '../../src/jobs/checkpoint/state.ts';
import { startOfSearch } from '../../src/train/searchState.ts';
import { startOfTraining } from '../../src/train/trainState.ts';

const STATES = {
  training: { schema: TRAINING_STATE, state: { progress: startOfTraining(), steps: 0 } },
  search: { schema: SEARCH_STATE, state: { progress: startOfSearch(), steps: { weights: 0, architecture: 0 } } },
};
/** Parts that earlier versions did not write. */
const OPTIONAL = ['progress.waited', 'progress.kept', 'progress.health', 'progress.drawn', 'progress.collapsed'];

const paths = (value: unknown, path: string[] = []): string[][] => [
  path,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => paths(inner, [...path, key]))
    : []),
];

/** A copy with another value at a path; `undefined` removes it. */
function altered(state: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = { ...(state as Record<string, unknown>) };
  const inner = altered(copy[key], rest, value);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}

describe.each(Object.entries(STATES))('the state of a %s', (_, { schema, state }) => {
  it('is what its start is', () => {
    expect(requireState(schema, JSON.parse(JSON.stringify(state)))).toEqual(state);
  });

  it('is refused by the name of any part that is missing or of another kind', () => {
    for (const path of paths(state)) {
      const name = path.join('.');
      for (const value of ['odd', [], true, undefined]) {
        const odd = altered(state, path, value);
        const fits =
          (value === undefined && OPTIONAL.includes(name)) ||
          (value === true && name === 'progress.collapsed') ||
          (Array.isArray(value) && name === 'progress.kept');
        if (fits) expect(requireState(schema, odd), name).toBe(odd);
        else expect(() => requireState(schema, odd), `${name} ${value}`).toThrow(DataError);
        if (!fits && name !== '') expect(() => requireState(schema, odd)).toThrow(name);
      }
    }
  });
});
