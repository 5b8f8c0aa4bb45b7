/**
 * @file The answers of the trainer so far, in a file: a race that was ended is run again and reads them here, so that it reaches the same result.
 */
import { existsSync } from 'node:fs';
import { DataError } from '../../base/errors.ts';
import { JSON_LIMITS, type JsonLimits, parseJson } from '../../base/json.ts';
import { readTextFile } from '../../base/textFile.ts';
import { writeAtomically } from '../../run/files.ts';

/** Answers by what was asked. */
export interface Journal {
  /** The answer that the file holds, or that of `work`, which is then written. JSON holds no NaN: it is null there and NaN again here. */
  remember<Answer>(question: string, work: () => Promise<Answer>): Promise<Answer>;
}

/** A journal holds the counts of every class of every scored sample of every finalist. */
const LIMITS: JsonLimits = { ...JSON_LIMITS, values: 30_000_000 };
const MOST_BYTES = 2 ** 28;

/** Opens or begins a journal. @throws DataError when the file is damaged. */
export function openJournal(file: string): Journal {
  const answers: Record<string, unknown> = existsSync(file) ? readAnswers(file) : {};
  return {
    async remember<Answer>(question: string, work: () => Promise<Answer>) {
      if (!Object.hasOwn(answers, question)) {
        const answer = await work();
        answers[question] = answer;
        writeAtomically(file, `${JSON.stringify(answers, null, 1)}\n`);
      }
      return revived(answers[question]) as Answer;
    },
  };
}

function readAnswers(file: string): Record<string, unknown> {
  try {
    const value = parseJson(readTextFile(file, MOST_BYTES), LIMITS);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new DataError(`${file}: is no journal of a race`, 'remove it: trainings that are done are read again');
}

/** Numbers that were none. */
function revived(value: unknown): unknown {
  if (value === null) return Number.NaN;
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, revived(field)]));
}
