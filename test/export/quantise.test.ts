/** @file Models of 8-bit convolutions: which are rounded and how, that onnxruntime computes what the numbers say, and the report of an export. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { buildOnnx } from '../../src/export/onnx/model.ts';
import { encodeModel, type OnnxModel, type OnnxTensor } from '../../src/export/onnx/proto.ts';
import { quantise, valuesToRound, withOutputs } from '../../src/export/onnx/quantise.ts';
import { exportNetwork, openModel, train } from '../../src/index.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { GraphBuilder } from '../../src/models/builder.ts';
import { loadRuntime } from '../../src/portable/runtime.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { runCommand } from '../helpers/cli.ts';
import { livelyNetwork } from '../helpers/networks.ts';
import { checkModels, DEFAULTS, exported, python } from '../helpers/onnx.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { largestOf } from '../helpers/tensors.ts';

const floats = ({ data }: OnnxTensor) => new Float32Array(data.slice().buffer);
const tensorOf = (model: OnnxModel, name: string) => model.tensors.find((tensor) => tensor.name === name) as OnnxTensor;

/** Outputs of a model for an input of [-1, 1], by name. */
async function runModel(model: OnnxModel, size: readonly number[], values: readonly string[]) {
  const runtime = await loadRuntime();
  const session = await runtime.InferenceSession.create(encodeModel(model), { executionProviders: ['cpu'] });
  const random = createRandom(3);
  const input = Float32Array.from({ length: 3 * size[0] * size[1] }, () => 2 * random.uniform() - 1);
  const outputs = await session.run({ [session.inputNames[0]]: new runtime.Tensor('float32', input, [1, 3, ...size]) });
  await session.release();
  return values.map((value) => outputs[value].data as Float32Array);
}

/** The model with the exact ranges of its values on that input. */
async function quantisedBy(model: OnnxModel, size: readonly number[]) {
  const values = valuesToRound(model);
  const seen = await runModel(withOutputs(model, values, 2), size, values);
  const of = (data: Float32Array, pick: (a: number, b: number) => number) => data.reduce((a, b) => pick(a, b));
  const ranges = new Map(
    values.map((value, i) => [value, { low: of(seen[i], Math.min), high: of(seen[i], Math.max) }]),
  );
  return { ...quantise(model, ranges), ranges, values };
}

describe('the convolutions of a chain', () => {
  const build = new GraphBuilder(2);
  const image = build.input(3);
  const first = build.relu(build.convolution('first', image, 6, { kernel: 3, bias: true }));
  const second = build.convolution('second', first, 6, { kernel: 3, depthwise: true });
  build.convolution('logits', second, 2, { kernel: 1, bias: true });
  const network = livelyNetwork(build.finish(2));
  const model = buildOnnx(exported(network), DEFAULTS);

  it('are rounded but for the last; a value behind a ReLU counts from 0', async () => {
    expect(valuesToRound(model)).toEqual(['image', expect.stringMatching(/relu/), 'second']);
    const { model: rounded, convolutions, float, ranges, values } = await quantisedBy(model, [12, 10]);
    expect([convolutions, float]).toEqual([2, { Conv: 1, Relu: 1 }]);
    expect([...tensorOf(rounded, `${values[1]}.zero`).data]).toEqual([0]);
    const [scale] = floats(tensorOf(rounded, `${values[1]}.scale`));
    expect(scale).toBeCloseTo((ranges.get(values[1])?.high as number) / 255, 6);
    // Weights are at most half a step from what they were, with a step for each channel.
    const [stored, whole] = [tensorOf(model, 'first.weight'), tensorOf(rounded, 'first.weight.int8')];
    const scales = floats(tensorOf(rounded, 'first.weight.scale'));
    const each = stored.data.length / 4 / 6;
    const back = new Int8Array(whole.data.slice().buffer);
    floats(stored).forEach((weight, i) => {
      const step = scales[Math.floor(i / each)];
      expect(Math.abs(weight - back[i] * step)).toBeLessThanOrEqual(step / 2 + 1e-7);
    });
    expect(rounded.tensors.map(({ name }) => name)).not.toContain('first.weight');
    if (python) expect(checkModels([encodeModel(rounded)])[0].operators).toContain('QuantizeLinear');
  });

  it('compute what the whole numbers say', async () => {
    const { model: rounded } = await quantisedBy(model, [12, 10]);
    const [before] = await runModel(model, [12, 10], ['logits']);
    const [after] = await runModel(rounded, [12, 10], ['logits']);
    const error = largestOf([...before].map((value, i) => value - after[i]));
    expect(error).toBeGreaterThan(0);
    expect(error / largestOf([...before])).toBeLessThan(0.03);
  });

  it('need the range of every value', () => {
    expect(() => quantise(model, new Map())).toThrow(/"image": expected a finite range of its values, got undefined/);
  });
});

