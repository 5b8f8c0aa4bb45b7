/**
 * @file Architecture parameters of Auto-DeepLab to a genotype: Viterbi over the moves, the strongest edges of the cell. @paper auto-deeplab section 4.3
 */
import { showShort as show } from '../base/text.ts';
import { blocksOf } from '../space/cell.ts';
import { type AutoDeepLabGenotype, createGenotype } from '../space/genotype.ts';
import type { Fail } from '../space/genotypeFields.ts';
import type { AutoDeepLabLogits, BetaNormalisation } from '../space/logits.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import { LEVELS, trellisEdges } from '../space/trellis.ts';
import { decodeCell } from './cell.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { viterbi } from './viterbi.ts';

/** What the logits do not say. */
export interface DecodeOptions {
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
  readonly rank: 2 | 3;
  readonly provenance?: Readonly<Record<string, string>>;
}

type Moves = Pick<AutoDeepLabLogits, 'beta' | 'betaNormalisation'>;

/** Softmax of the moves, `[layers][level left][move]`; 0 where there is no edge. @paper auto-deeplab eq. 7 */
export const moveProbabilities = (logits: Moves): number[][][] => normaliseMoves(logits, softmax, 0);

/** The distributions that the moves are drawn from, one a node that has a choice. */
export const moveChoices = ({ beta, betaNormalisation }: Moves): number[][] =>
  beta
    .flatMap((levels) => (betaNormalisation === 'incoming' ? turned(withoutNulls(levels)) : withoutNulls(levels)))
    .filter((row) => row.filter((logit) => logit !== -Infinity).length > 1)
    .map(softmax);

/** Logarithms of {@link moveProbabilities}; -Infinity where there is no edge. */
export const logMoves = (logits: Moves): number[][][] => normaliseMoves(logits, logSoftmax, -Infinity);

/** The most probable path: one level per layer. Ties go to the finer level. Works on log probabilities, which do not underflow. */
export function decodePath(logits: Moves): number[] {
  const scores = logMoves(logits);
  const { states } = viterbi({
    stages: scores.length,
    states: LEVELS,
    start: 0,
    score: (transition, from, to) => scores[transition][from][to - from + 1] ?? -Infinity,
  });
  return [...states];
}

/** `normalise` over the moves that share a node; `absent` where there is no edge. */
const normaliseMoves = (
  { beta, betaNormalisation }: Moves,
  normalise: (row: readonly number[]) => number[],
  absent: number,
): number[][][] =>
  beta.map((levels) => {
    const normalised = (rows: number[][]) =>
      rows.map((row) => (row.every((logit) => logit === -Infinity) ? row.map(() => absent) : normalise(row)));
    const rows = withoutNulls(levels);
    return betaNormalisation === 'incoming' ? turned(normalised(turned(rows)), absent) : normalised(rows);
  });

const withoutNulls = (levels: Moves['beta'][number]): number[][] =>
  levels.map((moves) => moves.map((logit) => logit ?? -Infinity));

/** Rows by node left `[level][move: finer, same, coarser]` as rows by node entered `[level][origin: finer, same, coarser]`; its own inverse. */
const turned = (rows: readonly (readonly number[])[], absent = -Infinity): number[][] =>
  rows.map((_, level) => [0, 1, 2].map((k) => rows[level - 1 + k]?.[2 - k] ?? absent));

/** The network that the logits stand for. */
export function decodeAutoDeepLab(logits: AutoDeepLabLogits, options: DecodeOptions): AutoDeepLabGenotype {
  const blocks = blocksOf(logits.alpha.length) as number;
  return createGenotype({
    ...options,
    path: decodePath(logits),
    cell: decodeCell(logits.alpha, blocks, logits.predecessors),
  });
}

/** Logits from untrusted tables `alpha` `[edges][8]` and `beta` `[layers][4][3]`, null where there is no edge. */
export function parseAutoDeepLabLogits(file: Record<string, unknown>, fail: Fail): AutoDeepLabLogits {
  const { alpha, beta, betaNormalisation, predecessors } = file;
  const rows = Array.isArray(alpha) ? alpha : fail('alpha is missing');
  if (blocksOf(rows.length) === undefined)
    fail(`alpha has ${rows.length} rows`, 'a cell of B blocks has B (B + 3) / 2 edges: 2, 5, 9, 14, 20, ...');
  rows.forEach((row: unknown, edge: number) => {
    const size = OPERATOR_NAMES.length;
    const logits = Array.isArray(row) && row.length === size ? row : fail(`alpha[${edge}] has no ${size} numbers`);
    OPERATOR_NAMES.forEach((name, k) => {
      if (!Number.isFinite(logits[k]))
        fail(`alpha[${edge}][${k}] (${name}) is ${show(logits[k])}, expected a finite number`);
    });
  });
  const transitions = Array.isArray(beta) && beta.length > 0 ? beta : fail('beta is missing');
  const exists = new Set(trellisEdges(transitions.length).map(({ layer, from, move }) => `${layer},${from},${move}`));
  transitions.forEach((levels: unknown, t: number) => {
    if (!Array.isArray(levels) || levels.length !== LEVELS) fail(`beta[${t}] has no ${LEVELS} levels`);
    (levels as unknown[]).forEach((moves, level) => {
      if (!Array.isArray(moves) || moves.length !== 3) fail(`beta[${t}][${level}] has no 3 moves`);
      (moves as unknown[]).forEach((logit, move) => {
        const edge = exists.has(`${t},${level},${move}`);
        if (edge && !Number.isFinite(logit))
          fail(`beta[${t}][${level}][${move}] is ${show(logit)}, expected a finite number`);
        if (!edge && logit !== null)
          fail(`beta[${t}][${level}][${move}] is ${show(logit)}, but there is no such edge`, 'write null there');
      });
    });
  });
  if (betaNormalisation !== undefined && betaNormalisation !== 'outgoing' && betaNormalisation !== 'incoming')
    fail(`betaNormalisation is ${show(betaNormalisation)}, expected "outgoing" or "incoming"`);
  const isFull =
    Array.isArray(predecessors) && predecessors.length === rows.length && predecessors.every(Number.isFinite);
  if (predecessors !== undefined && !isFull)
    fail('predecessors has not one finite number for each row of alpha', 'leave it out where all edges count alike');
  return {
    alpha: rows as number[][],
    beta: transitions as (number | null)[][][],
    ...(betaNormalisation === undefined ? {} : { betaNormalisation: betaNormalisation as BetaNormalisation }),
    ...(predecessors === undefined ? {} : { predecessors: predecessors as number[] }),
  };
}
