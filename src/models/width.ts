/**
 * @file A network as wide as its budget allows: one multiplier over the widths of `widthParts.ts`. Counted exactly, and never over any budget.
 *
 * Growing the multiplier from 0 raises one width by one step at a time; the network is the last one in this order that fits. What is left of
 * the budget then is filled by the steps that come next in the same order, those that still fit, up to {@link FILL} times the multiplier. Of one
 * budget a larger one never gives a network that costs less; of several, never a smaller multiplier.
 */
import { ConfigError } from '../base/errors.ts';
import { formatBytes } from '../base/text.ts';
import { type Architecture, type BuildOptions, buildArchitecture } from './architecture.ts';
import { countNetwork, type NetworkGraph } from './graph.ts';
import { estimateMemory } from './memory.ts';
import { WIDTH_STEP, type WidthPart, widthParts, withWidths } from './widthParts.ts';

/** What a network may cost, each at most, for `batch` images or volumes of one size. */
export interface Budget {
  readonly multiplyAdds?: number;
  readonly parameters?: number;
  /** Peak bytes of a training step and of an inference, as `estimateMemory` counts them. */
  readonly trainingMemory?: number;
  readonly inferenceMemory?: number;
  /** Milliseconds of one inference. */
  readonly latencyMs?: number;
}

/** What a network costs; milliseconds where they can be predicted. */
export type BudgetedCost = Required<Omit<Budget, 'latencyMs'>> & Pick<Budget, 'latencyMs'>;

/** A part of a network of which the share is reported. */
export type NetworkPart = 'stem' | 'cells' | 'encoder' | 'head' | 'decoder';

/** A network that fits. */
export interface FittedWidth {
  /** Those given, with the widths. */
  readonly options: BuildOptions;
  /** Over the proportions of the published network. */
  readonly multiplier: number;
  readonly cost: BudgetedCost;
  /** Share of the multiply-adds that each part has; they sum to 1. */
  readonly shares: Readonly<Partial<Record<NetworkPart, number>>>;
  /** The budget of which most is used, and the share of it that is left over. */
  readonly tightest: keyof Budget;
  readonly unused: number;
  /** Says what is left over, where that is more than {@link SAID}. */
  readonly note?: string;
}

/** Predicts the milliseconds of one inference. */
export type LatencyOf = (graph: NetworkGraph, size: readonly number[], batch: number) => number;

/** Share of a budget that may be left over without a word, and at all. */
export const SAID = 0.03;
export const REFUSED = 0.1;
/** How far widths may go beyond the multiplier to use what is left of a budget. */
const FILL = 1.5;
/** A budget of which so much is used is not filled further. */
const FULL = 0.995;

/** Whether a budget limits anything. */
export const hasBudget = (budget: Budget): boolean => BUDGET_KEYS.some((key) => budget[key] !== undefined);

/** The keys of a budget, in the order in which they are reported. */
export const BUDGET_KEYS = ['multiplyAdds', 'parameters', 'trainingMemory', 'inferenceMemory', 'latencyMs'] as const;

/**
 * The options with which `architecture` comes nearest to `budget` from below, for a batch of inputs of spatial `size`.
 * @throws ConfigError with the nearest possible cost when the least network costs more than a budget, or when more than 10 % would be left over
 */
