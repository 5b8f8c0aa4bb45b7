/** @file The nodes of a network for a page: what its stages cost, and where the nodes of one stand in a drawing. Pure. */
import { rangeOf } from '../../src/base/lists.ts';
import type { GraphFile, GraphFileNode } from '../../src/models/graphFile.ts';

/** A node in its place. */
export interface Placed {
  readonly id: number;
  readonly node: GraphFileNode;
  readonly column: number;
  row: number;
  /** Another stage's node that this one reads. */
  readonly isOutside: boolean;
}

/** Columns by the longest path from an input of the stage; rows in the order of the nodes. */
export function placeNodes(graph: Pick<GraphFile, 'nodes'>, stage: string): Placed[] {
  const ids = graph.nodes.flatMap((node, id) => (node.stage === stage ? [id] : []));
  const inside = new Set(ids);
  const outside = [...new Set(ids.flatMap((id) => graph.nodes[id].inputs.filter((input) => !inside.has(input))))];
  const columns = new Map(outside.map((id) => [id, 0]));
  for (const id of ids)
    columns.set(id, 1 + rangeOf([0, ...graph.nodes[id].inputs.map((input) => columns.get(input) ?? 0)])[1]);
  const placed = new Map<number, Placed>();
  const used = new Map<number, Set<number>>();
  for (const id of [...outside, ...ids]) {
    const column = columns.get(id) as number;
    const taken = used.get(column) ?? new Set();
    used.set(column, taken);
    const inputs = graph.nodes[id].inputs.flatMap((input) => placed.get(input)?.row ?? []);
    let row = inputs.length > 0 ? rangeOf(inputs)[0] : 0;
    while (taken.has(row)) row++;
    taken.add(row);
    placed.set(id, { id, node: graph.nodes[id], column, row, isOutside: !inside.has(id) });
  }
  return [...placed.values()];
}

/** What a group of nodes costs. */
export interface Stage {
  readonly name: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Of the outputs of its nodes in single precision. */
  readonly bytes: number;
  readonly nodes: number;
}

/** The stages in the order of the network; nodes without one, such as the input, have none. */
export function stagesOf({ nodes }: Pick<GraphFile, 'nodes'>): Stage[] {
  const stages = new Map<string, Stage>();
  for (const node of nodes) {
    if (node.stage === '') continue;
    const before = stages.get(node.stage) ?? { name: node.stage, parameters: 0, multiplyAdds: 0, bytes: 0, nodes: 0 };
    stages.set(node.stage, {
      name: node.stage,
      parameters: before.parameters + node.parameters,
      multiplyAdds: before.multiplyAdds + node.multiplyAdds,
      bytes: before.bytes + bytesOf(node),
      nodes: before.nodes + 1,
    });
  }
  return [...stages.values()];
}

/** Bytes of a node's output for one sample in single precision. */
export const bytesOf = ({ channels, size }: Pick<GraphFileNode, 'channels' | 'size'>): number =>
  4 * channels * size.reduce((product, length) => product * length, 1);
