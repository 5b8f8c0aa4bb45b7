/**
 * @file What the paper states of its networks beside what is counted here, and where the difference comes from. @paper auto-deeplab table 2
 */
import { inferShapes, multiplyAddsOf, type NetworkCost, type NetworkGraph } from './graph.ts';

/** Figures of the paper: 19 classes, multiply-adds at 1025 x 2049. */
export const PUBLISHED_COSTS = {
  'auto-deeplab-s': { parameters: 10_147_427, multiplyAdds: 333.25e9 },
  'auto-deeplab-m': { parameters: 21_622_451, multiplyAdds: 460.93e9 },
  'auto-deeplab-l': { parameters: 44_424_691, multiplyAdds: 695.03e9 },
} as const satisfies Record<string, Pick<NetworkCost, 'parameters' | 'multiplyAdds'>>;

/** The image that the published multiply-adds are for. */
const PUBLISHED_SIZE = [1025, 2049];

/** How a counted cost compares with the published one. */
export interface PublishedComparison {
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** What is counted when atrous convolutions work on padded features, as the authors' framework runs them. */
  readonly multiplyAddsPadded: number;
  /** One line for people. */
  readonly remark: string;
}

/** The comparison, or undefined where the paper states nothing for this name, size and number of classes. */
export function comparePublished(
  name: string,
  graph: NetworkGraph,
  size: readonly number[],
): PublishedComparison | undefined {
  if (!Object.hasOwn(PUBLISHED_COSTS, name) || graph.classes !== 19 || size.join() !== PUBLISHED_SIZE.join()) return;
  const published = PUBLISHED_COSTS[name as keyof typeof PUBLISHED_COSTS];
  const shapes = inferShapes(graph, size);
  let [counted, padded] = [0, 0];
  graph.nodes.forEach((node, i) => {
    if (node.kind !== 'convolution' || typeof node.kernel !== 'number') return;
    counted += multiplyAddsOf(graph, shapes, i);
    padded += multiplyAddsOf(graph, shapes, i, spaceToBatchSize(shapes[i].size, node.kernel, node.dilation));
  });
  const [all, explained] = [published.multiplyAdds - counted, padded - counted];
  return {
    ...published,
    multiplyAddsPadded: padded,
    remark: `the paper states ${giga(published.multiplyAdds)} G, ${giga(all)} G more: ${giga(explained)} G are padding where TensorFlow runs atrous convolutions by space-to-batch; the other ${giga(all - explained)} G grow in proportion to F, as work on single elements does`,
  };
}

/** Features that a convolution of TensorFlow works on: at a rate above 1 each axis is padded and cut into `rate` interleaved parts of one size. */
const spaceToBatchSize = (size: readonly number[], kernel: number, rate: number): readonly number[] =>
  rate === 1 || kernel === 1 ? size : size.map((length) => rate * (Math.ceil(length / rate + kernel - 1) - kernel + 1));

const giga = (value: number): string => (value / 1e9).toFixed(2);
