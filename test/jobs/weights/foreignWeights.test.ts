/** @file Weights of foreign files: which tensor goes where, what is left over, other channels, colours and classes. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../src/engine/device.ts';
import { storeTensors } from '../../../src/jobs/checkpoint/tensors.ts';
import { createDescribed } from '../../../src/jobs/network.ts';
import { adaptChannels, floatsOf } from '../../../src/jobs/weights/firstConvolution.ts';
import { openSafetensors } from '../../../src/jobs/weights/safetensorsFile.ts';
import { startFrom } from '../../../src/jobs/weights/startWeights.ts';
import type { BuildOptions } from '../../../src/models/architecture.ts';
import type { Network } from '../../../src/models/network.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import type { StoredTensor } from '../../../src/run/safetensors.ts';
import { randomTensor, resnetStateDict, valuesOf, writeTensors } from '../../helpers/stateDict.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const folder = sharedFolder();
const FILTERS = 4;
const stateDict = resnetStateDict(FILTERS);
const file = writeTensors(join(folder, 'resnet.safetensors'), stateDict);

const described = (...names: string[]) => ({
  classes: names.map((name) => ({ name, colour: [0, 0, 0] as [number, number, number] })),
});
const two = described('road', 'sky');

function networkOf(arch: string, options: Partial<BuildOptions> = {}): Network {
  const head = { aspp: 8, decoder: 8, lowLevel: 4 };
  const build = { inputs: 3, classes: 2, filters: FILTERS, head, ...options };
  return createDescribed({ architecture: findArchitecture(arch)!, options: build }, new Generator(1), 'cpu');
}

const storedOf = (network: Network): Record<string, StoredTensor> => storeTensors(network.parameters.entries());

/** Tensors are compared as bytes: element by element takes seconds. */
function expectSame(actual: Record<string, StoredTensor>, expected: Record<string, StoredTensor>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    expect([actual[name].dtype, actual[name].shape]).toEqual([dtype, shape]);
    expect(Buffer.compare(actual[name].data, data), name).toBe(0);
  }
}

/** A map in a file. */
function mapFile(name: string, content: unknown): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe('a ResNet-50 in torchvision names', () => {
  it.each(['deeplabv3', 'deeplabv3plus', 'deeplabv3:outputStride=8'])(
    'fills the encoder of %s and nothing else',
    (arch) => {
      const network = networkOf(arch);
      const before = storedOf(network);
      const note = startFrom({ from: file, map: 'torchvision-resnet50' }, network, two);
      expect(note).toMatch(/265 tensors by the map torchvision-resnet50, \d+ start anew$/);
      const after = storedOf(network);
      expect(after['stage3.block6.see.convolution.weight'].data).toEqual(stateDict['layer3.5.conv2.weight'].data);
      expect(after['stage1.block1.shortcut.norm.runningVariance'].data).toEqual(
        stateDict['layer1.0.downsample.1.running_var'].data,
      );
      for (const [name, { data }] of Object.entries(after)) {
        const isEncoder = /^(stem|stage\d)\./.test(name);
        expect(Buffer.compare(data, before[name].data) !== 0, name).toBe(isEncoder);
      }
    },
  );

  it('lists what another depth leaves over, and what it misses', () => {
    const network = networkOf('deeplabv2');
    expect(() => startFrom({ from: file, map: 'torchvision-resnet101' }, network, two)).toThrow(
      /255 weights of the network are not in the file: stage3\.block7\.narrow\.convolution\.weight, .* and 249 more/,
    );
    const more = {
      ...stateDict,
      'layer3.6.conv1.weight': randomTensor([16, 64, 1, 1], 1),
      extra: randomTensor([3], 1),
    };
    const longer = writeTensors(join(folder, 'longer.safetensors'), more);
    expect(() => startFrom({ from: longer, map: 'torchvision-resnet50' }, networkOf('deeplabv3'), two)).toThrow(
      /2 weights of the file are not used: (?=.*extra)(?=.*layer3\.6\.conv1\.weight \(the network has no stage3\.block7\.narrow\.convolution\.weight\))/,
    );
  });

  it('lists shapes that differ, and changes nothing', () => {
    const network = networkOf('deeplabv3', { filters: 8 });
    const before = storedOf(network);
    expect(() => startFrom({ from: file, map: 'torchvision-resnet50' }, network, two)).toThrow(
      /265 weights have another shape: bn1\.bias \[4\], stem\.0\.norm\.bias takes \[8\], .* and 259 more/,
    );
    expectSame(storedOf(network), before);
  });
});

