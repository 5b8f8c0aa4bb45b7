/** @file The epsilon and the momentum of the settings reach every norm: of built networks, of ONNX models, of supernets, fused or composed. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { inFloat64, isParity, measureParity } from '../../src/jobs/export/parity.ts';
import type { AutoDeepLabSettings } from '../../src/method/autoDeepLab.ts';
import type { SearchData } from '../../src/method/method.ts';
import { METHODS } from '../../src/method/registry.ts';
import { type Architecture, buildArchitecture } from '../../src/models/architecture.ts';
import { createNetwork } from '../../src/models/network.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { readModelMetadata } from '../../src/portable/modelFile.ts';
import { randomDints } from '../../src/space/dints/random.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { livelyNetwork } from '../helpers/networks.ts';
import { onnxBytes } from '../helpers/onnx.ts';
import { largestDifference, largestOf } from '../helpers/tensors.ts';

const generator = new Generator(4);
const narrow = {
  inputs: 3,
  classes: 3,
  filters: 4,
  stem: [4, 4, 8],
  head: { aspp: 8, decoder: 8, lowLevel: 4 },
} as const;
const ARCHITECTURES: Record<string, Architecture> = {
  'auto-deeplab': randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(3)),
  dints: randomDints({ rank: 2, levels: 2, layers: 2, filters: 4 }, createRandom(3)),
  ...Object.fromEntries(['unet:levels=2', 'deeplabv3plus'].map((name) => [name, findArchitecture(name)!])),
};

describe.each(Object.entries(ARCHITECTURES))('the network of %s', (_, architecture) => {
  const norm = { epsilon: 0.3, momentum: 0.0003 };
  const graph = buildArchitecture(architecture, { ...narrow, norm });

  it('has them in every norm, and those of libtorch where nothing is said', () => {
    const norms = (nodes: typeof graph.nodes) => nodes.filter(({ kind }) => kind === 'norm');
    expect(norms(graph.nodes).length).toBeGreaterThan(2);
    for (const node of norms(graph.nodes)) expect(node).toMatchObject(norm);
    for (const node of norms(buildArchitecture(architecture, narrow).nodes))
      expect(node).toMatchObject({ epsilon: 1e-5, momentum: 0.1 });
  });

  it('is the same as an ONNX model, and another than with another epsilon', async () => {
    const size = [32, 32];
    const network = livelyNetwork(graph);
    const bytes = onnxBytes(network);
    const images = op.rand([1, 3, ...size], generator.id);
    const pixels = op.contiguous(op.permute(images, [0, 2, 3, 1])).data() as Float32Array;
    const batch = { images: pixels, labels: new Uint8Array(1024), batch: 1, size, channels: 3 };
    const precise = (x: typeof images) => inFloat64(network).forward(x, { training: false });
    const forward = (x: typeof images) => network.forward(x, { training: false });
    expect(
      isParity(await measureParity(bytes, readModelMetadata(bytes, 'model'), forward, precise, [batch], 1), 'float32'),
    ).toBe(true);
    const plain = livelyNetwork(buildArchitecture(architecture, narrow)).forward(images, { training: false }).numbers();
    const own = forward(images).numbers();
    expect(largestDifference(own, plain)).toBeGreaterThan(1e-3);
  });

  it('follows the statistics of its batches by the momentum', () => {
    const movedBy = (momentum: number) => {
      const one = buildArchitecture(architecture, { ...narrow, norm: { epsilon: 0.3, momentum } });
      const network = createNetwork(one, new ParameterSet({ generator: new Generator(1).id, device: 'cpu' }));
      noGrad(() => scope(() => void network.forward(op.rand([2, 3, 32, 32], new Generator(2).id), { training: true })));
      return [...network.parameters.entries()].flatMap(([name, tensor]) =>
        name.endsWith('runningMean') ? tensor.numbers() : [],
      );
    };
    const [slow, fast] = [movedBy(0.0003), movedBy(0.1)];
    fast.forEach((value, i) => {
      expect(slow[i]).toBeCloseTo(value * 0.003, 6);
    });
  });
});

const weights = { learningRate: 0.05, momentum: 0.9, decay: 3e-4, clip: 5 };
const autoDeepLab: AutoDeepLabSettings = {
  ...{ layers: 2, filters: 2, blocks: 2, atrous: 'dense', cellWeights: 'perNode', betaNormalisation: 'outgoing' },
  ...{ weights, architecture: { learningRate: 0.01, decay: 1e-3 } },
};
const dints = {
  ...{ epochs: 1, warmupEpochs: 0, layers: 2, levels: 2, width: 0.0625, budget: { memory: 0.3 } },
  ...{ weights, architecture: { learningRate: 0.01 } },
};
const SUPERNETS = {
  'auto-deeplab': (fused: boolean) => METHODS['auto-deeplab']({ ...autoDeepLab, fused }),
  'auto-deeplab with affine norms': (fused: boolean) =>
    METHODS['auto-deeplab']({ ...autoDeepLab, affineNorms: true, fused }),
  'auto-deeplab, sampled': (fused: boolean) =>
    METHODS['auto-deeplab']({ ...autoDeepLab, sampling: 'gumbel', atrous: 'separable', fused }),
  dints: (fused: boolean) => METHODS.dints({ ...dints, fused }),
};

it.each(Object.entries(SUPERNETS))('the supernet of %s adds it in every norm, fused or composed', (_, make) => {
  const logits = (fused: boolean, normEpsilon?: number, scale = 1) => {
    const method = make(fused);
    const side = 64 + method.sides.remainder;
    const data: SearchData = { rank: 2, inputs: 3, classes: 3, batch: 2, size: [side, side] };
    const origin = {
      generator: new Generator(1).id,
      device: 'cpu',
      ...(normEpsilon === undefined ? {} : { normEpsilon }),
    };
    const network = method.createSearchNetwork(origin, data);
    const images = op.scale(op.rand([2, 3, side, side], new Generator(2).id), scale);
    const pass = { training: true, random: createRandom(5), progress: 0 };
    return noGrad(() => scope(() => network.forward(images, pass))).numbers();
  };
  const [plain, composed] = [logits(true), logits(false, 0.3)];
  expect(largestDifference(logits(true, 0.3), composed)).toBeLessThan(1e-4);
  expect(largestDifference(plain, composed)).toBeGreaterThan(1e-2);
  expect(largestDifference(plain, logits(true, 1e-5))).toBe(0);
  // With an epsilon far above every variance all norms let through next to nothing: one that had another epsilon would not.
  expect(largestOf(logits(false, 1e12))).toBeLessThan(largestDifference(plain, composed));
});