export function fitWidth(
  architecture: Architecture,
  options: BuildOptions,
  budget: Budget,
  size: readonly number[],
  batch = 1,
  latencyOf?: LatencyOf,
): FittedWidth {
  const keys = givenKeys(budget, latencyOf);
  const parts = widthParts(architecture, options);
  const build = (values: readonly number[]) => buildArchitecture(architecture, withWidths(options, parts, values));
  /** How much of the tightest budget is used, above 1 when it does not fit. */
  const use = (values: readonly number[]): Use => {
    const cost = costOf(build(values), size, batch, keys, latencyOf);
    const uses = keys.map((key) => ({ key, cost: cost[key], share: cost[key] / (budget[key] as number) }));
    return uses.reduce((most, other) => (other.share > most.share ? other : most));
  };
  const least = parts.map((part) => part.least);
  const leastUse = use(least);
  if (leastUse.share > 1) throw belowLeast(leastUse, budget);

  const steps = orderedSteps(parts);
  let [fits, over] = [0, steps.length + 1];
  while (over - fits > 1) {
    const middle = (fits + over) >> 1;
    if (use(valuesAfter(parts, steps.slice(0, middle))).share <= 1) fits = middle;
    else over = middle;
  }
  const { values, last, refused } = fill(parts, steps, fits, use);
  const { key, share } = last;
  const unused = 1 - share;
  if (unused > REFUSED) throw leftOver(last, budget, refused);
  const graph = build(values);
  return {
    options: withWidths(options, parts, values),
    multiplier: fits === 0 ? Math.min(...parts.map((part) => part.least / part.base)) : steps[fits - 1].multiplier,
    cost: costOf(
      graph,
      size,
      batch,
      BUDGET_KEYS.filter((name) => name !== 'latencyMs' || latencyOf),
      latencyOf,
    ),
    shares: sharesOf(graph, size),
    tightest: key,
    unused,
    ...(unused > SAID
      ? { note: `${percent(unused)} of budget.${key}=${budget[key]} is left over: the next wider network does not fit` }
      : {}),
  };
}

/**
 * Checks a network that is as it is.
 * @throws ConfigError naming the first budget that it does not keep
 */
export function requireWithin(
  graph: NetworkGraph,
  budget: Budget,
  size: readonly number[],
  latencyOf?: LatencyOf,
): void {
  const keys = givenKeys(budget, latencyOf);
  const cost = costOf(graph, size, 1, keys, latencyOf);
  for (const key of keys)
    if (cost[key] > (budget[key] as number))
      throw new ConfigError(
        `budget.${key}=${budget[key]}: this network takes ${showCost(key, cost[key])} for an input of ${size.join(' x ')}`,
        `train one that fits: espalier train budget.${key}=${budget[key]}`,
      );
}

/** The share of the multiply-adds of each part of a network. */
export function sharesOf(graph: NetworkGraph, size: readonly number[]): FittedWidth['shares'] {
  const { multiplyAdds, stages } = countNetwork(graph, takenSides(graph, size));
  const shares: Partial<Record<NetworkPart, number>> = {};
  for (const row of stages) {
    const name = partOf(row.stage);
    shares[name] = (shares[name] ?? 0) + row.multiplyAdds / multiplyAdds;
  }
  return shares;
}

/** A cost as it would be written as a setting: rounded up, so that this setting allows it. */
export function showCost(key: keyof Budget, value: number): string {
  if (key === 'multiplyAdds') return `${roundUp(value / 1e9)}e9`;
  if (key === 'latencyMs') return String(roundUp(value));
  const whole = Math.ceil(value);
  return key === 'parameters' ? String(whole) : `${whole} (${formatBytes(whole)})`;
}

/** To four digits. */
function roundUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 3);
  const rounded = Number((Math.ceil(value / unit) * unit).toPrecision(4));
  return rounded >= value ? rounded : Number((rounded + unit).toPrecision(4));
}

interface Use {
  readonly key: keyof Budget;
  readonly cost: number;
  readonly share: number;
}

/** One step of one width, and the multiplier from which it is taken. */
interface WidthStep {
  readonly part: number;
  readonly multiplier: number;
}

/** Every step of every width in the order in which a growing multiplier takes them; of equal ones the relatively smaller first. */
const orderedSteps = (parts: readonly WidthPart[]): WidthStep[] =>
  parts
    .flatMap(({ base, least, most }, part) =>
      Array.from({ length: (most - least) / WIDTH_STEP }, (_, i) => ({
        part,
        multiplier: (least + (i + 1) * WIDTH_STEP) / base,
      })),
    )
    .sort((a, b) => a.multiplier - b.multiplier || parts[b.part].base - parts[a.part].base || a.part - b.part);

function valuesAfter(parts: readonly WidthPart[], steps: readonly WidthStep[]): number[] {
  const values = parts.map((part) => part.least);
  for (const { part } of steps) values[part] += WIDTH_STEP;
  return values;
}

interface Filled {
  readonly values: readonly number[];
  /** Of these values. */
  readonly last: Use;
  /** Of the steps that did not fit, the one that comes nearest: a budget of its cost gives exactly that network. */
  readonly refused?: Use;
}

