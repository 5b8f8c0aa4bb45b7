/** @file Trainings with a teacher: a run, an exported model, images without labels, resumes, and teachers that do not suit. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { createLoader } from '../../../src/data/loader/loader.ts';
import { SCENE_CLASSES } from '../../../src/data/scenes/classes.ts';
import { paintScene } from '../../../src/data/scenes/scenes.ts';
import { Generator } from '../../../src/engine/device.ts';
import { fromArray } from '../../../src/engine/tensor.ts';
import { train } from '../../../src/index.ts';
import { exportOnnx } from '../../../src/jobs/export/onnx.ts';
import { createDescribed } from '../../../src/jobs/network.ts';
import { openOnnxTeacher } from '../../../src/jobs/teacher/onnxTeacher.ts';
import { openRunTeacher } from '../../../src/jobs/teacher/runTeacher.ts';
import { inOrderOf, type Student } from '../../../src/jobs/teacher/student.ts';
import { unlabelledImages } from '../../../src/jobs/teacher/unlabelled.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import { crossEntropy } from '../../../src/nn/losses.ts';
import { sgd } from '../../../src/nn/optimisers.ts';
import { loadCheckpoint } from '../../../src/run/checkpoint.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { takeStep } from '../../../src/train/step/optimiserStep.ts';
import { startOfTraining } from '../../../src/train/trainState.ts';
import { stepLosses, trainingPlan } from '../../../src/train/trainStep.ts';
import { smallScenes, writeSceneFolder } from '../../helpers/scenes.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const runs = sharedFolder();
const unlabelled = join(runs, 'more');
const data = join(runs, 'own');
writeSceneFolder(data);
const common = { ...TINY_NETWORK, data, arch: 'unet:levels=2', runs, threads: 1, batch: 3, crop: [32, 48] } as const;
const classes = SCENE_CLASSES.map(({ name }) => name);
const student: Student = { classes, rank: 2, channels: 3, modalities: [], crop: [32, 48], reduction: 1, device: 'cpu' };
let teacher = '';

beforeAll(async () => {
  ({ run: teacher } = await train({ ...common, name: 'teacher', steps: 8, learningRate: 0.1 }));
  mkdirSync(join(unlabelled, 'inner'), { recursive: true });
  for (let i = 0; i < 6; i++) {
    const { width, height, image } = paintScene(500 + i, 64, 48);
    const name = i < 3 ? `p${i}.png` : join('inner', `p${i}.png`);
    writeFileSync(join(unlabelled, name), encodePng({ width, height, channels: 3, data: image }));
  }
  writeFileSync(join(unlabelled, '._p0.png'), 'none');
}, 60_000);

/** A batch of scenes. */
async function someBatch() {
  const dataset = smallScenes(4, 1);
  const loader = createLoader({ dataset, samples: dataset.splits.train, batch: 4, crop: [32, 48], seed: 1 });
  for await (const batch of loader.batches(0)) return batch;
  throw new RangeError('no batch');
}

describe('a step with a teacher', () => {
  it('is the same in parts as whole, with unlabelled images too', async () => {
    const [batch, other] = [await someBatch(), await someBatch()];
    other.labels.fill(0);
    other.labels.fill(255, 0, 700);
    const random = createRandom(4);
    const logitsOf = () =>
      fromArray(
        Float32Array.from({ length: 4 * classes.length * 32 * 48 }, () => 4 * random.uniform()),
        [4, classes.length, 32, 48],
      );
    const lesson = {
      logits: logitsOf(),
      unlabelled: { batch: other, logits: logitsOf() },
      weight: 0.7,
      temperature: 2,
    };
    const outcomes = [1, 2, 3].map((accumulate) => {
      const options = { inputs: 3, classes: classes.length, filters: 2 };
      const network = createDescribed(
        { architecture: findArchitecture('unet:levels=2')!, options },
        new Generator(1),
        'cpu',
      );
      const optimiser = sgd(network.parameters.parameters(), { momentum: 0, decay: 0 });
      const training = { network, optimiser, averaged: null, generator: new Generator(1), progress: startOfTraining() };
      const plan = { accumulate, precision: 'float32', frozenNorms: true, ignore: 255 } as const;
      const losses = stepLosses(training, batch, plan, 'cpu', crossEntropy, 0, lesson);
      expect(losses).toHaveLength(2 * accumulate);
      const loss = takeStep(trainingPlan(training, 0), 0.5, ...losses);
      return { loss, values: [...network.parameters.entries().values()].flatMap((tensor) => tensor.numbers()) };
    });
    for (const { loss, values } of outcomes.slice(1)) {
      expect(loss).toBeCloseTo(outcomes[0].loss, 5);
      values.forEach((value, i) => {
        expect(Math.abs(value - outcomes[0].values[i])).toBeLessThan(1e-5);
      });
    }
  });
});

