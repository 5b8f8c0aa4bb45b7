/** @file The architecture of an epoch as probabilities, from what the log says: logits of Auto-DeepLab or of DiNTS. */
import { moveProbabilities } from '../../src/decode/autoDeepLab.ts';
import { softmax } from '../../src/decode/softmax.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { blocksOf } from '../../src/space/cell.ts';
import { levelsOf } from '../../src/space/dints/trellis.ts';
import type { AutoDeepLabGenotype, DintsGenotype } from '../../src/space/genotype.ts';
import type { AutoDeepLabLogits } from '../../src/space/logits.ts';

/** What the log holds of an epoch. */
export type Architecture = AutoDeepLabState | DintsState;

interface Common {
  readonly epoch: number;
  /** Mean entropies, nats. */
  readonly entropies: Readonly<Record<string, number | null>>;
}

export interface AutoDeepLabState extends Common {
  readonly method: 'auto-deeplab';
  /** `[edge][operator]`. */
  readonly operators: readonly (readonly number[])[];
  /** `[layer][level left][move]`. */
  readonly moves: readonly (readonly (readonly number[])[])[];
  readonly path: readonly number[];
  readonly genotype: AutoDeepLabGenotype;
}

export interface DintsState extends Common {
  readonly method: 'dints';
  readonly levels: number;
  /** `[layer][edge]`: of being on. */
  readonly edges: readonly (readonly number[])[];
  /** `[layer][edge][operator]`. */
  readonly operators: readonly (readonly (readonly number[])[])[];
  readonly genotype: DintsGenotype;
}

/** The architectures of a log, by epoch; what cannot be read is left out. */
export function architecturesOf(events: readonly RunEvent[]): Architecture[] {
  return events.flatMap((event) => (event.type === 'architecture' ? (architectureOf(event) ?? []) : []));
}

function architectureOf(event: Extract<RunEvent, { type: 'architecture' }>): Architecture | undefined {
  const { epoch, entropies } = event;
  try {
    const genotype = event.genotype as AutoDeepLabGenotype | DintsGenotype;
    if (genotype.method === 'dints') {
      const { edges, ops } = event as unknown as { edges: number[][]; ops: number[][][] };
      const levels = levelsOf(edges[0].length);
      if (levels === undefined) return undefined;
      const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
      return {
        ...{ method: 'dints', epoch, entropies, levels, genotype },
        edges: edges.map((layer) => layer.map(sigmoid)),
        operators: ops.map((layer) => layer.map(softmax)),
      };
    }
    const alpha = event.alpha as number[][];
    if (blocksOf(alpha.length) === undefined) return undefined;
    const { beta, betaNormalisation } = event as AutoDeepLabLogits;
    const moves = moveProbabilities({ beta, betaNormalisation });
    return {
      method: 'auto-deeplab',
      epoch,
      entropies,
      operators: alpha.map(softmax),
      moves,
      path: genotype.path,
      genotype,
    };
  } catch {
    return undefined;
  }
}
