/**
 * @file The budget of a search as its method takes it: limits, the network that the training that follows builds, and the latency table of this machine.
 */
import { outputsOf } from '../../data/regions/regions.ts';
import { channelsOf, type DataSet } from '../../data/types.ts';
import type { SearchBudget } from '../../method/budget/searchBudget.ts';
import { latencyModel } from '../../models/latency/predict.ts';
import { BUDGET_KEYS, type Budget, givenKeys, hasBudget } from '../../models/width.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import { requireTable } from '../cost/latency/table.ts';
import { sidesOf } from '../settings.ts';
import { trainedOptions } from './found.ts';

/**
 * The budget of these settings, undefined without one.
 * @throws ConfigError for a latency without a table of this machine
 */
export function searchBudgetOf(config: SearchConfig, dataset: DataSet): SearchBudget | undefined {
  const { budget, trainFilters, preset } = config;
  if (!hasBudget(budget)) return undefined;
  const { rank } = dataset;
  const limits: Budget = Object.fromEntries(BUDGET_KEYS.map((key) => [key, budget[key]]));
  const data = { rank, channels: channelsOf(dataset), classes: outputsOf(dataset).length };
  const { options } = trainedOptions(preset, data);
  const latency =
    limits.latencyMs === undefined
      ? {}
      : { latency: { model: latencyModel(requireTable(config), 'similar'), target: config.target } };
  givenKeys(limits, () => 0);
  return {
    limits,
    options: trainFilters === undefined ? options : { ...options, filters: trainFilters },
    size: sidesOf(config.size ?? config.crop, rank),
    ...latency,
  };
}