describe('a file of weights', () => {
  it('needs a map that exists, and a run needs none', () => {
    const start = (from: string, map?: string) => () =>
      startFrom({ from, ...(map ? { map } : {}) }, networkOf('deeplabv3'), two);
    expect(start(file)).toThrow(
      /is a file, whose names need a map; add map=<file\.yaml>, or one of torchvision-resnet50/,
    );
    expect(start(file, 'torchvision-resnet5')).toThrow(/no map of this name; did you mean "torchvision-resnet50"/);
    const run = join(folder, 'run');
    mkdirSync(run, { recursive: true });
    expect(start(run, 'torchvision-resnet50')).toThrow('map has no effect: `from` is a run');
    writeFileSync(join(folder, 'model.pth'), 'PK');
    expect(start(join(folder, 'model.pth'), 'torchvision-resnet50')).toThrow(/pickle of PyTorch, which is a program/);
  });

  it('is refused where its values are no numbers of a network', () => {
    const start = (name: string, tensors: Record<string, StoredTensor>) => () =>
      startFrom(
        { from: writeTensors(join(folder, `${name}.safetensors`), tensors), map: 'torchvision-resnet50' },
        networkOf('deeplabv3'),
        two,
      );
    const bias = new Uint8Array(new Float32Array([0, Number.NaN, 0, 0]).buffer);
    expect(start('nan', { ...stateDict, 'bn1.bias': { dtype: 'float32', shape: [4], data: bias } })).toThrow(
      /tensor "bn1\.bias" holds values that are not finite/,
    );
    const whole = { dtype: 'int64', shape: [4], data: new Uint8Array(32) } as const;
    expect(start('int', { ...stateDict, 'bn1.bias': whole })).toThrow(/bn1\.bias is int64, expected floating point/);
  });

  it('may be of another precision', () => {
    const halved = { ...stateDict };
    // The upper halves of float32 are bfloat16.
    const bits = new Uint16Array(Uint8Array.from(stateDict['layer1.0.conv1.weight'].data).buffer).filter(
      (_, i) => i % 2 === 1,
    );
    halved['layer1.0.conv1.weight'] = { dtype: 'bfloat16', shape: [4, 4, 1, 1], data: new Uint8Array(bits.buffer) };
    const network = networkOf('deeplabv3');
    startFrom(
      { from: writeTensors(join(folder, 'half.safetensors'), halved), map: 'torchvision-resnet50' },
      network,
      two,
    );
    const wanted = valuesOf(stateDict['layer1.0.conv1.weight']);
    valuesOf(storedOf(network)['stage1.block1.narrow.convolution.weight']).forEach((value, i) => {
      expect(Math.abs(value - wanted[i])).toBeLessThan(2 ** -7);
    });
  });

  it('is read by its header before anything else of it', () => {
    const large = join(folder, 'large.safetensors');
    writeFileSync(large, Buffer.from([8, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from('{"a":1}  ')]));
    truncateSync(large, 2 ** 36);
    expect(() => openSafetensors(large)).toThrow(/expected an object with dtype, shape and data_offsets/);
    expect(() => openSafetensors(folder)).toThrow(/expected a file, got a folder/);
    expect(() => openSafetensors(join(folder, 'absent'))).toThrow(/cannot be read \(ENOENT\)/);
  });

  it('gives tensor by tensor what it holds', () => {
    const opened = openSafetensors(file);
    expect([...opened.places.keys()].sort()).toEqual(Object.keys(stateDict).sort());
    expectSame(Object.fromEntries(Object.keys(stateDict).map((name) => [name, opened.read(name)])), stateDict);
    opened.close();
  });
});

