/** @file ONNX files, held to the engine: every node, option and refusal. One file although it is long: all of it shares the small networks at its top. */
import { describe, expect, it } from 'vitest';
import { ArchitectureError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import type { Region } from '../../src/data/types.ts';
import * as op from '../../src/engine/operators.ts';
import { buildOnnx, type OnnxOptions, writeOnnx } from '../../src/export/onnx/model.ts';
import { encodeModel } from '../../src/export/onnx/proto.ts';
import { reduced } from '../../src/infer/inference.ts';
import { inFloat64, isParity, measureParity, type Parity } from '../../src/jobs/export/parity.ts';
import { buildArchitecture, isGenotype } from '../../src/models/architecture.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { GraphBuilder } from '../../src/models/builder.ts';
import type { GraphNode, NetworkGraph } from '../../src/models/graph.ts';
import type { Network } from '../../src/models/network.ts';
import { readModelMetadata } from '../../src/portable/modelFile.ts';
import { randomDints } from '../../src/space/dints/random.ts';
import { type AutoDeepLabGenotype, type Genotype, randomGenotype } from '../../src/space/genotype.ts';
import { livelyNetwork } from '../helpers/networks.ts';
import { checkModels, DEFAULTS, exported, onnxBytes, python } from '../helpers/onnx.ts';
import { registryCases } from '../helpers/registry.ts';

/** Narrow, so that a network of any length is quick. */
const narrow = (genotype: AutoDeepLabGenotype, filters = 2) =>
  buildAutoDeepLab(genotype, {
    inputs: 3,
    classes: 5,
    filters,
    stem: [4, 4, 6],
    head: { aspp: 6, decoder: 6, lowLevel: 4 },
  });

const random = (seed: number, rank: 2 | 3 = 2) =>
  randomGenotype({ layers: 4, blocks: 3, filters: 2, rank }, createRandom(seed, 7));

/** Small sizes of which each side is a valid one of the graph. */
const sizesFor = ({ rank, sideMultiple = 1 }: NetworkGraph) =>
  (rank === 2
    ? [
        [65, 33],
        [34, 50],
      ]
    : [
        [33, 32, 34],
        [16, 35, 32],
      ]
  ).map((size) => size.map((side) => sideMultiple * Math.ceil(side / sideMultiple)));

/** Bytes as pixels in [-1, 1], `[batch, ...size, channels]`. */
function sampleOf(size: readonly number[], channels: number, batch = 1) {
  const stream = createRandom(batch, ...size);
  const length = size.reduce((product, side) => product * side, batch * channels);
  const images = Float32Array.from({ length }, () => stream.integer(256) / 127.5 - 1);
  return { images, labels: new Uint8Array(length / channels), batch, size, channels };
}

/** Nested regions, one for each of so many outputs. */
const regionsOf = (outputs: number): Region[] =>
  Array.from({ length: outputs }, (_, i) => ({
    name: `region ${i}`,
    colour: [i, i, i],
    classes: Array.from({ length: outputs - i }, (_, k) => i + k),
    written: i,
  }));

/** How far an exported network is from the engine on samples of these sizes. */
function parityOf(
  network: Network,
  sizes: readonly (readonly number[])[],
  options: Partial<OnnxOptions> = {},
  reduction = 1,
): Promise<Parity> {
  const bytes = onnxBytes(network, options, reduction);
  const channels = (network.graph.nodes[0] as Extract<GraphNode, { kind: 'input' }>).channels;
  const batches = options.batch === undefined || options.batch === 'dynamic' ? [1, 2] : [options.batch];
  return measureParity(
    bytes,
    readModelMetadata(bytes, 'model'),
    reduced((images) => network.forward(images, { training: false }), reduction),
    reduced((images) => inFloat64(network).forward(images, { training: false }), reduction),
    sizes.map((size, i) => sampleOf(size, channels, batches[i % batches.length])),
    1,
  );
}

describe('an exported network computes what the engine does', () => {
  const graphOf = ({ architecture, rank }: (typeof registryCases)[number]) =>
    buildArchitecture(architecture, {
      rank,
      inputs: 3,
      classes: 5,
      stem: [4, 4, 6],
      head: { aspp: 6, decoder: 6, lowLevel: 4 },
      // The published sizes differ in their filters alone.
      filters: isGenotype(architecture) ? 2 * Math.round(architecture.filters / 20) : 2,
    });

  it.each(registryCases)('$name in $rank dimensions, at a fixed and at dynamic sizes', async (row) => {
    const graph = graphOf(row);
    const network = livelyNetwork(graph);
    const sizes = sizesFor(graph);
    const fixed = await parityOf(network, [sizes[0]], { size: sizes[0], batch: 1 });
    const free = await parityOf(network, sizes);
    for (const parity of [fixed, free]) {
      expect(isParity(parity, 'float32')).toBe(true);
      expect((parity.largestDifference as number) / Math.max(1, parity.largestScore)).toBeLessThan(
        row.rank === 2 ? 1e-5 : 1e-4,
      );
    }
  });

  const genotypes = Array.from({ length: 10 }, (_, seed) => seed).flatMap((seed) => {
    const dints = (rank: 2 | 3) =>
      randomDints({ rank, levels: 3, layers: 4, filters: 2 }, createRandom(seed, rank, 0xd1));
    return [random(seed), random(seed, 3), dints(2), dints(3)].map((genotype) => ({
      seed,
      method: genotype.method,
      rank: genotype.rank,
      genotype: genotype as Genotype,
    }));
  });
  const randomGraph = (genotype: Genotype) =>
    genotype.method === 'auto-deeplab'
      ? narrow(genotype)
      : buildArchitecture(genotype, { inputs: 2, classes: 4, filters: 2 });

  it.each(genotypes)('random genotype $seed of $method in $rank dimensions', async ({ genotype, seed }) => {
    const graph = randomGraph(genotype);
    const { sideMultiple = 1 } = graph;
    const size = [24, 32, 16].slice(0, graph.rank).map((side) => sideMultiple * Math.ceil(side / sideMultiple));
    const parity = await parityOf(livelyNetwork(graph, seed), [size]);
    expect(isParity(parity, 'float32')).toBe(true);
    expect((parity.largestDifference as number) / Math.max(1, parity.largestScore)).toBeLessThan(
      graph.rank === 2 ? 2e-5 : 1e-4,
    );
  });

  it.skipIf(python === undefined)('and all of them pass the checker and strict shape inference of ONNX', () => {
    const graphs = [...registryCases.map(graphOf), ...genotypes.map(({ genotype }) => randomGraph(genotype))];
    const models = checkModels(
      graphs.flatMap((graph) => {
        const network = livelyNetwork(graph);
        return [onnxBytes(network), onnxBytes(network, { size: sizesFor(graph)[0], batch: 1 })];
      }),
    );
    expect(models).toHaveLength(2 * graphs.length);
    for (const { known, nodes } of models) expect(known).toBe(nodes - 1);
  });
});

/** Every kind of node with every option, in a network that no method would build. */
function everyKind(rank: 2 | 3, normOver: 'batch' | 'instance', times: number): NetworkGraph {
  const build = new GraphBuilder(rank, { normOver });
  const image = build.input(2);
  build.stage('all');
  const stem = build.convolution('stem', image, 6, { kernel: 3, stride: 2, bias: true });
  // Read twice, so its norm stays a node.
  const shared = build.norm('shared', stem);
  const kernel = rank === 3 ? [3, 3, 1] : [1, 5];
  const folded = build.norm(
    'folded',
    build.convolution('perAxis', build.add([shared, stem]), 6, { kernel, dilation: 2, bias: true }),
  );
  const depthwise = build.convolution('depthwise', build.relu(folded), 6, { kernel: 3, depthwise: true });
  const alone = build.norm('alone', build.dropPath(build.relu(build.norm('third', depthwise)), 0.5));
  const pooled = [
    build.pool('average', alone, 3, 2),
    build.pool('max', alone, 3, 2),
    build.resizeBy(alone, 0.5),
    build.resizeLike(build.globalPool(alone), build.pool('max', alone, 3, 2)),
  ];
  const coarse = build.convolution('mix', build.concat(pooled), 6, { kernel: 1 });
  const fine = build.resizeLike(build.shift(build.resizeBy(coarse, 2)), alone);
  const scaled = build.resizeLike(build.resizeTimes(fine, times), stem);
  const joined = build.convolution('logits', build.add([fine, scaled, stem]), 4, { kernel: 1, bias: true });
  build.resizeLike(joined, image);
  return build.finish(4);
}

describe('every kind of node', () => {
  const sizes = {
    2: [
      [17, 22],
      [16, 13],
    ],
    3: [
      [9, 12, 10],
      [8, 7, 13],
    ],
  } as const;
  const cases = ([2, 3] as const).flatMap((rank) =>
    (['batch', 'instance'] as const).flatMap((norm) => [2, 0.25, 1 / 3].map((times) => [rank, norm, times] as const)),
  );

  it.each(cases)('rank %i, norms over %s, resized by %d', async (rank, norm, times) => {
    const network = livelyNetwork(everyKind(rank, norm, times), 3);
    const free = await parityOf(network, sizes[rank]);
    const fixed = await parityOf(network, [sizes[rank][0]], { size: sizes[rank][0], batch: 2 });
    expect(free.largestDifference).toBeLessThan(1e-5);
    expect(fixed.largestDifference).toBeLessThan(1e-5);
  });

  it('is refused by name when it has no form in ONNX', () => {
    const build = new GraphBuilder(2);
    build.input(3);
    build.stage('head');
    build.relu(0);
    const graph = build.finish(3);
    const odd = { ...graph, nodes: [graph.nodes[0], { ...graph.nodes[1], kind: 'fourier' } as unknown as GraphNode] };
    const write = () =>
      buildOnnx({ graph: odd, tensors: {}, classes: [], reduction: 1 }, { ...DEFAULTS, size: 'dynamic' });
    expect(write).toThrow(ArchitectureError);
    expect(write).toThrow('head.relu: nodes of kind "fourier" have no form in ONNX');
  });
});

describe('options', () => {
  const network = livelyNetwork(narrow(random(3)), 5);

  it('half precision gives nearly the same scores', async () => {
    const parity = await parityOf(network, [[65, 49]], { precision: 'float16' });
    expect(parity.largestDifference).toBeGreaterThan(0);
    expect(parity.largestDifference).toBeLessThan(5e-3);
    expect(isParity(parity, 'float16')).toBe(true);
    const half = onnxBytes(network, { precision: 'float16' }).length;
    expect(half / onnxBytes(network).length).toBeLessThan(0.7);
  });

  it.each([
    { normalise: true },
    { result: 'softmax' },
    { result: 'argmax' },
    { normalise: true, result: 'argmax', precision: 'float16', size: [40, 33] },
  ] as const)('%j', async (options) => {
    const parity = await parityOf(network, [[40, 33]], options);
    expect(parity.largestDifference ?? 0).toBeLessThan(1e-5);
    expect(parity.agreement).toBeGreaterThan('precision' in options ? 0.99 : 0.9999);
  });

  it.each([
    { result: 'logits' },
    { result: 'sigmoid' },
    { result: 'argmax' },
    { normalise: true, result: 'argmax', precision: 'float16', size: [40, 33] },
  ] as const)('of regions %j', async (options) => {
    const given = { ...DEFAULTS, ...options };
    const model = { ...exported(network), regions: regionsOf(network.graph.classes) };
    const infer = reduced((images) => network.forward(images, { training: false }), 1);
    const precise = inFloat64(network);
    const exact = reduced((images) => precise.forward(images, { training: false }), 1);
    const bytes = writeOnnx(model, given);
    const metadata = readModelMetadata(bytes, 'model');
    expect(metadata).toMatchObject({ regions: model.regions, result: options.result });
    const parity = await measureParity(bytes, metadata, infer, exact, [sampleOf([40, 33], 3, 1)], 1);
    expect(parity.largestDifference ?? 0).toBeLessThan(1e-5);
    expect(parity.agreement).toBeGreaterThan('precision' in options ? 0.99 : 0.9999);
    if (python !== undefined) {
      const [{ output, known, nodes }] = checkModels([bytes]);
      expect([output.length, known]).toEqual([options.result === 'argmax' ? 3 : 4, nodes - 1]);
    }
  });

  it('softmax is of classes, sigmoid of regions', () => {
    expect(() => onnxBytes(network, { result: 'sigmoid' })).toThrow(
      /result=sigmoid: the outputs are classes.*take result=softmax/,
    );
    const model = { ...exported(network), regions: regionsOf(network.graph.classes) };
    expect(() => writeOnnx(model, { ...DEFAULTS, result: 'softmax' })).toThrow(/take result=sigmoid/);
  });

  it('the reduction of the pictures is part of the model, sizes rounded as the engine does', async () => {
    for (const size of ['dynamic', [61, 54]] as const) {
      const parity = await parityOf(network, [[61, 54]], { size, batch: 1 }, 2);
      expect(parity.largestDifference).toBeLessThan(1e-5);
    }
  });

  it('so is a longer side that pictures are brought to', async () => {
    const { graph } = network;
    const wanted = { 61: [45, 40], 54: [40, 45], 17: [45, 3] } as Record<number, number[]>;
    for (const size of [
      [61, 54],
      [54, 61],
      [17, 1],
    ]) {
      const read = wanted[size[0]];
      const bytes = writeOnnx({ ...exported(network, 2), longSide: 90 }, { ...DEFAULTS });
      const parity = await measureParity(
        bytes,
        readModelMetadata(bytes, 'model'),
        (images) => op.resize(network.forward(op.resize(images, read), { training: false }), size),
        (images) => op.resize(inFloat64(network).forward(op.resize(images, read), { training: false }), size),
        [sampleOf(size, (graph.nodes[0] as { channels: number }).channels)],
        1,
      );
      expect(parity.largestDifference).toBeLessThan(1e-5);
    }
  });

  it('a factor that floating point rounds oddly needs a fixed size', () => {
    const odd = livelyNetwork(everyKind(2, 'batch', 0.7));
    expect(() => onnxBytes(odd)).toThrow('sizes times 0.7 cannot be computed in whole numbers');
    expect(onnxBytes(odd, { size: [33, 34] }).length).toBeGreaterThan(0);
  });

  it('leaves out what only the training reads', async () => {
    const build = new GraphBuilder(2);
    const image = build.input(3);
    const features = build.convolution('features', image, 4, { kernel: 3 });
    // Read by the norm alone on the way to the logits, so that the norm folds.
    build.convolution('auxiliary', build.relu(features), 2, { kernel: 1 });
    build.convolution('logits', build.norm('norm', features), 2, { kernel: 1 });
    const small = livelyNetwork(build.finish(2));
    const model = buildOnnx(exported(small), DEFAULTS);
    expect(model.nodes.map(({ operator }) => operator)).toEqual(['Conv', 'Conv', 'Identity']);
    expect((await parityOf(small, [[9, 8]])).largestDifference).toBeLessThan(1e-5);
  });

  it('a difference is seen: other weights are no parity', async () => {
    const bytes = onnxBytes(network);
    const other = livelyNetwork(network.graph, 6);
    const parity = await measureParity(
      bytes,
      readModelMetadata(bytes, 'model'),
      (images) => other.forward(images, { training: false }),
      (images) => inFloat64(other).forward(images, { training: false }),
      [sampleOf([33, 33], 3)],
      1,
    );
    expect(isParity(parity, 'float32')).toBe(false);
    const known = { largestScore: 1, rounding: 1e-6, agreement: 1 };
    expect(isParity({ ...known, largestDifference: Number.NaN }, 'float32')).toBe(false);
    expect(isParity({ ...known, largestDifference: 3e-5 }, 'float32')).toBe(true);
    expect(isParity({ ...known, largestDifference: 3.5e-5 }, 'float32')).toBe(false);
    // The size of the scores alone allows little: a network that rounds little is held to it.
    expect(isParity({ ...known, rounding: 0, largestDifference: 7e-6 }, 'float32')).toBe(true);
    expect(isParity({ ...known, rounding: 0, largestDifference: 9e-6 }, 'float32')).toBe(false);
    expect(isParity({ ...known, largestDifference: null, agreement: 0.9 }, 'float32')).toBe(false);
  });

  it('mistakes are named', () => {
    const volumes = exported(livelyNetwork(everyKind(3, 'batch', 2)));
    expect(() => buildOnnx(volumes, { ...DEFAULTS, normalise: true })).toThrow('normalise=true is for images');
    expect(() => buildOnnx(volumes, { ...DEFAULTS, size: [9, 9] })).toThrow('needs 3 positive sizes');
    const missing = exported(network);
    const tensors = { ...missing.tensors };
    delete tensors['stem.0.norm.bias'];
    expect(() => buildOnnx({ ...missing, tensors }, DEFAULTS)).toThrow('the weights hold no "stem.0.norm.bias"');
  });

  it('more than 2 GiB are refused before anything is written', () => {
    const model = buildOnnx(exported(network), DEFAULTS);
    const data = new Uint8Array(2 ** 28);
    const tensors = Array.from({ length: 8 }, (_, i) => ({
      name: `${i}`,
      dtype: 'uint8' as const,
      shape: [2 ** 28],
      data,
    }));
    expect(() => encodeModel({ ...model, tensors })).toThrow(
      /2\.00 GiB, an ONNX file holds less than 2 GiB; export with/,
    );
  });
});

describe('the file', () => {
  const network = livelyNetwork(narrow(random(4)), 2);

  it('says what it is', () => {
    const { classes } = exported(network);
    const metadata = readModelMetadata(onnxBytes(network, { size: [33, 41], result: 'softmax' }), 'model');
    expect(metadata).toEqual({
      classes,
      preprocessing: { layout: 'channelsFirst', dtype: 'float32', channels: 3, divisor: 127.5, offset: 1 },
      result: 'softmax',
      size: [33, 41],
      precision: 'float32',
      version: '1.2.3',
    });
    const { graph, tensors, reduction } = exported(network);
    const architecture = '{ "format": "espalier-genotype" }\n';
    const model = buildOnnx({ graph, tensors, reduction, classes, architecture }, { ...DEFAULTS, normalise: true });
    expect(readModelMetadata(encodeModel(model), 'model')).toMatchObject({
      architecture,
      preprocessing: { layout: 'channelsLast', dtype: 'uint8', divisor: 1, offset: 0 },
    });
  });

  it('that is none of ours is refused', () => {
    const model = buildOnnx(exported(network), DEFAULTS);
    expect(() => readModelMetadata(encodeModel({ ...model, metadata: {} }), 'a.onnx')).toThrow(
      'a.onnx: its metadata says nothing of classes',
    );
    expect(() => readModelMetadata(Uint8Array.of(0xff, 0xff, 0xff), 'b.onnx')).toThrow('b.onnx: is no ONNX model');
  });

  it('folds every norm of a trained network away, and keeps one where it cannot', () => {
    const operators = (graph: NetworkGraph) =>
      buildOnnx(exported(livelyNetwork(graph)), DEFAULTS).nodes.map(({ operator }) => operator);
    expect(operators(network.graph)).not.toContain('BatchNormalization');
    const kept = operators(everyKind(2, 'batch', 2)).filter((operator) => operator === 'BatchNormalization');
    // `shared` follows a convolution that others read too, `alone` follows none.
    expect(kept).toHaveLength(2);
  });

  it.skipIf(python === undefined)('passes the checker and the strict shape inference of ONNX (python3-onnx)', () => {
    const volumes = livelyNetwork(everyKind(3, 'instance', 0.5));
    const models = checkModels([
      onnxBytes(network),
      onnxBytes(network, { size: [33, 41], batch: 1 }),
      onnxBytes(network, { precision: 'float16', normalise: true, result: 'argmax' }),
      onnxBytes(volumes, { size: [9, 8, 10], batch: 2, result: 'softmax' }),
      onnxBytes(volumes, { precision: 'float16' }, 2),
    ]);
    expect(models.map(({ input, output }) => [input, output])).toEqual([
      [
        ['batch', 3, 'height', 'width'],
        ['batch', 5, 'height', 'width'],
      ],
      [
        [1, 3, 33, 41],
        [1, 5, 33, 41],
      ],
      [
        ['batch', 'height', 'width', 3],
        ['batch', 'height', 'width'],
      ],
      [
        [2, 2, 9, 8, 10],
        [2, 4, 9, 8, 10],
      ],
      [
        ['batch', 2, 'depth', 'height', 'width'],
        ['batch', 4, 'depth', 'height', 'width'],
      ],
    ]);
    for (const { ir, opset, producer, known, nodes, metadata } of models) {
      expect({ ir, opset, producer }).toEqual({ ir: 8, opset: 17, producer: 'espalier' });
      expect(known).toBe(nodes - 1);
      expect(JSON.parse(metadata.classes)[0]).toBe('class 0');
    }
  });
});
