/**
 * @file What the settings and the data of a training decide about its network: widths as they are set, or as a budget asks for.
 */
import { outputsOf } from '../../data/regions/regions.ts';
import { channelsOf, type DataSet } from '../../data/types.ts';
import type { Architecture, BuildOptions } from '../../models/architecture.ts';
import { BUDGET_KEYS, type FittedWidth, fitWidth, hasBudget, showCost } from '../../models/width.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { budgetPredictor } from '../cost/latency/table.ts';
import { sidesOf, trainSettings } from '../settings.ts';

/**
 * What the settings and the data decide about a network.
 * @throws ConfigError when no width of it keeps the budget
 */
export function networkOptions(architecture: Architecture, config: TrainConfig, dataset: DataSet): BuildOptions {
  return fitToBudget(architecture, config, dataset)?.options ?? plainOptions(config, dataset);
}

/** The widths that the budget of a training asks for; undefined where it has none. */
export function fitToBudget(
  architecture: Architecture,
  config: TrainConfig,
  dataset: DataSet,
): FittedWidth | undefined {
  if (!hasBudget(config.budget)) return undefined;
  const { rank } = dataset;
  const size = config.size ?? trainSettings(config, rank).crop;
  const latencyOf = budgetPredictor(config.budget, config);
  return fitWidth(architecture, plainOptions(config, dataset), config.budget, sidesOf(size, rank), 1, latencyOf);
}

const plainOptions = (config: TrainConfig, dataset: DataSet): BuildOptions =>
  optionsOf(config, { rank: dataset.rank, channels: channelsOf(dataset), classes: outputsOf(dataset).length });

/** What the settings and what counts of the data decide, without a budget. */
export function optionsOf(
  config: TrainConfig,
  { rank, channels, classes }: { rank: 2 | 3; channels: number; classes: number },
): BuildOptions {
  const { filters, stem, aspp, decoder, deepSupervision, norm } = config;
  return {
    rank,
    inputs: channels,
    classes,
    ...(deepSupervision ? { deepSupervision } : {}),
    stem,
    norm,
    ...(filters === undefined ? {} : { filters }),
    head: {
      aspp: aspp.filters,
      decoder: decoder.filters,
      lowLevel: decoder.lowLevel,
      ...(aspp.rates === 'auto' ? {} : { rates: aspp.rates }),
    },
  };
}

/** The shares of the parts of a network in one line. */
export const sharesLine = (shares: FittedWidth['shares']): string =>
  `multiply-adds: ${Object.entries(shares)
    .map(([part, share]) => `${part} ${Math.round(100 * share)} %`)
    .join(', ')}`;

/** A fitted network in one line: its costs, the shares of its parts, what is left over. */
export function describeFit({ multiplier, cost, shares, note }: FittedWidth): string {
  const costs = BUDGET_KEYS.flatMap((key) => {
    const value = cost[key];
    return value === undefined ? [] : [`${key} ${showCost(key, value)}`];
  });
  const widths = `widths times ${multiplier.toPrecision(3)}`;
  return [`${widths}: ${costs.join(', ')}`, sharesLine(shares), ...(note ? [note] : [])].join('; ');
}
