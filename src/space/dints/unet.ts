/**
 * @file The U path through the trellis of DiNTS: one level down a layer, one back up, and on every level a skip that waits for what comes back. A U-Net
 * of sums, which searched architectures are held against.
 */
import { createDintsGenotype, type DintsGenotype, type DintsParts } from '../genotype.ts';
import type { DintsEdge } from './trellis.ts';

/** The U path of `levels` levels: 2 levels layers. */
export function dintsUnet(space: Omit<DintsParts, 'topology' | 'provenance'>): DintsGenotype {
  const { levels } = space;
  const bottom = levels - 1;
  const edge = (from: number, to: number): DintsEdge => ({ from, to, operator: 'conv3' });
  /** The skips of the levels above `level`. */
  const waiting = (level: number): DintsEdge[] =>
    Array.from({ length: level }, (_, above) => ({ from: above, to: above, operator: 'skip' }));
  const down = Array.from({ length: bottom }, (_, level) => [
    ...waiting(level),
    edge(level, level),
    edge(level, level + 1),
  ]);
  const up = Array.from({ length: bottom }, (_, i) => [...waiting(bottom - i), edge(bottom - i, bottom - i - 1)]);
  return createDintsGenotype({
    ...space,
    topology: [...down, [...waiting(bottom), edge(bottom, bottom)], ...up, [edge(0, 0)]],
    provenance: { origin: 'the U path' },
  });
}
