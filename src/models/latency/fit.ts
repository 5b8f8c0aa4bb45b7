/**
 * @file Milliseconds of units of one kind as a sum: an overhead, multiply-adds, numbers read and written, weights, each times what it costs here, which
 * is fitted to measured units. Hardware works on channels in blocks; how many a block has is found by which number fits best.
 */
import type { UnitShape } from './units.ts';

/** A unit that was measured. */
export interface MeasuredUnit {
  readonly kind: string;
  readonly shape: UnitShape;
  readonly ms: number;
}

/** Costs of the terms of a unit, all at least 0. */
export interface KindFit {
  readonly costs: readonly number[];
  /** Output channels are counted in blocks of so many. */
  readonly block: number;
}

/** Blocks of channels that processors have. */
const BLOCKS = [1, 8, 16] as const;
/** From this relative error on a unit counts less: measured times have outliers. */
const TOLERATED = 0.2;
/** Times the weights of outliers are set anew. */
const ROUNDS = 8;
/** Kinds of fewer units than this, which would fit any outlier, take the costs of their family times one factor. */
const FEWEST = 8;

/** Fits every kind. The block is one for all convolutions of a rank, since it is one of the processor's. */
export function fitKinds(units: readonly MeasuredUnit[]): Map<string, KindFit> {
  const fits = new Map<string, KindFit>();
  for (const family of grouped(units, familyOf).values()) {
    const kinds = [...grouped(family, ({ kind }) => kind)];
    const many = kinds.filter(([, rows]) => rows.length >= FEWEST).map(([, rows]) => rows);
    const misfit = (size: number) =>
      many.reduce((sum, rows) => sum + misfitOf(rows, { costs: fitCosts(rows, size), block: size }), 0);
    const { block } = BLOCKS.map((size) => ({ block: size, misfit: misfit(size) })).reduce((best, other) =>
      other.misfit < best.misfit ? other : best,
    );
    const common: KindFit = { costs: fitCosts(family, block), block };
    for (const [kind, rows] of kinds) {
      if (rows.length >= FEWEST) {
        fits.set(kind, { costs: fitCosts(rows, block), block });
        continue;
      }
      const ratios = rows.map(({ shape, ms }) => ms / fittedMs(common, shape)).sort((x, y) => x - y);
      const factor = ratios[ratios.length >> 1];
      fits.set(kind, { costs: common.costs.map((cost) => factor * cost), block });
    }
  }
  return fits;
}

/** Rank, and whether it is a convolution: what shares the shape of its costs. */
const familyOf = ({ kind, shape: { taps, depthwiseTaps } }: MeasuredUnit): string =>
  `${kind.slice(0, 2)} ${taps + depthwiseTaps > 0}`;

/** Milliseconds by the fit. */
export const fittedMs = ({ costs, block }: KindFit, shape: UnitShape): number =>
  Math.max(LEAST_MS, dot(termsOf(shape, block), costs));

/** Shorter than a clock resolves. */
const LEAST_MS = 1e-5;

/** What a unit's time is a sum of, in units that keep the costs of one order. */
function termsOf({ inputs, outputs, readPixels, writtenPixels, taps, depthwiseTaps }: UnitShape, block: number) {
  const blocked = taps > 0 ? block * Math.ceil(outputs / block) : outputs;
  return [
    1,
    (taps * inputs * blocked * writtenPixels) / 1e6,
    (depthwiseTaps * inputs * writtenPixels) / 1e6,
    (inputs * readPixels) / 1e5,
    (outputs * writtenPixels) / 1e5,
    (taps * inputs * outputs) / 1e5,
  ];
}

/** Least squares of relative errors with costs of at least 0; units that do not fit count less. */
function fitCosts(rows: readonly MeasuredUnit[], block: number): number[] {
  const terms = rows.map(({ shape }) => termsOf(shape, block));
  let weights = rows.map(() => 1);
  let costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const scaled = terms.map((row, i) => row.map((term) => (term * weights[i]) / rows[i].ms));
    costs = leastSquares(scaled, weights);
    weights = terms.map((row, i) => {
      const error = Math.abs(Math.log(Math.max(LEAST_MS, dot(row, costs)) / rows[i].ms));
      return Math.min(1, TOLERATED / error);
    });
  }
  return costs;
}

/** Sum of the relative errors, each up to a half. */
const misfitOf = (rows: readonly MeasuredUnit[], fit: KindFit): number =>
  rows.reduce((sum, { shape, ms }) => sum + Math.min(0.5, Math.abs(Math.log(fittedMs(fit, shape) / ms))), 0);

/**
 * The numbers of at least 0 by which `rows` come nearest to `targets`: one number after the other, on the normal equations.
 * @param rows of one length
 */
export function leastSquares(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const width = rows[0].length;
  const columns = Array.from({ length: width }, (_, i) => i);
  const products = columns.map((i) => columns.map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)));
  const wanted = columns.map((i) => rows.reduce((sum, row, k) => sum + row[i] * targets[k], 0));
  const result = Array<number>(width).fill(0);
  for (let round = 0; round < 2000; round++) {
    let change = 0;
    for (const i of columns) {
      if (products[i][i] === 0) continue;
      const others = columns.reduce((sum, j) => (j === i ? sum : sum + products[i][j] * result[j]), 0);
      const value = Math.max(0, (wanted[i] - others) / products[i][i]);
      change = Math.max(change, Math.abs(value - result[i]) / (1e-9 + value));
      result[i] = value;
    }
    if (change < 1e-6) break;
  }
  return result;
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

function grouped(units: readonly MeasuredUnit[], nameOf: (unit: MeasuredUnit) => string): Map<string, MeasuredUnit[]> {
  const groups = new Map<string, MeasuredUnit[]>();
  for (const unit of units) {
    const rows = groups.get(nameOf(unit));
    if (rows) rows.push(unit);
    else groups.set(nameOf(unit), [unit]);
  }
  return groups;
}
