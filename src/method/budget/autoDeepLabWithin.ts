/**
 * @file What is decoded of Auto-DeepLab, with prices on costs: the path by dynamic programming over the levels of two layers, the cell block by block, in
 * turn until neither changes.
 */
import { logMoves } from '../../decode/autoDeepLab.ts';
import { bestFirst } from '../../decode/bestFirst.ts';
import { logSoftmax } from '../../decode/softmax.ts';
import { type BlockInput, blocksOf, edgeIndex } from '../../space/cell.ts';
import { type AutoDeepLabGenotype, createGenotype } from '../../space/genotype.ts';
import type { AutoDeepLabLogits } from '../../space/logits.ts';
import { DECODED_OPERATOR_NAMES, OPERATOR_NAMES } from '../../space/operators.ts';
import { LEVELS } from '../../space/trellis.ts';
import { type AutoDeepLabCosts, type CellSpace, sumOfParts } from './autoDeepLabCosts.ts';
import type { DecodedSpace, Scored } from './decodeWithin.ts';
import type { GenotypeCounter } from './objective.ts';
import type { Shares } from './searchBudget.ts';

type Cell = readonly (readonly [BlockInput, BlockInput])[];

/** The architectures that some logits choose among. */
export function autoDeepLabChoices(
  logits: AutoDeepLabLogits,
  space: CellSpace,
  costs: AutoDeepLabCosts,
  counter: GenotypeCounter<AutoDeepLabGenotype>,
): DecodedSpace<AutoDeepLabGenotype> {
  const moves = logMoves(logits);
  const scoreOf = edgeScores(logits);
  const blocks = blocksOf(logits.alpha.length) as number;
  const genotypeOf = (path: readonly number[], cell: Cell): AutoDeepLabGenotype =>
    createGenotype({ rank: space.rank, filters: space.filters, atrous: space.atrous, path, cell });
  const pathScore = (path: readonly number[]) =>
    path.reduce((sum, to, layer) => sum + move(moves[layer], layer === 0 ? 0 : path[layer - 1], to), 0);
  const cellScore = (cell: Cell) =>
    cell.reduce(
      (sum, inputs, block) =>
        inputs.reduce((own, { from, operator }) => own + scoreOf(block, from, OPERATOR_NAMES.indexOf(operator)), sum),
      0,
    );
  return {
    exact: counter.exact,
    sum: (genotype) => sumOfParts(genotype, costs),
    *listed() {
      const ways = waysOf(moves);
      const perBlock = Array.from({ length: blocks }, (_, block) => blockChoices(block, scoreOf));
      const rest = perBlock.map((_, block) => perBlock.slice(block).reduce((sum, own) => sum + own[0].score, 0));
      const sequences = bestFirst<{ path: readonly number[]; cell: Cell }>({
        start: { path: [], cell: [] },
        choices({ path, cell }) {
          if (path.length < moves.length)
            return [-1, 0, 1].flatMap((step) => {
              const to = (path.at(-1) ?? 0) + step;
              const score = move(moves[path.length], path.at(-1) ?? 0, to);
              return score === Number.NEGATIVE_INFINITY ? [] : [{ score, state: { path: [...path, to], cell } }];
            });
          return (perBlock[cell.length] ?? []).map(({ score, inputs }) => ({
            score,
            state: { path, cell: [...cell, inputs] },
          }));
        },
        best: ({ path, cell }) => ways[path.length][path.at(-1) ?? 0] + (rest[cell.length] ?? 0),
      });
      for (const { state, score } of sequences) yield { genotype: genotypeOf(state.path, state.cell), score };
    },
    *near({ path, cell }) {
      const inputs = cell.map((block) => block.inputs);
      const scored = (levels: readonly number[], own: Cell) => ({
        genotype: genotypeOf(levels, own),
        score: pathScore(levels) + cellScore(own),
      });
      for (const layer of path.keys())
        for (const step of [-1, 1]) {
          const levels = path.map((level, i) => (i === layer ? level + step : level));
          if (pathScore(levels) > Number.NEGATIVE_INFINITY) yield scored(levels, inputs);
        }
      for (const block of inputs.keys())
        for (const other of blockChoices(block, scoreOf))
          yield scored(
            path,
            inputs.map((own, i) => (i === block ? other.inputs : own)),
          );
    },
    priced(prices): Scored<AutoDeepLabGenotype> {
      const priceOf = (shares: Shares) => shares.reduce((sum, share, k) => sum + share * (prices[k] ?? 0), 0);
      let cell = bestCell(blocks, scoreOf);
      let path = bestPath(moves, cell, costs, () => 0);
      for (let round = 0; round < ROUNDS; round++) {
        const before = JSON.stringify([path, cell]);
        path = bestPath(moves, cell, costs, priceOf);
        const levels = [0, ...path];
        const operatorPrices = [0, 1].map((isBlock) =>
          OPERATOR_NAMES.map((_, k) =>
            path.reduce((sum, to, layer) => {
              const stride = isBlock === 0 && to > levels[layer] ? 2 : 1;
              return sum + priceOf(costs.operators[to][stride - 1][k]);
            }, 0),
          ),
        );
        cell = bestCell(blocks, (block, from, k) => scoreOf(block, from, k) - operatorPrices[from < 2 ? 0 : 1][k]);
        if (JSON.stringify([path, cell]) === before) break;
      }
      return { genotype: genotypeOf(path, cell), score: pathScore(path) + cellScore(cell) };
    },
  };
}

