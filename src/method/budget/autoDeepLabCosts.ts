/**
 * @file What the parts of a network of Auto-DeepLab cost: operators by level and stride, what brings the two inputs of a cell to its channels by the
 * levels that they come from, stem and head by the last level and by where the finest features are.
 */
import { buildAutoDeepLab, buildOperator, PUBLISHED_STEM } from '../../models/autoDeepLab.ts';
import { GraphBuilder } from '../../models/builder.ts';
import { type AutoDeepLabGenotype, createGenotype } from '../../space/genotype.ts';
import { STANDARD_NORM } from '../../space/norm.ts';
import { OPERATOR_NAMES } from '../../space/operators.ts';
import { LEVELS } from '../../space/trellis.ts';
import { addShares, budgetKeys, partShares, type SearchBudget, type Shares } from './searchBudget.ts';

/** The space whose parts are counted. */
export interface CellSpace {
  readonly rank: 2 | 3;
  readonly blocks: number;
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
}

/** Costs of parts; levels from the finest. */
export interface AutoDeepLabCosts {
  /** `[level][stride - 1][operator]`; stride 2 reads the level above. */
  readonly operators: readonly (readonly (readonly Shares[])[])[];
  /**
   * A cell without its operators, `[layer, at most 2][level two layers before][level before][level]`. The first two layers read the stem, which counts as
   * level 0. Empty where no move leads.
   */
  readonly cells: readonly (readonly (readonly (readonly Shares[])[])[])[];
  /** Stem and head, `[last level][whether a layer was at level 0]`. */
  readonly ends: readonly (readonly Shares[])[];
}

/** Counts every part once. Sizes are those that halving gives: exact where going down and up again gives the same ones. */
export function autoDeepLabCosts(space: CellSpace, budget: SearchBudget): AutoDeepLabCosts {
  const { rank, blocks } = space;
  const { filters = space.filters, stem = PUBLISHED_STEM } = budget.options;
  const { widths = Array.from({ length: LEVELS }, (_, level) => filters * 2 ** level) } = budget.options;
  const halved = (size: readonly number[]) => size.map((side) => Math.ceil(side / 2));
  // The stem gives strides 2 and 4; level d is at stride 4 * 2^d.
  const stemSize = halved(budget.size);
  const sizes = [halved(stemSize)];
  while (sizes.length < LEVELS) sizes.push(halved(sizes[sizes.length - 1]));
  const counted = (channels: number, size: readonly number[], fill: (build: GraphBuilder, input: number) => void) => {
    const build = new GraphBuilder(rank, { normOver: STANDARD_NORM['auto-deeplab'] });
    fill(build, build.input(channels));
    return partShares(build.finish(1), size, budget);
  };
  const none = budgetKeys(budget).map(() => 0);
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const operators = levels.map((level) =>
    ([1, 2] as const).map((stride) =>
      OPERATOR_NAMES.map((name) =>
        name === 'zero' || (stride === 2 && level === 0)
          ? none
          : counted(widths[level], sizes[level - stride + 1], (build, input) => {
              buildOperator(build, 'operator', name, input, stride, space.atrous);
            }),
      ),
    ),
  );
  const cells = [0, 1, 2].map((first) =>
    levels.map((earliest) =>
      levels.map((from) =>
        levels.map((to) => {
          if (Math.abs(from - to) > 1 || (first > 0 && Math.abs(earliest - from) > 1)) return [];
          const read = sizes[Math.min(from, to)];
          const last = first === 0 ? stem[2] : blocks * widths[from];
          const [before, beforeSize] =
            first === 0
              ? [stem[1], stemSize]
              : first === 1
                ? [stem[2], sizes[0]]
                : [blocks * widths[earliest], sizes[earliest]];
          const ends = counted(widths[to], sizes[to], (build, input) => {
            const sums = Array.from({ length: blocks }, () => build.add([input, input]));
            build.concat(sums);
          });
          const own = counted(last, sizes[from], (build, input) => {
            const current = from > to ? build.resizeBy(input, 2) : input;
            build.reluConvolutionNorm('last', current, widths[to], { kernel: 1 });
          });
          const resized = counted(before, beforeSize, (build, input) => {
            const isThere = read.every((side, axis) => side === beforeSize[axis]);
            if (!isThere) build.resizeTimes(input, (read[0] + 0.5) / beforeSize[0]);
          });
          const earlier = counted(before, read, (build, input) => {
            if (before !== widths[to]) build.reluConvolutionNorm('beforeLast', input, widths[to], { kernel: 1 });
          });
          return addShares(ends, own, resized, earlier);
        }),
      ),
    ),
  );
  const ends = levels.map((last) =>
    [false, true].map((visited) => {
      const path = levels.slice(visited ? 0 : Math.min(1, last), last + 1);
      const graph = buildAutoDeepLab(plainGenotype(space, path), budget.options);
      return partShares(graph, budget.size, budget, ({ kind, stage }) => kind !== 'input' && !/^cell\d/.test(stage));
    }),
  );
  return { operators, cells, ends };
}

/** A network of the space with the cheapest cell, for its stem and its head. */
const plainGenotype = ({ rank, filters, atrous, blocks }: CellSpace, path: readonly number[]): AutoDeepLabGenotype =>
  createGenotype({
    rank,
    filters,
    atrous,
    path,
    cell: Array.from(
      { length: blocks },
      () =>
        [
          { from: 0, operator: 'skip' },
          { from: 1, operator: 'skip' },
        ] as const,
    ),
  });

/** The sum of the parts of a genotype. */
export function sumOfParts(
  { path, cell }: Pick<AutoDeepLabGenotype, 'path' | 'cell'>,
  costs: AutoDeepLabCosts,
): number[] {
  const levels = [0, ...path];
  const parts: Shares[] = [costs.ends[levels[path.length]][path.includes(0) ? 1 : 0]];
  path.forEach((to, layer) => {
    const from = levels[layer];
    parts.push(costs.cells[Math.min(layer, 2)][layer === 0 ? 0 : levels[layer - 1]][from][to]);
    for (const { inputs } of cell)
      for (const input of inputs) {
        const stride = input.from < 2 && to > from ? 2 : 1;
        parts.push(costs.operators[to][stride - 1][OPERATOR_NAMES.indexOf(input.operator)]);
      }
  });
  return addShares(...parts);
}
