/**
 * @file The field of a genotype file that only DiNTS has: the edges that are on, layer by layer.
 */
import { showShort as show, suggest } from '../../base/text.ts';
import { asRecord, type Fail, isWhole } from '../genotypeFields.ts';
import { DINTS_OPERATOR_NAMES, type DintsOperator } from './operators.ts';
import { type DintsEdge, layerEdgeCount, layerEdges, membersOf, setOf } from './trellis.ts';

/** Layers of edges in the order of the space, each reading exactly the levels that the layer before it feeds. */
export function parseTopology(value: unknown, space: { rank: 2 | 3; levels: number }, fail: Fail): DintsEdge[][] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 1000)
    return fail(`topology is ${show(value)}, expected 1 to 1000 layers`);
  const topology = Array.from(value as unknown[], (layer, i) => parseLayer(layer, space, atLayer(fail, i)));
  topology.slice(1).forEach((edges, i) => {
    const fed = setOf(topology[i].map(({ to }) => to));
    const read = setOf(edges.map(({ from }) => from));
    const advice = 'a layer reads exactly the levels that the layer before it feeds';
    const [unread] = membersOf(fed & ~read);
    if (unread !== undefined) fail(`layer ${i + 1} feeds level ${unread}, which layer ${i + 2} does not read`, advice);
    const [unfed] = membersOf(read & ~fed);
    if (unfed !== undefined) fail(`layer ${i + 2} reads level ${unfed}, which layer ${i + 1} does not feed`, advice);
  });
  return topology;
}

function parseLayer(value: unknown, { rank, levels }: { rank: 2 | 3; levels: number }, fail: Fail): DintsEdge[] {
  if (!Array.isArray(value) || value.length < 1)
    return fail(`${show(value)} has no edges, expected 1 to ${layerEdgeCount(levels)}`);
  const order = layerEdges(levels);
  let last = -1;
  return Array.from(value as unknown[], (item): DintsEdge => {
    const edge = asRecord(item) ?? fail(`${show(item)} is no edge, expected { from, to, operator }`);
    const { from, to, operator } = edge;
    const name = `the edge from ${show(from)} to ${show(to)}`;
    if (!isWhole(from, 0, levels - 1) || !isWhole(to, 0, levels - 1))
      return fail(`${name} leaves the levels from 0 to ${levels - 1}`);
    const index = order.findIndex((known) => known.from === from && known.to === to);
    if (index < 0) fail(`${name} does not exist`, 'an edge moves by one level at most');
    if (index === last) fail(`${name} is there twice`);
    if (index < last)
      fail(`${name} is out of order`, 'edges are sorted by the level they feed, then by the one they read');
    last = index;
    const names = DINTS_OPERATOR_NAMES[rank];
    if (!names.includes(operator as DintsOperator)) {
      const known = DINTS_OPERATOR_NAMES[3].includes(operator as DintsOperator);
      const problem = known
        ? `operator ${show(operator)} is for volumes, rank is ${rank}`
        : `unknown operator ${show(operator)}`;
      fail(problem, suggest(show(operator), names));
    }
    return { from, to, operator: operator as DintsOperator };
  });
}

const atLayer =
  (fail: Fail, layer: number): Fail =>
  (problem, advice) =>
    fail(`layer ${layer + 1}: ${problem}`, advice);
