import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/data/images/png.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { MAIN, runCommand } from '../helpers/cli.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH, TINY_TRAIN } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();

/** Runs the command line as a user does; returns what it printed and its exit code. */
const espalier = (...words: string[]) => runCommand(folder, words);

beforeAll(() => {
  writeSceneFolder(join(folder, 'own'));
});

describe("the loop on a folder of one's own", () => {
  it('checks, searches, decodes, trains, evaluates, predicts, informs', () => {
    const check = JSON.parse(espalier('data', 'check', 'own', '--json').out);
    expect([
      check.counts.train.listed,
      check.counts.val.listed,
      check.problems.filter((p: { severity: string }) => p.severity === 'error'),
    ]).toEqual([6, 2, []]);

    const dry = JSON.parse(espalier('search', 'data=own', 'name=s', ...TINY_SEARCH, '--dry-run', '--json').out);
    expect([dry.steps, dry.seconds > 0, dry.peakBytes > 1e6]).toEqual([2, true, true]);
    expect(existsSync(join(folder, 'runs'))).toBe(false);

    const searched = JSON.parse(espalier('search', 'data=own', 'name=s', ...TINY_SEARCH, '--json').out);
    const search = join(folder, 'runs', 'search', 's');
    expect(searched.genotype.path).toHaveLength(2);
    for (const file of [
      'config.yaml',
      'events.jsonl',
      'results.csv',
      'genotype.json',
      'genotype.svg',
      'architecture.json',
      'report.html',
      'checkpoints/last/state.json',
    ]) {
      expect(existsSync(join(search, file)), file).toBe(true);
    }
    // One step of the architecture decides nothing.
    expect([searched.undecided, searched.decided.operators < 0.05]).toEqual([true, true]);
    const log = readFileSync(join(search, 'events.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(log.at(-1)).toMatchObject({ type: 'end', status: 'undecided' });
    const again = log.find(({ type, message }) => type === 'warning' && /undecided/.test(message)).message;
    expect(again).toMatch(
      /to continue, run: espalier search data=own preset=demo name=s-longer .*architecture\.decay=0$/,
    );
    const decoded = JSON.parse(espalier('decode', 'params=runs/search/s', 'filters=2', '--json').out);
    expect([decoded.path, decoded.cell]).toEqual([searched.genotype.path, searched.genotype.cell]);

    const logits = { method: 'dints', edges: [[1, -1, 2, -3]], ops: [Array(4).fill([0, 1])] };
    writeFileSync(join(folder, 'logits.json'), JSON.stringify(logits));
    expect(JSON.parse(espalier('decode', 'params=logits.json', 'filters=8', '--json').out)).toMatchObject({
      method: 'dints',
      rank: 2,
      topology: [
        [
          { from: 0, to: 0, operator: 'conv3' },
          { from: 0, to: 1, operator: 'conv3' },
        ],
      ],
    });

    expect(espalier('train', 'arch=runs/search/s', 'data=own', ...TINY_TRAIN, '--dry-run').out).toMatch(
      /^dry run: \d+ weights; 6 steps of .*; nothing was written\n$/,
    );
    expect(existsSync(join(folder, 'runs', 'train'))).toBe(false);

    const trained = JSON.parse(
      espalier('train', 'arch=runs/search/s', 'data=own', 'name=t', ...TINY_TRAIN, '--json').out,
    );
    expect(trained.steps).toBe(6);
    const train = join(folder, 'runs', 'train', 't');
    for (const file of [
      'per_class.csv',
      'confusion_matrix.csv',
      'confusion_matrix.png',
      'report.html',
      'checkpoints/best/tensors.safetensors',
      'network.json',
    ]) {
      expect(existsSync(join(train, file)), file).toBe(true);
    }
    expect(readdirSync(join(train, 'samples'))).toHaveLength(2);

    const evaluated = JSON.parse(espalier('evaluate', 'run=runs/train/t', '--json').out);
    expect(evaluated.miou).toBeCloseTo(trained.miou, 6);
    expect(
      JSON.parse(
        espalier('evaluate', 'run=runs/train/t', 'tta.scales=[0.75, 1]', 'tta.mirror=[width]', 'window=32', '--json')
          .out,
      ).iou,
    ).toHaveLength(SCENE_CLASSES.length);

    const predicted = JSON.parse(espalier('predict', 'run=runs/train/t', 'own/images/val', '--json').out);
    expect(predicted.images).toHaveLength(2);
    const ids = decodePng(readFileSync(resolve(folder, predicted.images[0].ids)), 'ids');
    expect([ids.width, ids.height, ids.channels]).toEqual([64, 48, 1]);
    expect(Math.max(...ids.data)).toBeLessThan(SCENE_CLASSES.length);

    const info = JSON.parse(espalier('info', 'runs/train/t', 'size=[48, 64]', '--json').out);
    expect(info.parameters).toBe(trained.parameters);
  });

  it('resumes a search that was killed to the same architecture', async () => {
    const words = ['search', 'data=own', ...TINY_SEARCH, 'epochs=4'];
    espalier(...words, 'name=whole');
    const run = (name: string, file: string) => join(folder, 'runs', 'search', name, file);
    const child = spawn(process.execPath, [MAIN, ...words, 'name=killed'], { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (child.exitCode === null && !existsSync(run('killed', 'checkpoints/last/state.json'))) await setTimeout(5);
    child.kill('SIGKILL');
    await ended;
    expect(espalier('search', '--resume', 'name=killed').code).toBe(0);
    for (const file of ['architecture.json', 'results.csv', 'checkpoints/last/tensors.safetensors']) {
      expect(readFileSync(run('killed', file)).equals(readFileSync(run('whole', file))), file).toBe(true);
    }
  });
});

describe('mistakes get one line that says what to do, before anything is written', () => {
  it.each<[string[], number, RegExp]>([
    [['serach'], 2, /unknown command "serach"; did you mean "search"/],
    [['search', 'data=own', 'epoch=3'], 2, /unknown setting "epoch"; did you mean "epochs"/],
    [['search', 'data=nowhere'], 1, /nowhere: no such folder or file/],
    [['search', 'data=own', 'crop=20'], 2, /needs sides of the form 32m \+ 1, got 20; the next valid one is 33/],
    [['search', 'data=own', 'epochs=5', 'warmupEpochs=5'], 2, /the architecture would never be searched/],
    [
      ['search', 'data=own', 'batch=20', 'crop=33', 'epochs=3', 'warmupEpochs=1'],
      2,
      /batch=20 needs 40 training samples, .*; add \d+ to the training split, or lower batch to 3/,
    ],
    [['train', 'arch=auto-deeplab-x', 'data=own'], 1, /no architecture "auto-deeplab-x".*did you mean/],
    [['train', 'arch=own/data.yaml', 'data=own'], 1, /is no JSON/],
    [['evaluate', 'run=runs/train/none'], 1, /expected the folder of a run/],
    [['predict', 'run=runs/train/none'], 2, /nothing to predict/],
    [['decode', 'params=none.json'], 1, /none\.json: no such file/],
    [['info'], 2, /info: expected a name/],
  ])('%j', (words, code, message) => {
    const count = () =>
      existsSync(join(folder, 'runs')) ? readdirSync(join(folder, 'runs'), { recursive: true }).length : 0;
    const before = count();
    const result = espalier(...words);
    expect([result.code, result.error.trim().split('\n').length]).toEqual([code, 1]);
    expect(result.error).toMatch(message);
    expect(count()).toBe(before);
  });

  it('counts a published network of volumes at a size of volumes', () => {
    const info = JSON.parse(espalier('info', 'dints-cvpr2021', 'classes=3', '--json').out);
    expect([info.size, info.classes, info.parameters > 1e8]).toEqual([[96, 96, 96], 3, true]);
    expect(info.memory.trainingBytes).toBeGreaterThan(2 * info.memory.inferenceBytes);
    expect(espalier('info', 'dints-cvpr2021', 'size=[96, 96, 100]').error).toMatch(/valid ones are \[96, 96, 128\]/);
    const [flat, deep] = ['[64, 32]', '[32, 64, 32]'].map((size) =>
      JSON.parse(espalier('info', 'unet', `size=${size}`, 'filters=8', '--json').out),
    );
    expect(deep.size).toEqual([32, 64, 32]);
    expect(deep.parameters).toBeGreaterThan(2 * flat.parameters);
  });

  it('every command explains itself', () => {
    const { out } = espalier('--help');
    const names = [...out.matchAll(/^ {2}(\w+) {2}/gm)].map(([, name]) => name);
    expect(names).toEqual(
      expect.arrayContaining(['demo', 'search', 'train', 'evaluate', 'predict', 'info', 'data', 'decode']),
    );
    for (const name of names) expect(espalier(name, '--help').out).toContain(`espalier ${name}`);
  });
});
