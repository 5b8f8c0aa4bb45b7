/** @file A race from its files: the networks of every rung with what they reached, who continued, and where the children come from. Pure. */
import type { Candidate } from '../../src/ladder/candidate.ts';
import type { RacePlan } from '../../src/ladder/rungs.ts';

/** What `race.json` of a race holds, as far as it is shown. */
export interface RaceFile {
  readonly plan: RacePlan;
  readonly candidates: readonly Candidate[];
  readonly heldOut?: { readonly how?: string };
}

/** What `answers.json` holds: what a training reached by what was asked of it. */
export type Answers = Readonly<Record<string, unknown>>;

/** A network in a rung. */
export interface Runner {
  readonly id: string;
  /** Absent for a child of a race that did not record its children. */
  readonly candidate?: Candidate;
  /** Null where its training diverged. */
  readonly score: number | null;
  readonly loss: number | null;
  /** Whether it trained on; undefined while that is not decided. */
  readonly continues?: boolean;
}

/** A rung as far as it was run, the best network first. */
export interface RaceRung {
  readonly steps: number;
  readonly planned: number;
  readonly runners: readonly Runner[];
}

const JUDGED = /^(\S+) at (\d+) steps$/;
const FINISHED = /^(\S+) to the end, seed (\d+)$/;

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** The rungs with what was judged so far. */
export function rungsOfRace({ plan }: RaceFile, known: readonly Candidate[], answers: Answers): RaceRung[] {
  const byId = new Map(known.map((candidate) => [candidate.id, candidate]));
  const judged = Object.entries(answers).flatMap(([question, answer]) => {
    const match = JUDGED.exec(question);
    const reading = answer as { score?: unknown; loss?: unknown } | null;
    return match
      ? [{ id: match[1], steps: Number(match[2]), score: numberOf(reading?.score), loss: numberOf(reading?.loss) }]
      : [];
  });
  const finalists = new Set(finishedOf(answers).map(({ id }) => id));
  return plan.rungs.map(({ steps, candidates: planned }, i) => {
    const own = judged.filter((reading) => reading.steps === steps);
    const next = plan.rungs[i + 1];
    const later = next ? new Set(judged.filter((one) => one.steps === next.steps).map(({ id }) => id)) : finalists;
    // Who continues is decided when all are judged, and known of those that are judged again.
    const isOver = next ? later.size >= next.candidates : finalists.size >= plan.finalists;
    const runners = own.map(({ id, score, loss }): Runner => {
      const candidate = byId.get(id);
      const continues = later.has(id) ? true : isOver ? false : undefined;
      return {
        ...{ id, score, loss },
        ...(candidate ? { candidate } : {}),
        ...(continues === undefined ? {} : { continues }),
      };
    });
    return { steps, planned, runners: runners.sort((a, b) => (b.score ?? -1) - (a.score ?? -1)) };
  });
}

/** Trainings that ended. */
export const finishedOf = (answers: Answers): { id: string; seed: number }[] =>
  Object.keys(answers).flatMap((question) => {
    const match = FINISHED.exec(question);
    return match ? [{ id: match[1], seed: Number(match[2]) }] : [];
  });

/** The last score of every network that has one, with its cost. */
export function latestScores(
  rungs: readonly RaceRung[],
): { id: string; candidate: Candidate; score: number; steps: number }[] {
  const latest = new Map<string, { id: string; candidate: Candidate; score: number; steps: number }>();
  for (const { steps, runners } of rungs)
    for (const { id, candidate, score } of runners)
      if (candidate && score !== null) latest.set(id, { id, candidate, score, steps });
  return [...latest.values()];
}
