import { describe, expect, it } from 'vitest';
import { gradients, noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { buildArchitecture, parseArchitecture, summariseArchitecture } from '../../src/models/architecture.ts';
import { findNetwork, NETWORKS } from '../../src/models/baselines/networks.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { createNetwork } from '../../src/models/network.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sgd } from '../../src/nn/optimisers.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { registryCases } from '../helpers/registry.ts';

/** Sizes that make every network small enough to train a step in a moment. */
const SMALL = { filters: 4, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;

describe('every architecture of the registry', () => {
  it.each(registryCases)(
    '$name in $rank dimensions: every weight learns, gives logits at the size of the input, is counted right',
    ({ architecture, rank }) => {
      const options = { ...SMALL, rank, inputs: 2, classes: 3 };
      const graph = buildArchitecture(architecture, options);
      const generator = new Generator(1);
      const network = createNetwork(graph, new ParameterSet({ generator: generator.id, device: 'cpu' }));
      const parameters = network.parameters.parameters();
      const size = Array<number>(rank).fill(graph.sideMultiple ?? 33);
      expect(network.parameters.count()).toBe(countNetwork(graph, size).parameters);
      expect(inferShapes(graph, size).at(-1)).toEqual({ channels: 3, size });

      const images = op.randn([2, 2, ...size], generator.id);
      const labels = op.toDType(op.scale(op.rand([2, ...size], generator.id), 3), 'int64');
      const loss = () =>
        crossEntropy(network.forward(images, { training: true, generator: generator.id, progress: 0 }), labels);
      const optimiser = sgd(parameters, { momentum: 0, decay: 0 });
      const before = scope(() => {
        const value = loss();
        const grads = gradients(
          [value],
          parameters.map(({ tensor }) => tensor),
        );
        grads.forEach((grad, i) => {
          expect(grad && Number.isFinite(op.sum(grad).item()), parameters[i].name).toBe(true);
        });
        optimiser.step(grads, 0.01);
        return value.item();
      });
      const after = scope(() => loss().item());
      expect([before, after].every(Number.isFinite)).toBe(true);
      expect(after).not.toBe(before);
      expect(noGrad(() => network.forward(images, { training: false })).shape).toEqual([2, 3, ...size]);
    },
  );

  it.each(registryCases)('$name goes through a file', ({ architecture }) => {
    expect(parseArchitecture(JSON.stringify(architecture), 'file')).toEqual(architecture);
    expect(summariseArchitecture(architecture)).not.toBe('');
  });
});

describe('ordinary networks', () => {
  it.each(Object.keys(NETWORKS))('%s takes its options by name, the defaults else', (name) => {
    const { options } = findNetwork(name)!;
    const defaults = Object.fromEntries(Object.entries(options).map(([key, [value]]) => [key, value]));
    expect(findArchitecture(name)).toEqual({ network: name, options: defaults });
    for (const [key, values] of Object.entries(options)) {
      for (const value of values)
        expect(findArchitecture(`${name}:${key}=${value}`)).toEqual({
          network: name,
          options: { ...defaults, [key]: value },
        });
    }
  });

  it('refuse what they have not', () => {
    expect(() => findArchitecture('deeplabv3:outputStrid=8')).toThrow(
      /no option "outputStrid"; did you mean "outputStride"/,
    );
    expect(() => findArchitecture('deeplabv3:outputStride=12')).toThrow(/outputStride is 12, expected 16 or 8/);
    expect(() => parseArchitecture({ network: 'deeplab' }, 'file')).toThrow(/file: no network "deeplab"; did you mean/);
    expect(() => parseArchitecture({ network: '__proto__' }, 'file')).toThrow(/no network/);
    expect(() => buildArchitecture(findArchitecture('deeplabv3')!, { rank: 3, inputs: 1, classes: 2 })).toThrow(
      /is for data of 2 spatial axes, the data has 3/,
    );
  });
});

describe('DeepLab with a CRF behind it', () => {
  /** torchvision: `vgg16` is 138,357,544, of which `features` 14,714,688; `resnet101` without `fc` 44,549,160 - 2,049,000. */
  const [VGG16, RESNET101] = [14_714_688, 44_549_160 - 2_049_000];
  const classes = 21;
  const graphOf = (name: string) => buildArchitecture(findArchitecture(name)!, { inputs: 3, classes });
  const parametersOf = (name: string) => countNetwork(graphOf(name), [321, 321]).parameters;
  const largeFov = 9 * 512 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * classes + classes;
  /** Biases of a VGG become scale and shift. */
  const features = [2 * 64, 2 * 128, 3 * 256, 6 * 512].reduce((a, b) => a + b);

  it('has the parameters of the references', () => {
    expect(parametersOf('deeplabv1')).toBe(VGG16 + largeFov);
    // Table 2 of arXiv 1412.7062, DeepLab-CRF-LargeFOV: 20.5 M.
    expect((VGG16 + largeFov) / 1e6).toBeCloseTo(20.5, 1);
    expect(parametersOf('deeplabv2')).toBe(RESNET101 + 4 * (9 * 2048 * classes + classes));
    expect(parametersOf('deeplabv2:vgg')).toBe(VGG16 + 4 * largeFov);
    expect(parametersOf('deeplabv1:norm')).toBe(VGG16 + largeFov + features + 2 * 1024);
    expect(parametersOf('deeplabv2:vgg:norm')).toBe(VGG16 + 4 * largeFov + features + 4 * 2 * 1024);
  });

  it.each(['deeplabv1', 'deeplabv2', 'deeplabv2:vgg'])('%s has output stride 8 and the published rates', (name) => {
    const graph = graphOf(name);
    const shapes = inferShapes(graph, [321, 241]);
    const convolutions = graph.nodes.flatMap((node, i) => (node.kind === 'convolution' ? [{ ...node, i }] : []));
    const last = convolutions.at(-1)!;
    expect(shapes[last.i]).toEqual({ channels: classes, size: [41, 31] });
    const head = convolutions.filter(({ stage }) => /aspp|largeFov/.test(stage));
    const rates = head.filter(({ kernel }) => kernel === 3).map(({ dilation }) => dilation);
    expect(rates).toEqual(name === 'deeplabv1' ? [12] : [6, 12, 18, 24]);
    const dilated = convolutions.filter(({ stage, kernel }) => /stage[45]/.test(stage) && kernel === 3);
    const ofStages = name === 'deeplabv2' ? [4, 4, 4] : [1, 1, 1, 2, 2, 2];
    expect(dilated.map(({ dilation }) => dilation)).toEqual(ofStages);
  });

  it('refuses norms where there is no VGG', () => {
    expect(() => graphOf('deeplabv2:norm')).toThrow(/norm is of the VGG-16/);
  });

  it('passes the variance of its input on to the last features, with and without norms', () => {
    for (const name of ['deeplabv1', 'deeplabv1:norm']) {
      const graph = buildArchitecture(findArchitecture(name)!, { inputs: 3, classes: 3, filters: 8 });
      const generator = new Generator(3);
      const network = createNetwork(graph, new ParameterSet({ generator: generator.id, device: 'cpu' }));
      const logits = noGrad(() =>
        network.forward(op.randn([2, 3, 65, 65], generator.id), { training: true, generator: generator.id }),
      );
      const squares = op.mean(op.multiply(logits, logits)).item();
      expect(squares).toBeGreaterThan(1e-4);
      expect(squares).toBeLessThan(1e2);
    }
  });
});

describe('DeepLab on a ResNet-50', () => {
  /** torchvision 0.13 and later: `resnet50` without `fc`, 25,557,032 - 2,049,000. */
  const RESNET50 = 23_508_032;
  const cost = (name: string) =>
    countNetwork(buildArchitecture(findArchitecture(name)!, { inputs: 3, classes: 21 }), [513, 513]);

  it('has the parameters of torchvision', () => {
    const { stages, parameters } = cost('deeplabv3');
    const backbone = stages.filter(({ stage }) => /^st(em|age)/.test(stage));
    expect(backbone.reduce((total, stage) => total + stage.parameters, 0)).toBe(RESNET50);
    // deeplabv3_resnet50 with 21 classes: 42,004,074 of which 2,365,205 are its auxiliary head.
    expect(parameters).toBe(42_004_074 - 2_365_205);
  });

  it('v3+ adds a decoder that reads stride 4', () => {
    const aspp = 2 * 2048 * 256 + 3 * 9 * 2048 * 256 + 5 * 2 * 256 + 5 * 256 * 256 + 2 * 256;
    const decoder = 256 * 48 + 2 * 48 + 9 * 304 * 256 + 2 * 256 + 9 * 256 * 256 + 2 * 256;
    expect(cost('deeplabv3plus').parameters).toBe(RESNET50 + aspp + decoder + 256 * 21 + 21);
  });

  it('at output stride 8 has the multiply-adds of torchvision and its dilations', () => {
    const graph = buildArchitecture(findArchitecture('deeplabv3:outputStride=8')!, { inputs: 3, classes: 21 });
    const { parameters, multiplyAdds } = countNetwork(graph, [520, 520]);
    expect(parameters).toBe(cost('deeplabv3').parameters);
    // 178.722 G with the auxiliary head: a 3x3 and a 1x1 at stride 8.
    const auxiliary = 65 * 65 * (9 * 1024 * 256 + 256 * 21);
    expect((multiplyAdds + auxiliary) / 1e9).toBeCloseTo(178.722, 3);
    const shapes = inferShapes(graph, [513, 257]);
    const last = graph.nodes.findLastIndex(({ stage }) => stage === 'stage4');
    expect(shapes[last]).toEqual({ channels: 2048, size: [65, 33] });
    const dilations = graph.nodes.flatMap((node) =>
      node.kind === 'convolution' && /stage[34].*see/.test(node.name) ? [node.dilation] : [],
    );
    expect(dilations).toEqual([1, 2, 2, 2, 2, 2, 2, 4, 4]);
  });
});
