/** @file Weights that torch wrote, in torchvision's names, give here the features that torch computes. Skipped without a Python with torch. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Generator } from '../../../src/engine/device.ts';
import { addNumber, scale } from '../../../src/engine/operators.ts';
import { scope, type Tensor } from '../../../src/engine/tensor.ts';
import { loadTensor, restoreTensors, storeTensors } from '../../../src/jobs/checkpoint/tensors.ts';
import { createDescribed } from '../../../src/jobs/network.ts';
import { builtInMap } from '../../../src/jobs/weights/builtInMaps.ts';
import { transferForeign } from '../../../src/jobs/weights/foreignWeights.ts';
import { openSafetensors } from '../../../src/jobs/weights/safetensorsFile.ts';
import type { WeightMap } from '../../../src/jobs/weights/weightMap.ts';
import { createNetwork } from '../../../src/models/network.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import { ParameterSet } from '../../../src/nn/parameters.ts';
import { readSafetensors, type StoredTensor } from '../../../src/run/safetensors.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const python = ['/usr/bin/python3', 'python3'].find((each) => spawnSync(each, ['-c', 'import torch']).status === 0);
if (!python) console.log('skipped: no Python with torch (apt-get install python3-torch)');

const folder = sharedFolder();
const script = join(import.meta.dirname, '..', '..', 'helpers', 'torchResnet.py');
let expected: Record<string, StoredTensor> = {};

const map = builtInMap('torchvision-resnet50') as WeightMap;
const classes = ['a', 'b'];

/** A network of the registry with the weights of the file, up to the last node whose name begins with `last`. */
function upTo(arch: string, last: string, used: WeightMap) {
  const plan = { architecture: findArchitecture(arch)!, options: { inputs: 3, classes: 2 } };
  const whole = createDescribed(plan, new Generator(1), 'cpu');
  const path = join(folder, 'weights.safetensors');
  const file = openSafetensors(path);
  const done = transferForeign({ file, path }, used, whole, classes);
  file.close();
  const { nodes } = whole.graph;
  const end = nodes.findLastIndex(({ name }) => name.startsWith(last));
  const part = createNetwork(
    { ...whole.graph, nodes: nodes.slice(0, end + 1) },
    new ParameterSet({ generator: new Generator(2).id, device: 'cpu' }),
  );
  restoreTensors(part.parameters.entries(), storeTensors(whole.parameters.entries()));
  whole.parameters.free();
  return { network: part, done };
}

/** The largest difference as a share of the largest value, over rows and columns that are `inside` from each border. */
function difference(actual: Tensor, stored: StoredTensor, inside = 0): number {
  const [values, wanted] = [actual.numbers(), loadTensor(stored).numbers()];
  const [height, width] = actual.shape.slice(2);
  expect(actual.shape).toEqual(stored.shape);
  let [most, largest] = [0, 0];
  values.forEach((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    if (x < inside || y < inside || x >= width - inside || y >= height - inside) return;
    most = Math.max(most, Math.abs(value - wanted[i]));
    largest = Math.max(largest, Math.abs(wanted[i]));
  });
  return most / largest;
}

describe.skipIf(!python)('a ResNet-50 of torch', () => {
  beforeAll(() => {
    const { status, stderr } = spawnSync(python as string, [script, folder], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const file = join(folder, 'output.safetensors');
    expected = readSafetensors(readFileSync(file), file).tensors;
  }, 120_000);

  it.each(['deeplabv3', 'deeplabv3plus'])('gives the encoder of %s the features of torch', (arch) => {
    const { colours, ...plain } = map;
    const { network, done } = upTo(arch, 'stage4.', plain);
    expect(done.filled).toBe(53 + 4 * 53);
    expect(done.fresh).toEqual(classes);
    scope(() => {
      // What torch read: 2 c - 1, as networks here do.
      const image = addNumber(scale(loadTensor(expected.image), 2), -1);
      expect(difference(network.forward(image, { training: false }), expected.features)).toBeLessThan(1e-5);
    });
  });

  it('reads the colours that torchvision normalises', () => {
    const { network } = upTo('deeplabv3', 'stem.0.norm', map);
    scope(() => {
      const image = addNumber(scale(loadTensor(expected.image), 2), -1);
      const stem = network.forward(image, { training: false });
      expect(difference(stem, expected.stem, 2)).toBeLessThan(1e-5);
      // Zeros around the image are another colour.
      expect(difference(stem, expected.stem)).toBeGreaterThan(1e-3);
    });
  });
});