/** Most turns of path and cell. */
const ROUNDS = 8;

type EdgeScore = (block: number, from: number, operator: number) => number;

/** The logarithm of what an edge with an operator counts. */
function edgeScores({ alpha, predecessors }: AutoDeepLabLogits): EdgeScore {
  const operators = alpha.map(logSoftmax);
  const blocks = blocksOf(alpha.length) as number;
  const shares = predecessors
    ? Array.from({ length: blocks }, (_, block) =>
        logSoftmax(predecessors.slice(edgeIndex(block, 0), edgeIndex(block + 1, 0))),
      ).flat()
    : undefined;
  return (block, from, k) => {
    const edge = edgeIndex(block, from);
    return operators[edge][k] + (shares?.[edge] ?? 0);
  };
}

const move = (moves: readonly (readonly number[])[], from: number, to: number): number =>
  to >= 0 && to < LEVELS ? (moves[from]?.[to - from + 1] ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY;

/** The largest score from a level after so many layers to the end, `[layers done][level]`. */
function waysOf(moves: readonly (readonly (readonly number[])[])[]): number[][] {
  const ways = [Array<number>(LEVELS).fill(0)];
  for (let layer = moves.length - 1; layer >= 0; layer--) {
    const after = ways[0];
    ways.unshift(
      after.map((_, from) =>
        Math.max(
          ...after.map((value, to) => (Math.abs(to - from) > 1 ? -Infinity : move(moves[layer], from, to) + value)),
        ),
      ),
    );
  }
  return ways;
}

/** Everything that a block may be, the best first. */
function blockChoices(
  block: number,
  scoreOf: EdgeScore,
): { readonly score: number; readonly inputs: readonly [BlockInput, BlockInput] }[] {
  const choices = [];
  for (let first = 0; first < block + 1; first++)
    for (let second = first + 1; second < block + 2; second++)
      for (const a of DECODED_OPERATOR_NAMES)
        for (const b of DECODED_OPERATOR_NAMES) {
          const score =
            scoreOf(block, first, OPERATOR_NAMES.indexOf(a)) + scoreOf(block, second, OPERATOR_NAMES.indexOf(b));
          const inputs = [
            { from: first, operator: a },
            { from: second, operator: b },
          ] as const;
          choices.push({ score, inputs });
        }
  return choices.sort((a, b) => b.score - a.score);
}

/** The cell of the largest score: on every edge its best operator, into every block its two best edges. */
const bestCell = (blocks: number, scoreOf: EdgeScore): Cell =>
  Array.from({ length: blocks }, (_, block) => {
    const edges = Array.from({ length: block + 2 }, (_, from) =>
      DECODED_OPERATOR_NAMES.map((operator) => ({
        from,
        operator,
        score: scoreOf(block, from, OPERATOR_NAMES.indexOf(operator)),
      })).reduce((best, other) => (other.score > best.score ? other : best)),
    );
    const [first, second] = edges
      .sort((a, b) => b.score - a.score || a.from - b.from)
      .slice(0, 2)
      .sort((a, b) => a.from - b.from)
      .map(({ from, operator }): BlockInput => ({ from, operator }));
    return [first, second] as const;
  });

interface Partial {
  readonly score: number;
  readonly path: readonly number[];
}

/** The path of the largest score less its price, for a cell: the best to every pair of levels, with and without a layer at level 0. */
function bestPath(
  moves: readonly (readonly (readonly number[])[])[],
  cell: Cell,
  costs: AutoDeepLabCosts,
  priceOf: (shares: Shares) => number,
): readonly number[] {
  const inputs = cell.flat();
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const operatorPrice = levels.map((from) =>
    levels.map((to) =>
      inputs.reduce((sum, input) => {
        const stride = input.from < 2 && to > from ? 2 : 1;
        return sum + priceOf(costs.operators[to][stride - 1][OPERATOR_NAMES.indexOf(input.operator)]);
      }, 0),
    ),
  );
  let best = new Map<string, Partial>([['', { score: 0, path: [] }]]);
  moves.forEach((own, layer) => {
    const next = new Map<string, Partial>();
    for (const { score, path } of best.values()) {
      const from = path.at(-1) ?? 0;
      const earliest = path.at(-2) ?? 0;
      for (const to of levels) {
        if (Math.abs(to - from) > 1) continue;
        const step = move(own, from, to);
        if (step === Number.NEGATIVE_INFINITY) continue;
        const price = priceOf(costs.cells[Math.min(layer, 2)][earliest][from][to]) + operatorPrice[from][to];
        const longer = [...path, to];
        const value = { score: score + step - price, path: longer };
        const key = `${from},${to},${longer.includes(0)}`;
        if (value.score > (next.get(key)?.score ?? Number.NEGATIVE_INFINITY)) next.set(key, value);
      }
    }
    best = next;
  });
  const whole = [...best.values()].map(({ score, path }) => ({
    path,
    score: score - priceOf(costs.ends[path[path.length - 1]][path.includes(0) ? 1 : 0]),
  }));
  return whole.reduce((one, other) => (other.score > one.score ? other : one)).path;
}
