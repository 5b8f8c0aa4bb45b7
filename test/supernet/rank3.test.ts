/** @file Auto-DeepLab in volumes: its supernet and its discrete networks are the same code with three spatial axes. */
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { gradients } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { createNetwork } from '../../src/models/network.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { createSupernet } from '../../src/supernet/network.ts';

const generator = new Generator(12);
const origin = { generator: generator.id, device: 'cpu' };
const small = { inputs: 1, classes: 3, layers: 3, filters: 2, blocks: 2, cellWeights: 'perNode' } as const;

it.each(['dense', 'separable'] as const)(
  'the supernet gives logits and a gradient to every logit and weight (%s)',
  (atrous) => {
    const supernet = createSupernet(origin, { ...small, rank: 3, atrous });
    scope(() => {
      const logits = supernet.forward(op.randn([1, 1, 33, 17, 20], generator.id), { training: true });
      expect(logits.shape).toEqual([1, 3, 33, 17, 20]);
      const leaves = [...supernet.architecture.parameters, ...supernet.parameters.parameters()];
      const grads = gradients(
        [op.sum(op.power(logits, 2))],
        leaves.map(({ tensor }) => tensor),
      );
      expect(leaves.filter((_, i) => grads[i] === null).map(({ name }) => name)).toEqual([]);
    });
  },
);

it('discrete networks run with the shapes and parameters that were counted', () => {
  const random = createRandom(4);
  for (let i = 0; i < 4; i++) {
    const genotype = randomGenotype({ rank: 3, layers: 3, blocks: 2, filters: 2 }, random);
    const head = { aspp: 4, decoder: 4, lowLevel: 2 };
    const graph = buildAutoDeepLab(genotype, { inputs: 2, classes: 3, stem: [4, 4, 8], head });
    const network = createNetwork(graph, new ParameterSet(origin));
    const size = [17, 20, 33];
    expect(network.parameters.count()).toBe(countNetwork(graph, size).parameters);
    scope(() => {
      const logits = network.forward(op.randn([1, 2, ...size], generator.id), { training: true });
      expect(logits.shape).toEqual([1, 3, ...size]);
      expect(inferShapes(graph, size).at(-1)).toEqual({ channels: 3, size });
    });
  }
});

it.each([2, 3] as const)(
  'a genotype runs inside the supernet, with its own path and head alone, in rank %i',
  (rank) => {
    const supernet = createSupernet(origin, { ...small, rank, atrous: 'dense' });
    const random = createRandom(rank);
    for (let i = 0; i < 4; i++) {
      const genotype = randomGenotype({ rank, layers: 3, blocks: 2, filters: 2 }, random);
      scope(() => {
        const images = op.randn([1, 1, 33, 33, 33].slice(0, rank + 2), generator.id);
        const logits = supernet.forward(images, { training: true }, genotype);
        expect(logits.shape).toEqual([1, 3, ...images.shape.slice(2)]);
        const parameters = supernet.parameters.parameters();
        const grads = gradients(
          [op.sum(op.power(logits, 2))],
          parameters.map(({ tensor }) => tensor),
        );
        // Only nodes on the path and the head of its last level are computed.
        const used = new Set(
          parameters.flatMap(({ name }, k) => (grads[k] ? [name.split('.').slice(0, 2).join(' ')] : [])),
        );
        const nodes = genotype.path.map((level, layer) => `layer${layer + 1} level${level}`);
        expect([...used].filter((name) => name.startsWith('layer'))).toEqual(nodes);
        expect([...used].filter((name) => name.startsWith('head'))).toEqual([`head level${genotype.path[2]}`]);
      });
    }
  },
);
