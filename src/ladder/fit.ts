/**
 * @file Brings an architecture to the budgets of a race: the widest network that holds every one of them, so that candidates differ in shape and not in cost.
 */
import { ArchitectureError, ShapeError } from '../base/errors.ts';
import { type Architecture, type BuildOptions, buildArchitecture } from '../models/architecture.ts';
import { countNetwork, type NetworkGraph } from '../models/graph.ts';
import { estimateMemory } from '../models/memory.ts';
import { type CandidateCost, type Fit, macroOf, type Widths } from './candidate.ts';

/** What every network of a race may cost, each at most: of one crop, and the memory of a training step. */
export interface RaceBudget {
  readonly multiplyAdds?: number;
  readonly parameters?: number;
  /** Bytes. */
  readonly trainingMemory?: number;
}

/** What the data and the recipe decide. */
export interface FitPlace {
  readonly options: Pick<BuildOptions, 'rank' | 'inputs' | 'classes'>;
  /** Of a crop. */
  readonly size: readonly number[];
  readonly batch: number;
  readonly budget: RaceBudget;
}

/** Stem and head of the published networks, at F = 20 filters. @paper auto-deeplab section 5 */
const PUBLISHED = { filters: 20, stem: [64, 64, 128], aspp: 256, decoder: 256, lowLevel: 48 } as const;
const MOST_FILTERS = 512;
/** Narrower networks than this are none. */
const FEWEST_FILTERS = 4;

/** The widths at so many filters: stem and head in the proportions of the published networks. */
export function widthsAt(filters: number): Required<Widths> {
  const scaled = (width: number) => Math.max(4, 4 * Math.round((width * filters) / PUBLISHED.filters / 4));
  const [a, b, c] = PUBLISHED.stem;
  return {
    filters,
    stem: [scaled(a), scaled(b), scaled(c)],
    aspp: { filters: scaled(PUBLISHED.aspp) },
    decoder: { filters: scaled(PUBLISHED.decoder), lowLevel: scaled(PUBLISHED.lowLevel) },
  };
}

/** A fit to the budgets of a race; `null` for architectures that cannot be built for the data, or of which no width fits. */
export function createFit(place: FitPlace): Fit {
  const { options, size, batch, budget } = place;
  const built = (architecture: Architecture, filters: number): { graph: NetworkGraph; cost: CandidateCost } => {
    const graph = buildArchitecture(architecture, { ...options, ...buildOptions(widthsAt(filters)) });
    const { multiplyAdds, parameters } = countNetwork(graph, size);
    const trainingBytes = estimateMemory(graph, size, batch).trainingBytes;
    return { graph, cost: { multiplyAdds, parameters, trainingBytes } };
  };
  const holds = ({ multiplyAdds, parameters, trainingBytes }: CandidateCost) =>
    multiplyAdds <= (budget.multiplyAdds ?? Number.POSITIVE_INFINITY) &&
    parameters <= (budget.parameters ?? Number.POSITIVE_INFINITY) &&
    trainingBytes <= (budget.trainingMemory ?? Number.POSITIVE_INFINITY);
  return (architecture) => {
    try {
      // Even numbers: the stems of DiNTS halve the channels.
      let [low, high] = [FEWEST_FILTERS, MOST_FILTERS];
      if (!holds(built(architecture, low).cost)) return null;
      while (high - low > 2) {
        const middle = 2 * Math.round((low + high) / 4);
        if (holds(built(architecture, middle).cost)) low = middle;
        else high = middle;
      }
      const { graph, cost } = built(architecture, low);
      return { widths: widthsAt(low), cost, macro: macroOf(graph, size) };
    } catch (error) {
      // Of another rank, or for crops that the data does not have.
      if (error instanceof ArchitectureError || error instanceof ShapeError) return null;
      throw error;
    }
  };
}

/** Widths as what a network is built from. */
export const buildOptions = ({ filters, stem, aspp, decoder }: Widths): Partial<BuildOptions> => ({
  ...(filters === undefined ? {} : { filters }),
  ...(stem ? { stem } : {}),
  head: {
    ...(aspp ? { aspp: aspp.filters } : {}),
    ...(decoder ? { decoder: decoder.filters, lowLevel: decoder.lowLevel } : {}),
  },
});