it.each([1, 2, 3])('random architecture %i stays near itself', async (seed) => {
  const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(seed, 0x18));
  const graph = buildAutoDeepLab(genotype, {
    inputs: 3,
    classes: 4,
    filters: 4,
    stem: [4, 4, 8],
    head: { aspp: 8, decoder: 8, lowLevel: 4 },
  });
  const model = buildOnnx(exported(livelyNetwork(graph, seed)), DEFAULTS);
  const { model: rounded, convolutions } = await quantisedBy(model, [33, 40]);
  expect(convolutions).toBe(model.nodes.filter(({ operator }) => operator === 'Conv').length - 1);
  const [before] = await runModel(model, [33, 40], ['logits']);
  const [after] = await runModel(rounded, [33, 40], ['logits']);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value * value, 0) / values.length;
  const error = mean([...before].map((value, i) => value - after[i])) / mean([...before]);
  expect(error).toBeLessThan(0.05);
});

describe('export precision=int8', () => {
  const folder = sharedFolder();
  const run = join(folder, 'train', 't');
  beforeAll(async () => {
    await train({
      data: 'scenes:64x48',
      arch: 'unet:levels=3',
      runs: folder,
      name: 't',
      steps: 40,
      batch: 8,
      crop: [49, 65],
      filters: 8,
      optimizer: 'adamw',
      learningRate: 0.01,
      workers: 0,
      threads: 1,
    });
  }, 120_000);

  it('reports what it changed, in a file that is read like any other', async () => {
    const file = join(folder, 'int8.onnx');
    const plain = await exportNetwork({ run, output: join(folder, 'plain.onnx'), threads: 1 });
    const outcome = await exportNetwork({ run, output: file, precision: 'int8', calibration: 8, threads: 1 });
    const { quantisation, metadata, bytes } = outcome;
    expect(metadata.precision).toBe('int8');
    expect(bytes).toBeLessThan(0.6 * plain.bytes);
    expect(quantisation).toMatchObject({ calibration: 8, samples: 32, float: { Resize: 2, Concat: 2 } });
    expect(quantisation?.agreement).toBeGreaterThan(0.98);
    expect(Math.abs((quantisation?.miou.before as number) - (quantisation?.miou.after as number))).toBeLessThan(0.01);
    const model = await openModel(file, { threads: 1 });
    expect(model.metadata.precision).toBe('int8');
    await model.release();
    if (python) expect(checkModels([readFileSync(file)])[0].operators).toContain('DequantizeLinear');
  }, 60_000);

  it('is said on the command line, with class ids as output too', () => {
    const words = ['export', 'run=train/t', 'preset=web', 'precision=int8', 'calibration=4', 'output=web.onnx'];
    const { out, error, code } = runCommand(folder, [...words, 'threads=1']);
    expect([code, error]).toEqual([0, '']);
    expect(out).toMatch(
      /8 bits: classes agree on 9\d\.\d+ % of pixels \(at least 98 % expected\), mIoU \S+ % in float32 and \S+ % in 8 bits .*; ranges of 4 training images; 12 convolutions in 8 bits, in float32 .*1 Conv/,
    );
  }, 60_000);

  it('needs the data, and any size', async () => {
    const int8 = { run, precision: 'int8', output: join(folder, 'none.onnx') } as const;
    await expect(exportNetwork({ ...int8, size: [48, 64] })).rejects.toThrow(
      /precision=int8 is for models of any size/,
    );
  }, 60_000);
});
