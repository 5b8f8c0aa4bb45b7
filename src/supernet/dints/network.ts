/**
 * @file The supernet of DiNTS: a stem into every level, layers of relaxed edges between neighbouring levels, a stem out of every level. @paper dints section 2
 * Runs relaxed, with every edge and operator at its probability, or as a genotype, with what that one keeps and nothing else.
 */
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { convolution, instanceNorm, type Layer, type Pass, type Rank, relu, sequence } from '../../nn/layers.ts';
import { withPaddedSides } from '../../nn/padding.ts';
import { ParameterSet } from '../../nn/parameters.ts';
import { type LayerEdge, layerEdges } from '../../space/dints/trellis.ts';
import type { DintsGenotype } from '../../space/genotype.ts';
import { createDintsArchitecture, type DintsArchitecture } from './architecture.ts';
import { createEdge, type EdgeOptions, type Mixture, nodeValue } from './edge.ts';

/** The shape of a supernet. */
export interface DintsSupernetOptions extends EdgeOptions {
  rank: Rank;
  inputs: number;
  classes: number;
  layers: number;
  /** Resolutions; level d lies at stride 2^(d + 1). */
  levels: number;
  /** Channels of level 0, even; level d has 2^d times as many. */
  filters: number;
}

/** A network with weights and architecture parameters. */
export interface DintsSupernet {
  readonly parameters: ParameterSet;
  readonly architecture: DintsArchitecture;
  /**
   * Logits `[batch, classes, ...spatial]` at the size of the input; sides that are no multiples of 2^(levels + 1) are padded.
   * With a genotype the edges that it keeps count fully and all others are not computed: its discrete network on these weights.
   */
  forward(images: Tensor, pass: Pass, genotype?: DintsGenotype): Tensor;
}

/** Creates weights and architecture parameters; the two live in sets of their own, so that no optimiser takes both. */
export function createDintsSupernet(origin: ParameterSet['origin'], options: DintsSupernetOptions): DintsSupernet {
  const { rank, inputs, classes, layers, levels, filters } = options;
  const parameters = new ParameterSet(origin);
  const architecture = createDintsArchitecture(new ParameterSet(origin), options);
  const shape: Shape = { rank, channels: (level) => filters * 2 ** level };
  const edges = layerEdges(levels);
  const stemsIn = Array.from({ length: levels }, (_, level) =>
    createStemIn(parameters.child(`stemIn.level${level}`), shape, inputs, level),
  );
  const grid = Array.from({ length: layers }, (_, layer) =>
    edges.map((edge) => createEdge(parameters.child(`layer${layer + 1}`), edge, { ...options, ...shape })),
  );
  const stemOut = createStemOut(parameters.child('stemOut'), shape, levels, classes);
  return {
    parameters,
    architecture,
    forward: (images, pass, genotype) =>
      withPaddedSides((padded) => run(padded, pass, genotype), images, 2 ** (levels + 1)),
  };

  function run(images: Tensor, pass: Pass, genotype?: DintsGenotype): Tensor {
    const plan = genotype ? planOf(genotype, edges) : relaxedPlan(architecture, layers, edges.length);
    const read = new Set(plan[0].map(({ edge }) => edges[edge].from));
    let nodes = stemsIn.map((stem, level) => (read.has(level) ? stem(images, pass) : undefined));
    plan.forEach((moves, layer) => {
      // The terms of the sums are freed as soon as they are added up.
      nodes = scope(() => {
        const values = nodes.map((node) => node && nodeValue(node));
        const sums: (Tensor | undefined)[] = nodes.map(() => undefined);
        for (const { edge, mixture } of moves) {
          const { from, to } = edges[edge];
          const input = values[from];
          if (!input) continue;
          const term = grid[layer][edge](input, mixture, pass);
          const sum = sums[to];
          sums[to] = sum === undefined ? term : op.add(sum, term);
        }
        return sums;
      });
    });
    return stemOut(nodes, pass);
  }
}

/** What is computed: by layer the edges, each with its operators. */
type Plan = readonly (readonly { readonly edge: number; readonly mixture: Mixture }[])[];

/** Every edge and operator, weighted by the product of their probabilities. @paper dints section 3 */
function relaxedPlan(architecture: DintsArchitecture, layers: number, edgeCount: number): Plan {
  const { edges, operators } = architecture.probabilities();
  const weights = op.multiply(operators, op.reshape(edges, [layers, edgeCount, 1]));
  return Array.from({ length: layers }, (_, layer) => {
    const rows = op.select(weights, 0, layer);
    return Array.from({ length: edgeCount }, (_, edge) => ({ edge, mixture: op.select(rows, 0, edge) }));
  });
}

const planOf = ({ topology }: DintsGenotype, edges: readonly LayerEdge[]): Plan =>
  topology.map((layer) =>
    layer.map(({ from, to, operator }) => ({
      edge: edges.findIndex((edge) => edge.from === from && edge.to === to),
      mixture: operator,
    })),
  );

interface Shape {
  readonly rank: Rank;
  /** Channels of a level. */
  readonly channels: (level: number) => number;
}

/** The image shrunk to twice the size of a level, two convolutions of which the second strides. */
function createStemIn(set: ParameterSet, { rank, channels }: Shape, inputs: number, level: number): Layer {
  const [middle, outputs] = [channels(level) / 2, channels(level)];
  const shrink: Layer = (images) =>
    op.resize(
      images,
      images.shape.slice(2).map((length) => length / 2 ** level),
    );
  const [first, second] = [set.child('first'), set.child('second')];
  return sequence(
    shrink,
    convolution(first.child('convolution'), { rank, inputs, outputs: middle, kernel: 3 }),
    instanceNorm(first.child('norm'), { channels: middle }),
    relu,
    convolution(second.child('convolution'), { rank, inputs: middle, outputs, kernel: 3, stride: 2 }),
    instanceNorm(second.child('norm'), { channels: outputs }),
  );
}

/** From the coarsest level that has a value to the size of the image, adding every finer one. */
function createStemOut(
  set: ParameterSet,
  { rank, channels }: Shape,
  levels: number,
  classes: number,
): (nodes: readonly (Tensor | undefined)[], pass: Pass) => Tensor {
  const reluConvolutionNorm = (name: string, inputs: number, outputs: number) => {
    const own = set.child(name);
    return sequence(
      relu,
      convolution(own.child('convolution'), { rank, inputs, outputs, kernel: 3 }),
      instanceNorm(own.child('norm'), { channels: outputs }),
    );
  };
  const steps = Array.from({ length: levels }, (_, level) =>
    reluConvolutionNorm(`level${level}`, channels(level), channels(level) / 2),
  );
  const last = reluConvolutionNorm('last', channels(0) / 2, channels(0) / 2);
  const logits = convolution(set.child('logits'), {
    rank,
    inputs: channels(0) / 2,
    outputs: classes,
    kernel: 1,
    bias: true,
  });
  return (nodes, pass) => {
    let value: Tensor | undefined;
    for (let level = levels - 1; level >= 0; level--) {
      const own = nodes[level];
      const sum = own && value ? op.add(own, value) : (own ?? value);
      if (!sum) continue;
      const narrowed = steps[level](sum, pass);
      value = op.resize(
        narrowed,
        narrowed.shape.slice(2).map((length) => 2 * length),
      );
    }
    return logits(last(value as Tensor, pass), pass);
  };
}
