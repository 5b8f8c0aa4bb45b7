/**
 * @file Brings architectures to the budgets of a race, as every training of it will: the widest network that holds all of them.
 */
import { ArchitectureError, ConfigError, ShapeError } from '../../base/errors.ts';
import type { DataSet } from '../../data/types.ts';
import { type Fit, macroOf } from '../../ladder/candidate.ts';
import { buildArchitecture } from '../../models/architecture.ts';
import { BUDGET_KEYS } from '../../models/width.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { fitToBudget } from '../prepare/networkOptions.ts';
import { trainSettings } from '../settings.ts';

/**
 * A fit to the budgets of a training. It gives null for what cannot be built for the data, for what is over a budget at its least width, and for what would
 * leave a tenth of the tightest budget over: candidates of a race cost the same.
 * @throws ConfigError without any budget
 */
export function createFit(training: TrainConfig, dataset: DataSet): Fit {
  if (Object.values(training.budget).every((limit) => limit === undefined))
    throw new ConfigError(
      'budget: expected at least one limit, got none',
      `say what the network may cost, such as budget.multiplyAdds=0.5e9; there are ${BUDGET_KEYS.map((key) => `budget.${key}`).join(', ')}`,
    );
  const { crop } = trainSettings(training, dataset.rank);
  // Logits for the loss alone are no cost of the network.
  const plain = { ...training, deepSupervision: false };
  return (architecture) => {
    try {
      const fitted = fitToBudget(architecture, plain, dataset);
      if (!fitted) return null;
      const graph = buildArchitecture(architecture, fitted.options);
      const { multiplyAdds, parameters, trainingMemory } = fitted.cost;
      const supervised = buildArchitecture(architecture, { ...fitted.options, deepSupervision: true });
      return {
        cost: { multiplyAdds, parameters, trainingMemory },
        macro: macroOf(graph, crop),
        auxiliary: supervised.auxiliary !== undefined,
      };
    } catch (error) {
      if (error instanceof ArchitectureError || error instanceof ShapeError || error instanceof ConfigError)
        return null;
      throw error;
    }
  };
}
