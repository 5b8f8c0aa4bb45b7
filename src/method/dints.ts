/**
 * @file DiNTS as a method: many edges between resolutions at once, chosen under a memory budget. @paper dints sections 3, 4 and 7
 */
import { brokenBoundaries, type DintsLogits, decodeDints, unconstrainedTopology } from '../decode/dints.ts';
import { noGrad } from '../engine/autograd.ts';
import { hasBfloat16Tiles } from '../engine/device.ts';
import * as op from '../engine/operators.ts';
import { fromArray, keepForever, scope, type Tensor } from '../engine/tensor.ts';
import type { Precision } from '../nn/layers.ts';
import { adam, sgd } from '../nn/optimisers.ts';
import { scheduleOf } from '../nn/schedules.ts';
import { edgeElements } from '../space/dints/memory.ts';
import { DINTS_OPERATOR_NAMES } from '../space/dints/operators.ts';
import { PUBLISHED_DINTS_FILTERS } from '../space/dints/published.ts';
import { requireMethod } from '../space/genotype.ts';
import { dintsProbabilities, patternTable } from '../supernet/dints/architecture.ts';
import { edgeOperatorsNotFused } from '../supernet/dints/fusedEdge.ts';
import { dintsElementsKept } from '../supernet/dints/memory.ts';
import { createDintsSupernet } from '../supernet/dints/network.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';
import { withExcess } from './budget/objective.ts';
import { describeWithin, oncePerBudget, planDints } from './budget/plan.ts';
import {
  expectedMemory,
  fullMemory,
  type MemoryBudget,
  type ObjectiveTerms,
  objectiveTerms,
  searchObjective,
} from './dintsObjective.ts';
import { type Method, NUMBER_BYTES, type SearchData, type WeightDescent } from './method.ts';
import { skipWarnings } from './skipCollapse.ts';

/** Keys of the DiNTS space, of its objective and of its optimisers. */
export interface DintsSettings {
  readonly epochs: number;
  readonly warmupEpochs: number;
  readonly layers: number;
  readonly levels: number;
  /** Channels over those of the published network. */
  readonly width: number;
  /** Memory of the edges: up to 1 a share of that of the largest architecture, above that bytes. */
  readonly budget: { readonly memory: number };
  readonly weights: WeightDescent;
  readonly architecture: { readonly learningRate: number };
  /** What fused edges keep for the backward pass; default fast. */
  readonly memory?: KeptMemory;
  /** False composes the edges of libtorch's operators also where they could be fused; default true. */
  readonly fused?: boolean;
  /** What training passes compute in; default float32. */
  readonly precision?: Precision;
}

/** Channels of level 0 at a width over that of the published network; even, because the stems halve the channels of a level. */
export const dintsFilters = (width: number): number =>
  Math.max(2, 2 * Math.round((PUBLISHED_DINTS_FILTERS * width) / 2));

