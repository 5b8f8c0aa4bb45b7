/**
 * @file The budget of a search, ready for its objective and for decoding: costs of the parts of its space, counted once. One function a method.
 */
import type { DintsLogits } from '../../decode/dints.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { AutoDeepLabGenotype, DintsGenotype } from '../../space/genotype.ts';
import type { AutoDeepLabLogits } from '../../space/logits.ts';
import type { ArchitectureProbabilities } from '../dintsObjective.ts';
import { autoDeepLabCosts, type CellSpace, sumOfParts } from './autoDeepLabCosts.ts';
import { type CellProbabilities, cellCostTensors, expectedCellCosts } from './autoDeepLabExpectation.ts';
import { autoDeepLabChoices } from './autoDeepLabWithin.ts';
import { type DecodedWithin, decodeWithin } from './decodeWithin.ts';
import { dintsCosts, type EdgeSpace, sumOfEdges } from './dintsCosts.ts';
import { edgeCostTensors, expectedEdgeCosts } from './dintsExpectation.ts';
import { dintsChoices } from './dintsWithin.ts';
import { correctedShares, genotypeCounter } from './objective.ts';
import { budgetKeys, type SearchBudget } from './searchBudget.ts';

/** What a search asks of its budget. */
export interface BudgetPlan<Logits, Probabilities, G> {
  /** Expected shares of the limits, `[limits]`; those of the network of `genotype` where the architecture is one-hot. */
  expected(probabilities: Probabilities, genotype: G): Tensor;
  /** The best architecture that fits. */
  decode(logits: Logits): DecodedWithin<G>;
}

/** The plan of Auto-DeepLab; tensors of costs are made where probabilities are. */
export function planAutoDeepLab(
  space: CellSpace,
  budget: SearchBudget,
): BudgetPlan<AutoDeepLabLogits, CellProbabilities, AutoDeepLabGenotype> {
  const costs = autoDeepLabCosts(space, budget);
  const counter = genotypeCounter(budget, (genotype: AutoDeepLabGenotype) => sumOfParts(genotype, costs));
  const tensorsOn = perDevice((device) => cellCostTensors(costs, device));
  return {
    expected: (probabilities, genotype) =>
      correctedShares(
        expectedCellCosts(probabilities, tensorsOn(probabilities.operators.device)),
        counter.factors(genotype),
      ),
    decode: (logits) => decodeWithin(autoDeepLabChoices(logits, space, costs, counter)),
  };
}

/** The plan of DiNTS. */
export function planDints(
  space: EdgeSpace,
  budget: SearchBudget,
): BudgetPlan<DintsLogits, ArchitectureProbabilities, DintsGenotype> {
  const costs = dintsCosts(space, budget);
  const counter = genotypeCounter(budget, (genotype: DintsGenotype) => sumOfEdges(genotype, costs));
  const tensorsOn = perDevice((device) => edgeCostTensors(costs, space.levels, device));
  return {
    expected: (probabilities, genotype) =>
      correctedShares(
        expectedEdgeCosts(probabilities, tensorsOn(probabilities.operators.device)),
        counter.factors(genotype),
      ),
    decode: (logits) => decodeWithin(dintsChoices(logits, space, costs, counter)),
  };
}

/** The plan of a budget, made when it is first asked for; undefined without one. */
export function oncePerBudget<Plan>(make: (budget: SearchBudget) => Plan): (budget?: SearchBudget) => Plan | undefined {
  const made = new WeakMap<SearchBudget, Plan>();
  return (budget) => {
    if (!budget) return undefined;
    const plan = made.get(budget) ?? make(budget);
    made.set(budget, plan);
    return plan;
  };
}

/** What is logged of an architecture that was decoded within a budget, and what the user should know. */
export function describeWithin(
  { fits, shares, gap }: DecodedWithin<unknown>,
  budget: SearchBudget,
): { metrics: Record<string, number>; warnings: string[] } {
  const keys = budgetKeys(budget);
  const most = shares.indexOf(Math.max(...shares));
  const [key, share] = [keys[most], shares[most]];
  return {
    metrics: { budgetUse: share, budgetGap: gap },
    warnings: fits
      ? []
      : [
          `budget.${key}=${budget.limits[key]}: no architecture within it was found; the least takes ${Math.round(100 * share)} % of it at the width that is counted`,
        ],
  };
}

function perDevice<T>(make: (device: string) => T): (device: string) => T {
  const made = new Map<string, T>();
  return (device) => {
    const found = made.get(device) ?? make(device);
    made.set(device, found);
    return found;
  };
}