describe('other channels', () => {
  const weight = randomTensor([2, 3, 1, 1], 5);
  const old = valuesOf(weight);

  it('are summed to one, and repeated over more', () => {
    expect(valuesOf(adaptChannels(weight, 1))[1]).toBeCloseTo(old[3] + old[4] + old[5], 6);
    const four = valuesOf(adaptChannels(weight, 4));
    expect(four.slice(0, 4).map((value) => (value * 4) / 3)).toEqual(
      [old[0], old[1], old[2], old[0]].map((value) => expect.closeTo(value, 6)),
    );
  });

  it.each([1, 2, 3, 5, 6, 9])('of equal values give %i times what three gave, up to the share of each', (wanted) => {
    const constant: StoredTensor = {
      dtype: 'float32',
      shape: [1, 3, 1, 1],
      data: new Uint8Array(new Float32Array([1, 1, 1]).buffer),
    };
    expect(floatsOf(adaptChannels(constant, wanted)).reduce((a, b) => a + b)).toBeCloseTo(3, 5);
  });

  it('are said, and reach the network', () => {
    const network = networkOf('deeplabv3', { inputs: 1 });
    const fresh = ['aspp.*', 'decoder.*', 'classifier.*'];
    const plain = { modules: RESNET_MODULES, tensors: TENSORS, unused: ['fc.*', '*.num_batches_tracked'], fresh };
    const note = startFrom({ from: file, map: mapFile('grey', plain) }, network, two);
    expect(note).toContain('the 3 input channels are summed');
    const values = valuesOf(storedOf(network)['stem.0.convolution.weight']);
    const all = valuesOf(stateDict['conv1.weight']);
    expect(values[5]).toBeCloseTo(all[5] + all[49 + 5] + all[98 + 5], 5);
  });
});

const TENSORS = { running_mean: 'runningMean', running_var: 'runningVariance' };
const RESNET_MODULES = {
  conv1: 'stem.0.convolution',
  bn1: 'stem.0.norm',
  'layer{s}.{b}.conv1': 'stage{s}.block{b+1}.narrow.convolution',
  'layer{s}.{b}.bn1': 'stage{s}.block{b+1}.narrow.norm',
  'layer{s}.{b}.conv2': 'stage{s}.block{b+1}.see.convolution',
  'layer{s}.{b}.bn2': 'stage{s}.block{b+1}.see.norm',
  'layer{s}.{b}.conv3': 'stage{s}.block{b+1}.widen.convolution',
  'layer{s}.{b}.bn3': 'stage{s}.block{b+1}.widen.norm',
  'layer{s}.{b}.downsample.0': 'stage{s}.block{b+1}.shortcut.convolution',
  'layer{s}.{b}.downsample.1': 'stage{s}.block{b+1}.shortcut.norm',
};

describe('logits of a file', () => {
  const tensors = { 'head.weight': randomTensor([3, 8, 1, 1], 1), 'head.bias': randomTensor([3], 2) };
  const source = writeTensors(join(folder, 'head.safetensors'), tensors);
  const content = { modules: { head: 'classifier.logits' }, fresh: ['*'], classes: ['sky', 'road', 'tree'] };

  it('are taken row by row, by the names of the classes', () => {
    const network = networkOf('deeplabv3');
    const before = storedOf(network);
    const note = startFrom({ from: source, map: mapFile('head', content) }, network, described('car', 'sky'));
    expect(note).toContain('the logits of car start anew, sky keep theirs');
    const rows = (stored: Record<string, StoredTensor>) => valuesOf(stored['classifier.logits.weight']);
    expect(rows(storedOf(network))).toEqual([
      ...rows(before).slice(0, 8),
      ...valuesOf(tensors['head.weight']).slice(0, 8),
    ]);
    expect(valuesOf(storedOf(network)['classifier.logits.bias'])[1]).toBe(valuesOf(tensors['head.bias'])[0]);
  });

  it('need as many names as rows', () => {
    const start = (name: string, more: object) => () =>
      startFrom({ from: source, map: mapFile(name, { ...content, ...more }) }, networkOf('deeplabv3'), two);
    expect(start('few', { classes: ['sky', 'road'] })).toThrow(
      /2 weights have another shape: head\.bias \[3\], classifier\.logits\.bias takes \[2\], head\.weight \[3, 8, 1, 1\]/,
    );
    expect(start('none', { classes: undefined })).toThrow(/leads to the logits/);
  });
});