/** The method with its settings. */
export function dints(settings: DintsSettings): Method {
  const { layers, levels, width, weights: sgdSettings, fused = true } = settings;
  const filters = dintsFilters(width);
  const memoryBudget = (data: SearchData): MemoryBudget => {
    const rows = edgeElements({ rank: data.rank, levels, filters }, data);
    const elements = fromArray(rows.flat(), [rows.length, rows[0].length]);
    const full = fullMemory(elements, layers);
    return { elements, full, share: budgetShare(settings.budget.memory, NUMBER_BYTES * full) };
  };
  const planOf = (rank: 2 | 3) => oncePerBudget((budget) => planDints({ rank, levels, filters }, budget));
  const plans = { 2: planOf(2), 3: planOf(3) };
  return {
    name: 'dints',
    sides: { multiple: 2 ** (levels + 1), remainder: 0 },
    createSearchNetwork(origin, data) {
      const { rank, inputs, classes } = data;
      const supernet = createDintsSupernet(origin, { ...settings, rank, inputs, classes, filters });
      const planned = memoryBudget(data);
      const budget = { ...planned, elements: keepForever(op.toDevice(planned.elements, origin.device)) };
      const plan = plans[rank](data.budget);
      const decoded = () => decodeDints(supernet.architecture.snapshot(), { filters, rank });
      return {
        weights: supernet.parameters,
        architecture: supernet.architecture.parameters,
        forward: (images, pass, genotype) =>
          supernet.forward(images, pass, genotype && requireMethod(genotype, 'dints')),
        // A budget counts the network that the architecture decodes to, which is read in every step.
        steady: !plan,
        objective(outputLoss, ramp) {
          const probabilities = supernet.architecture.probabilities();
          const own = searchObjective(outputLoss, objectiveTerms(probabilities, { levels, budget }), ramp);
          return plan ? withExcess(own, plan.expected(probabilities, decoded()), ramp) : own;
        },
        snapshot: supernet.architecture.snapshot,
        notes: notesOn(fused, rank),
      };
    },
    keptBytes(data, memory) {
      const edges = fused && edgeOperatorsNotFused(DINTS_OPERATOR_NAMES[data.rank]).length === 0 ? memory : 'composed';
      const products = hasBfloat16Tiles() ? settings.precision : 'float32';
      const shape = { ...settings, ...data, filters };
      const { elements, atTheImages } = dintsElementsKept(shape, data, edges, products);
      return NUMBER_BYTES * (elements + atTheImages);
    },
    optimise({ weights, architecture }) {
      return {
        weights: {
          optimiser: sgd(weights.parameters(), sgdSettings),
          rate: scheduleOf(
            { schedule: 'steps', milestones: [0.4, 0.8], ...sgdSettings },
            settings.warmupEpochs / settings.epochs,
          ),
          clip: sgdSettings.clip,
        },
        // The paper's two optimisers are one: Adam treats every element by itself.
        architecture: {
          optimiser: adam(architecture, { beta1: 0.5, beta2: 0.999, decay: 0, decoupled: false }),
          rate: () => settings.architecture.learningRate,
          clip: 0,
        },
      };
    },
    describe(snapshot, data) {
      const logits = snapshot as DintsLogits;
      const within = plans[data.rank](data.budget)?.decode(logits);
      const genotype = within?.genotype ?? decodeDints(logits, { filters, rank: data.rank });
      const used = within && data.budget ? describeWithin(within, data.budget) : undefined;
      const edges = genotype.topology.flat();
      const skips = edges.filter(({ operator }) => operator === 'skip').length / edges.length;
      const metrics = {
        ...measure(logits, levels, memoryBudget(data)),
        edges: edges.length,
        brokenBoundaries: brokenBoundaries(levels, unconstrainedTopology(logits.edges)),
        skipShare: skips,
        ...used?.metrics,
      };
      const patterns = 2 ** logits.edges[0].length - 1;
      const limits = { operatorEntropy: Math.log(logits.ops[0][0].length), patternEntropy: Math.log(patterns) };
      return { genotype, metrics, limits, warnings: [...skipWarnings(skips), ...(used?.warnings ?? [])] };
    },
  };
}

/** Why edges fall back to the unfused form where the fused edge does not compute the operators. */
function notesOn(fused: boolean, rank: 2 | 3): string[] {
  const others = edgeOperatorsNotFused(DINTS_OPERATOR_NAMES[rank]);
  if (!fused || others.length === 0) return [];
  return [
    `${others.join(', ')}: the fused edge does not support ${others.length > 1 ? 'these' : 'this'}; falling back to slower unfused edges`,
  ];
}

/** The budget as a share of `fullBytes`; more than everything is everything. */
const budgetShare = (memory: number, fullBytes: number) => (memory <= 1 ? memory : Math.min(1, memory / fullBytes));

/** The terms of the objective as plain numbers: entropies as means over edges and layers, in nats, memory as the share that is expected. */
function measure(logits: DintsLogits, levels: number, budget: MemoryBudget): Record<string, number> {
  const { edges, ops } = logits;
  const [layers, width, depth] = [edges.length, edges[0].length, ops[0][0].length];
  return noGrad(() =>
    scope(() => {
      const probabilities = dintsProbabilities(
        fromArray(edges.flat(), [layers, width]),
        fromArray(ops.flat(2), [layers, width, depth]),
        patternTable(levels),
      );
      const terms = objectiveTerms(probabilities, { levels, budget });
      const value = (name: keyof ObjectiveTerms) => (terms[name] as Tensor).item();
      return {
        operatorEntropy: depth * value('operatorEntropy'),
        patternEntropy: probabilities.logPatterns.shape[1] * value('patternEntropy'),
        topologyLoss: value('topologyLoss'),
        memoryLoss: value('memoryLoss'),
        expectedMemory: expectedMemory(probabilities, budget.elements).item() / budget.full,
      };
    }),
  );
}