/** Takes the steps after the first `taken` that still fit; a width whose step does not fit stays as it is. */
function fill(
  parts: readonly WidthPart[],
  steps: readonly WidthStep[],
  taken: number,
  use: (values: readonly number[]) => Use,
): Filled {
  let values = valuesAfter(parts, steps.slice(0, taken));
  let last = use(values);
  let refused: Use | undefined;
  const limit = FILL * (steps[taken]?.multiplier ?? 0);
  const held = new Set<number>();
  for (const { part, multiplier } of steps.slice(taken)) {
    if (multiplier > limit || held.size === parts.length || last.share > FULL) break;
    if (held.has(part)) continue;
    const wider = values.map((value, i) => (i === part ? value + WIDTH_STEP : value));
    const next = use(wider);
    if (next.share <= 1) [values, last] = [wider, next];
    else {
      held.add(part);
      if (!refused || next.share < refused.share) refused = next;
    }
  }
  return { values, last, refused };
}

/** What a network costs, by the keys that are wanted; sides that it does not take are padded, as at inference. */
export function costOf<Key extends keyof Budget>(
  graph: NetworkGraph,
  given: readonly number[],
  batch: number,
  keys: readonly Key[],
  latencyOf?: LatencyOf,
): Record<Key, number> & BudgetedCost {
  const size = takenSides(graph, given);
  const { multiplyAdds, parameters } = countNetwork(graph, size);
  const isWanted = (key: keyof Budget) => (keys as readonly string[]).includes(key);
  const memory =
    isWanted('trainingMemory') || isWanted('inferenceMemory') ? estimateMemory(graph, size, batch) : undefined;
  return {
    multiplyAdds: batch * multiplyAdds,
    parameters,
    trainingMemory: memory?.trainingBytes ?? Number.NaN,
    inferenceMemory: memory?.inferenceBytes ?? Number.NaN,
    ...(isWanted('latencyMs') && latencyOf ? { latencyMs: latencyOf(graph, size, batch) } : {}),
  } as Record<Key, number> & BudgetedCost;
}

/** Sides that a network takes, not below `size`. */
export const takenSides = ({ sideMultiple = 1 }: NetworkGraph, size: readonly number[]): readonly number[] =>
  size.map((side) => sideMultiple * Math.ceil(side / sideMultiple));

/** The keys of a budget that are set. @throws ConfigError where there is none, one is no number above 0, or nothing predicts latencies */
export function givenKeys(budget: Budget, latencyOf?: LatencyOf): (keyof Budget)[] {
  const keys = BUDGET_KEYS.filter((key) => budget[key] !== undefined);
  if (keys.length === 0)
    throw new ConfigError(
      'budget: expected at least one limit, got none',
      `set one of ${BUDGET_KEYS.map((key) => `budget.${key}`).join(', ')}`,
    );
  for (const key of keys) {
    const value = budget[key] as number;
    if (!(value > 0 && Number.isFinite(value)))
      throw new ConfigError(`budget.${key}: expected a number above 0, got ${value}`);
  }
  if (budget.latencyMs !== undefined && !latencyOf)
    throw new ConfigError('budget.latencyMs: no latency table of this machine', 'make one: espalier measure');
  return keys;
}

function belowLeast({ key, cost }: Use, budget: Budget): ConfigError {
  return new ConfigError(
    `budget.${key}: expected at least ${showCost(key, cost)}, which the narrowest network of this architecture takes, got ${budget[key]}`,
    'give that much, or take a smaller architecture',
  );
}

function leftOver({ key, cost, share }: Use, budget: Budget, next: Use | undefined): ConfigError {
  const above = next
    ? `, the next wider one ${showCost(next.key, next.cost)}${next.key === key ? '' : ` of budget.${next.key}`}`
    : ', and it is the widest';
  return new ConfigError(
    `budget.${key}=${budget[key]}: the nearest network below takes ${showCost(key, cost)} (${percent(1 - share)} less)${above}`,
    'set the budget to one of these, or take another architecture',
  );
}

const percent = (part: number): string => `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`;

function partOf(stage: string): NetworkPart {
  if (/^stem(In)?$/.test(stage)) return 'stem';
  if (/^(cell|layer)\d/.test(stage)) return 'cells';
  if (/^(down|stage)\d/.test(stage)) return 'encoder';
  return stage === 'aspp' || stage === 'largeFov' ? 'head' : 'decoder';
}
