/**
 * @file The architecture that the search of DiNTS found on Pancreas, as data. @paper dints section 6
 */

import { createDintsGenotype, type DintsGenotype } from '../genotype.ts';
import { DINTS_OPERATOR_NAMES } from './operators.ts';
import { DINTS_LEVELS, layerEdges } from './trellis.ts';

/** A row a layer: whether each edge is on, and the number of its operator; what stands at an edge that is off means nothing. */
const LAYERS = [
  ['1011111010', '1313212011'],
  ['1111011011', '1031021243'],
  ['1111111011', '3002101210'],
  ['1011111110', '4221211013'],
  ['1111011111', '1140041111'],
  ['1011111111', '2000444111'],
  ['1111010111', '4300240103'],
  ['1111110011', '1100340413'],
  ['1111011111', '1002000011'],
  ['1111011111', '1423443031'],
  ['1110011111', '2023020032'],
  ['1100000111', '4400143021'],
] as const;

/** Channels of the finest level in the published network. */
export const PUBLISHED_DINTS_FILTERS = 64;

/** The published genotype. */
export function publishedDints(): DintsGenotype {
  const edges = layerEdges(DINTS_LEVELS);
  return createDintsGenotype({
    rank: 3,
    levels: DINTS_LEVELS,
    filters: PUBLISHED_DINTS_FILTERS,
    topology: LAYERS.map(([on, operators]) =>
      edges.flatMap((edge, e) =>
        on[e] === '1' ? [{ ...edge, operator: DINTS_OPERATOR_NAMES[3][Number(operators[e])] }] : [],
      ),
    ),
    provenance: { origin: 'He et al. 2021, arXiv 2103.15954, found on Pancreas of the Medical Segmentation Decathlon' },
  });
}