describe('a training with a teacher', () => {
  it('follows it, on images without labels too, and resumes to the same bytes', { timeout: 120_000 }, async () => {
    const given = { ...common, steps: 11, teacher, distillation: { weight: 2, temperature: 3, images: unlabelled } };
    const lines: string[] = [];
    const whole = await train({ ...given, name: 'whole' }, { watcher: { line: (text) => void lines.push(text) } });
    expect(lines.join('\n')).toContain(
      `teacher ${teacher}: its probabilities at temperature 3 count 2 times, also on the images of ${unlabelled}`,
    );
    const controller = new AbortController();
    let steps = 0;
    const watcher = { progress: () => void (++steps === 9 && controller.abort()) };
    await expect(train({ ...given, name: 'parts' }, { watcher, signal: controller.signal })).rejects.toThrow(/stopped/);
    const parts = await train({ name: 'parts', runs }, { resume: true });
    const plain = await train({ ...common, steps: 11, name: 'plain' });
    const [a, b, c] = [whole, parts, plain].map(({ run }) => loadCheckpoint(openRunFolder(run).last).tensors);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  it('learns what the teacher says: a teacher that is the student leaves it where it is', {
    timeout: 60_000,
  }, async () => {
    // Labels count next to nothing beside the teacher; norms are those of inference in both.
    const { run } = await train({
      ...{ ...common, name: 'same', steps: 3, from: teacher, teacher, norms: 'frozen', decay: 0, clip: 0 },
      ...{ learningRate: 1e-7, 'distillation.weight': 1e6 },
    });
    const moved = (name: string) => {
      const [before, after] = [teacher, run].map((path) => {
        const { tensors } = loadCheckpoint(openRunFolder(path)[path === run ? 'last' : 'best']);
        return new Float32Array(Uint8Array.from(tensors[name].data).buffer);
      });
      return before.reduce((most, value, i) => Math.max(most, Math.abs(value - after[i])), 0);
    };
    expect(moved('network.classifier.logits.weight')).toBeLessThan(1e-3);
  });

  it('refuses a teacher with other classes, or other data', async () => {
    const small = join(runs, 'small');
    for (const kind of ['images', 'masks']) mkdirSync(join(small, kind, 'train'), { recursive: true });
    const of = (more: object) => train({ ...common, name: 'never', steps: 1, teacher, ...more });
    await expect(of({ data: 'phantoms', crop: 32 })).rejects.toThrow(
      /teacher: .* reads images of 3 channels, the data are volumes of 1 channels/,
    );
    await expect(of({ teacher: join(runs, 'absent') })).rejects.toThrow(
      /teacher: .*absent: nothing there; name the folder of a run/,
    );
    await expect(of({ 'distillation.images': small })).rejects.toThrow(/has 0 images, fewer than a batch of 3/);
    await expect(of({ 'distillation.images': join(small, 'none') })).rejects.toThrow(/no such folder/);
    await expect(of({ 'distillation.classes': ['a', 'b'] })).rejects.toThrow(
      /distillation\.classes has no effect: it is for ONNX/,
    );
    await expect(of({ 'distillation.mean': [0, 0, 0] })).rejects.toThrow(/without distillation\.classes/);
    await expect(of({ teacher: null, 'distillation.weight': 2 })).rejects.toThrow(
      /^distillation\.weight has no effect: there is no teacher; leave it out, or set teacher too/,
    );
  });
});

describe('the classes of a teacher', () => {
  it('are brought into the order of the student', () => {
    const logits = fromArray([1, 2, 3, 4, 5, 6], [1, 3, 2]);
    expect(inOrderOf(['a', 'b', 'c'], ['a', 'b', 'c'], 't')(logits)).toBe(logits);
    expect(inOrderOf(['c', 'a', 'b'], ['a', 'b', 'c'], 't')(logits).numbers()).toEqual([5, 6, 1, 2, 3, 4]);
  });

  it('that differ are listed', () => {
    expect(() => inOrderOf(['a', 'road'], ['a', 'street', 'sky'], 'runs/t')).toThrow(
      'teacher: runs/t has other classes than the data: only the data have road, only the teacher has street, sky',
    );
  });
});

describe('an exported teacher', () => {
  it.each([
    ['logits', false],
    ['softmax', false],
    ['logits', true],
  ] as const)(
    'with result=%s and normalise=%s says what the run says',
    { timeout: 60_000 },
    async (result, normalise) => {
      const output = join(runs, `${result}-${normalise}.onnx`);
      await exportOnnx(parseConfig(settings.export, [{ run: teacher, output, result, normalise }]));
      const [own, exported] = [openRunTeacher(teacher, student), await openOnnxTeacher(output, student, 1)];
      const batch = await someBatch();
      // What bytes can hold, for the model that reads them.
      batch.images.forEach((value, i) => {
        batch.images[i] = Math.round((value + 1) * 127.5) / 127.5 - 1;
      });
      const [a, b] = [await own.teach(batch), await exported.teach(batch)];
      const softmax = (values: number[], i: number) => {
        const pixels = 32 * 48;
        const at = (c: number) => values[(Math.floor(i / pixels) * classes.length + c) * pixels + (i % pixels)];
        const largest = Math.max(...classes.map((_, c) => at(c)));
        const all = classes.map((_, c) => Math.exp(at(c) - largest));
        return all.map((value) => value / all.reduce((x, y) => x + y));
      };
      const [first, second] = [a.numbers(), b.numbers()];
      for (let i = 0; i < 4 * 32 * 48; i += 7)
        softmax(first, i).forEach((value, c) => {
          expect(Math.abs(value - softmax(second, i)[c])).toBeLessThan(1e-4);
        });
      await exported.close();
      await own.close();
    },
  );

  it('of another program is read as it is described', { timeout: 60_000 }, async () => {
    const output = join(runs, 'own.onnx');
    await exportOnnx(parseConfig(settings.export, [{ run: teacher, output, result: 'logits' }]));
    const bytes = readFileSync(output);
    // Another program says nothing that we read.
    bytes.write('anything-at-all-12345', bytes.indexOf('espalier-segmentation'));
    const file = join(runs, 'foreign.onnx');
    writeFileSync(file, bytes);
    await expect(openOnnxTeacher(file, student, 1)).rejects.toThrow(/says nothing of classes and preprocessing/);
    const batch = await someBatch();
    const own = openRunTeacher(teacher, student);
    const expected = (await own.teach(batch)).numbers();
    const turned = [...classes].reverse();
    const pixels = 32 * 48;
    const foreign = await openOnnxTeacher(file, { ...student, classes: turned }, 1, { classes });
    const values = (await foreign.teach(batch)).numbers();
    for (let i = 0; i < values.length; i += 11) {
      const [sample, id] = [Math.floor(i / (classes.length * pixels)), Math.floor(i / pixels) % classes.length];
      const place = (sample * classes.length + (classes.length - 1 - id)) * pixels + (i % pixels);
      expect(Math.abs(values[i] - expected[place])).toBeLessThan(1e-3);
    }
    // Colours that are read as (c - 0.2) / 0.25 are 2 c' - 1 of other colours c'.
    const mean = [0.2, 0.3, 0.4];
    const deviation = [0.25, 0.5, 0.75];
    const other = await openOnnxTeacher(file, student, 1, { classes, mean, deviation });
    const moved = Float32Array.from(batch.images, (value, i) => ((value + 1) / 2 - mean[i % 3]) / deviation[i % 3]);
    const [a, b] = [await other.teach(batch), await own.teach({ ...batch, images: moved })].map((t) => t.numbers());
    for (let i = 0; i < a.length; i += 11) expect(Math.abs(a[i] - b[i])).toBeLessThan(1e-3);
    const few = await openOnnxTeacher(file, { ...student, classes: ['a', 'b'] }, 1, { classes: ['a', 'b'] });
    await expect(few.teach(batch)).rejects.toThrow(/gives scores \[4, \d+, 32, 48\], expected 2 classes/);
    for (const each of [own, foreign, other, few]) await each.close();
  });

  it('that gives classes, or takes another size, is refused', { timeout: 60_000 }, async () => {
    const make = (name: string, more: object) => {
      const output = join(runs, `${name}.onnx`);
      return exportOnnx(parseConfig(settings.export, [{ run: teacher, output, ...more }])).then(() => output);
    };
    const argmax = await make('classes', { result: 'argmax' });
    await expect(openOnnxTeacher(argmax, student, 1)).rejects.toThrow(
      /gives classes, not scores; export it with result=logits/,
    );
    const fixed = await make('fixed', { size: [64, 64] });
    await expect(openOnnxTeacher(fixed, student, 1)).rejects.toThrow(
      /takes inputs of 64 x 64 only, the crop is 32 x 48; export/,
    );
    const single = await make('single', { batch: 1 });
    const opened = await openOnnxTeacher(single, student, 1);
    await expect(opened.teach(await someBatch())).rejects.toThrow(/export it with batch=dynamic/);
    await opened.close();
  });
});

it('images without labels are those of a folder and of the folders in it, every pixel of them counts', () => {
  const images = unlabelledImages(unlabelled);
  expect(images.map(({ id }) => id)).toEqual([
    'inner/p3.png',
    'inner/p4.png',
    'inner/p5.png',
    'p0.png',
    'p1.png',
    'p2.png',
  ]);
  expect(images.map(({ source }) => source.kind === 'files' && source.blank)).toEqual(Array(6).fill(0));
});