describe('colours of a map', () => {
  it('give for colours in [-1, 1] what the weights gave for normalised ones', () => {
    const tensors = { 'conv.weight': randomTensor([4, 3, 3, 3], 1), 'conv.bias': randomTensor([4], 2) };
    const source = writeTensors(join(folder, 'vgg.safetensors'), tensors);
    const [mean, deviation] = [
      [0.4, 0.5, 0.7],
      [0.2, 0.3, 0.25],
    ];
    const map = mapFile('colours', {
      modules: { conv: 'stage1.0.convolution' },
      fresh: ['*'],
      colours: { mean, deviation },
    });
    const network = networkOf('deeplabv1');
    startFrom({ from: source, map }, network, two);
    const after = storedOf(network);
    const pixels = [0.1, 0.9, 0.3].map((colour) => Array<number>(9).fill(colour));
    const dot = (weights: number[], at: number, values: number[]) =>
      values.reduce((sum, value, i) => sum + value * weights[at + i], 0);
    for (let o = 0; o < 4; o++) {
      const normalised = pixels.flatMap((row, c) => row.map((colour) => (colour - mean[c]) / deviation[c]));
      const own = pixels.flatMap((row) => row.map((colour) => 2 * colour - 1));
      const wanted = dot(valuesOf(tensors['conv.weight']), 27 * o, normalised) + valuesOf(tensors['conv.bias'])[o];
      const actual =
        dot(valuesOf(after['stage1.0.convolution.weight']), 27 * o, own) +
        valuesOf(after['stage1.0.convolution.bias'])[o];
      expect(actual).toBeCloseTo(wanted, 4);
    }
  });
});

describe('the other built-in maps', () => {
  it('fill the convolutions of a VGG-16', () => {
    const counts = [2, 2, 3, 3, 3];
    const indices = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
    const widths = counts.flatMap((count, stage) => Array<number>(count).fill(FILTERS * [1, 2, 4, 8, 8][stage]));
    const tensors: Record<string, StoredTensor> = { 'classifier.0.weight': randomTensor([2, 2], 0) };
    indices.forEach((index, i) => {
      tensors[`features.${index}.weight`] = randomTensor([widths[i], i === 0 ? 3 : widths[i - 1], 3, 3], i);
      tensors[`features.${index}.bias`] = randomTensor([widths[i]], i);
    });
    const from = writeTensors(join(folder, 'vgg16.safetensors'), tensors);
    for (const arch of ['deeplabv1', 'deeplabv2:vgg']) {
      const network = networkOf(arch);
      expect(startFrom({ from, map: 'torchvision-vgg16' }, network, two)).toContain('26 tensors');
      expect(storedOf(network)['stage5.2.convolution.weight'].data).toEqual(tensors['features.28.weight'].data);
    }
  });

  it('fill all of a DeepLabv3, with the logits of the classes that both have', () => {
    const { 'fc.weight': weight, 'fc.bias': bias, ...encoder } = stateDict;
    const tensors = Object.fromEntries(Object.entries(encoder).map(([name, tensor]) => [`backbone.${name}`, tensor]));
    const features = 32 * FILTERS;
    const layer = (convolution: string, norm: string, shape: number[]) => {
      tensors[`${convolution}.weight`] = randomTensor(shape, 1);
      for (const name of ['weight', 'bias', 'running_mean', 'running_var'])
        tensors[`${norm}.${name}`] = randomTensor([shape[0]], 2);
    };
    const head = 'classifier.0.convs';
    layer(`${head}.0.0`, `${head}.0.1`, [8, features, 1, 1]);
    for (const i of [1, 2, 3]) layer(`${head}.${i}.0`, `${head}.${i}.1`, [8, features, 3, 3]);
    layer(`${head}.4.1`, `${head}.4.2`, [8, features, 1, 1]);
    layer('classifier.0.project.0', 'classifier.0.project.1', [8, 40, 1, 1]);
    layer('classifier.1', 'classifier.2', [8, 8, 3, 3]);
    tensors['classifier.4.weight'] = randomTensor([21, 8, 1, 1], 3);
    tensors['classifier.4.bias'] = randomTensor([21], 4);
    tensors['aux_classifier.0.weight'] = randomTensor([4, 4, 3, 3], 5);
    const from = writeTensors(join(folder, 'whole.safetensors'), tensors);
    const network = networkOf('deeplabv3:outputStride=8');
    const map = 'torchvision-deeplabv3-resnet50';
    const note = startFrom({ from, map }, network, described('tvmonitor', 'tree'));
    expect(note).toContain('; the logits of tree start anew, tvmonitor keep theirs');
    expect(note).not.toMatch(/by the map [^;]* start anew/);
    expect(valuesOf(storedOf(network)['classifier.logits.weight']).slice(0, 8)).toEqual(
      valuesOf(tensors['classifier.4.weight']).slice(160),
    );
  });
});
