/**
 * @file A discrete network as a file for people and pages (`graph.json`): its nodes with their shapes and what each costs. Nothing builds a
 * network from it.
 */
import { countNodes, inferShapes, type NetworkGraph } from './graph.ts';

/** One node. */
export interface GraphFileNode {
  readonly name: string;
  readonly stage: string;
  readonly kind: string;
  /** Places in the list, all before its own. */
  readonly inputs: readonly number[];
  readonly channels: number;
  readonly size: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** Milliseconds of one inference, as predicted, and what on. */
export interface GraphLatency {
  readonly ms: number;
  /** Target, threads and processor in words. */
  readonly on: string;
}

/** The file. */
export interface GraphFile {
  readonly format: 'espalier-graph';
  readonly version: 1;
  readonly classes: number;
  /** Spatial size of the input for which everything is counted. */
  readonly size: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Where the machine had a latency table that knows the network. */
  readonly latency?: GraphLatency;
  readonly nodes: readonly GraphFileNode[];
}

/** The file of a graph, counted for one sample of spatial `size`. @throws ShapeError where sizes or channels do not fit. */
export function describeGraph(graph: NetworkGraph, size: readonly number[], latency?: GraphLatency): GraphFile {
  const shapes = inferShapes(graph, size);
  const costs = countNodes(graph, size);
  return {
    format: 'espalier-graph',
    version: 1,
    classes: graph.classes,
    size,
    parameters: costs.reduce((total, { parameters }) => total + parameters, 0),
    multiplyAdds: costs.reduce((total, { multiplyAdds }) => total + multiplyAdds, 0),
    ...(latency ? { latency } : {}),
    nodes: graph.nodes.map(({ name, stage, kind, inputs }, i) => ({
      name,
      stage,
      kind,
      inputs,
      ...shapes[i],
      ...costs[i],
    })),
  };
}

/** The file's text, one node a line. */
export function formatGraph({ nodes, ...head }: GraphFile): string {
  const fields = Object.entries(head).map(([key, value]) => `  "${key}": ${JSON.stringify(value)}`);
  const rows = nodes.map((node) => `    ${JSON.stringify(node)}`);
  return `{\n${fields.join(',\n')},\n  "nodes": [\n${rows.join(',\n')}\n  ]\n}\n`;
}
