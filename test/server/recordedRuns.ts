/**
 * @file Small run folders as searches and trainings leave them, written in milliseconds and without libtorch: what the tests of the dashboard
 * and its pictures look at. The same seed gives the same files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { createSceneSet } from '../../src/data/scenes/sceneSet.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { recordOf } from '../../src/data/splitRecord.ts';
import type { DataSet } from '../../src/data/types.ts';
import { createPhantomSet } from '../../src/data/volumes/phantomSet.ts';
import { PHANTOM_CLASSES, paintPhantom } from '../../src/data/volumes/phantoms.ts';
import { decodeAutoDeepLab } from '../../src/decode/autoDeepLab.ts';
import { moveEntropy, operatorEntropy, skipShare } from '../../src/decode/entropy.ts';
import {
  writeGenotype,
  writeGraph,
  writeSample,
  writeScores,
  writeVolumeSample,
} from '../../src/jobs/records/artifacts.ts';
import { glanceAt, writeDataFiles } from '../../src/jobs/records/dataSummary.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../src/metrics/confusion.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { formatConfig } from '../../src/run/config/config.ts';
import { openEventLog } from '../../src/run/eventLog.ts';
import type { RunEventBody } from '../../src/run/events.ts';
import { createRunFolder, type RunFolder } from '../../src/run/folder.ts';
import { edgeCount } from '../../src/space/cell.ts';
import { DINTS_OPERATOR_NAMES } from '../../src/space/dints/operators.ts';
import { randomTopology } from '../../src/space/dints/topologies.ts';
import { type DintsEdge, layerEdges, membersOf } from '../../src/space/dints/trellis.ts';
import { type AutoDeepLabGenotype, createDintsGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { LEVELS, trellisEdges } from '../../src/space/trellis.ts';

const writeData = async (folder: RunFolder, dataset: DataSet): Promise<void> =>
  writeDataFiles(folder, { dataset, record: recordOf(dataset), glance: await glanceAt(dataset) });

/** How a recorded run looks. */
export interface Recording {
  readonly name: string;
  readonly epochs?: number;
  readonly steps?: number;
  readonly layers?: number;
  readonly seed?: number;
  readonly learningRate?: number;
  /** Leaves the log without an end, as a run that is going or was killed does. */
  readonly unfinished?: boolean;
}

/** A run whose log may go on. */
export interface RecordedRun {
  readonly folder: RunFolder;
  /** Adds one more epoch. */
  addEpoch(): void;
  append(event: RunEventBody): void;
}

const VERSIONS = { espalier: '0.1.0', libtorch: '2.6.0', node: '20.19.0' };
const STEP_MILLISECONDS = 640;

/** The log of a folder with a clock that goes on by one step an event. */
function appender({ events }: RunFolder): (event: RunEventBody) => void {
  let time = Date.UTC(2026, 5, 30, 9, 0);
  return (event) => {
    time += STEP_MILLISECONDS;
    const log = openEventLog(events, () => new Date(time));
    log.append(event);
    log.close();
  };
}

/** A search: losses that fall, an architecture that makes up its mind. */
export async function recordSearch(root: string, recording: Recording): Promise<RecordedRun> {
  const { name, epochs = 12, steps = 8, layers = 8, seed = 0, learningRate = 0.02, unfinished = false } = recording;
  const folder = createRunFolder(root, 'search', name);
  const config = {
    data: 'scenes',
    method: 'auto-deeplab',
    layers,
    filters: 8,
    blocks: 3,
    epochs,
    seed,
    architecture: { learningRate },
  };
  writeFileSync(folder.config, formatConfig(config));
  const append = appender(folder);
  append({
    type: 'start',
    command: `espalier search data=scenes layers=${layers} seed=${seed}`,
    config,
    versions: VERSIONS,
  });
  const random = createRandom(seed, 7);
  const wanted = randomGenotype({ layers, blocks: 3, filters: 8 }, random);
  const favourites = Array.from({ length: edgeCount(3) }, () => random.integer(OPERATOR_NAMES.length - 1));
  let epoch = 0;
  const addEpoch = () => {
    const certainty = 3.2 * (epoch / epochs) ** 1.4;
    for (let step = 1; step <= steps; step++) {
      const loss = 1.9 * Math.exp(-(epoch + step / steps) / (0.4 * epochs)) + 0.35 + 0.12 * random.uniform();
      const share = Math.min(1, (epoch + step / steps) / epochs);
      append({ type: 'step', phase: 'search', epoch, step, loss, learningRate: 0.05 * (1 - share) + 0.001, share });
    }
    const alpha = favourites.map((favourite) =>
      OPERATOR_NAMES.map((_, k) => 0.15 * random.normal() + (k === favourite ? certainty : 0)),
    );
    const beta = betaOf(wanted, certainty, random.normal);
    const genotype = decodeAutoDeepLab({ alpha, beta }, { filters: 8, atrous: 'dense', rank: 2 });
    const entropies = { operators: operatorEntropy(alpha), moves: moveEntropy({ beta }) };
    const miou = 0.62 * (1 - Math.exp(-(epoch + 1) / (0.35 * epochs))) + 0.02 * random.uniform();
    const metrics = {
      weightLoss: 1.9 * Math.exp(-(epoch + 0.5) / (0.4 * epochs)) + 0.41,
      architectureLoss: epoch < epochs / 4 ? null : 2 * Math.exp(-epoch / (0.4 * epochs)) + 0.5,
      learningRate: 0.05 * (1 - epoch / epochs) + 0.001,
      operatorEntropy: entropies.operators,
      moveEntropy: entropies.moves,
      skipShare: skipShare(genotype),
      miou,
    };
    append({ type: 'epoch', phase: 'search', epoch, metrics });
    append({ type: 'memory', epoch, residentBytes: 9e8 + 2e6 * epoch, peakBytes: 1.1e9 });
    append({ type: 'architecture', epoch, alpha, beta, entropies, path: genotype.path, genotype });
    writeGenotype(folder, genotype);
    epoch++;
  };
  const start = unfinished ? Math.ceil(epochs / 2) : epochs;
  while (epoch < start) addEpoch();
  await writeData(folder, createSceneSet({ train: 40, val: 10 }));
  if (!unfinished)
    append({ type: 'end', status: 'done', message: `found path ${wanted.path.join(' ')} in 1 min 04 s` });
  return { folder, addEpoch, append };
}

/** A training with everything that it leaves for people. */
export async function recordTraining(root: string, recording: Recording): Promise<RecordedRun> {
  const { name, epochs = 10, steps = 12, layers = 5, seed = 0, learningRate = 0.05, unfinished = false } = recording;
  const folder = createRunFolder(root, 'train', name);
  const config = { data: 'scenes', arch: 'search/garden', epochs, seed, batch: 4, learningRate, crop: [97, 129] };
  writeFileSync(folder.config, formatConfig(config));
  const append = appender(folder);
  append({ type: 'start', command: `espalier train arch=search/garden seed=${seed}`, config, versions: VERSIONS });
  const random = createRandom(seed, 11);
  const genotype = randomGenotype({ layers, blocks: 3, filters: 8 + 4 * seed }, random);
  writeGenotype(folder, genotype);
  const head = { aspp: 32, decoder: 32, lowLevel: 16 };
  const graph = buildAutoDeepLab(genotype, { inputs: 3, classes: SCENE_CLASSES.length, stem: [16, 16, 32], head });
  writeGraph(folder, graph, [97, 129]);
  const names = SCENE_CLASSES.map((entry) => entry.name);
  let epoch = 0;
  const addEpoch = () => {
    for (let step = 1; step <= steps; step++) {
      const loss = 1.6 * Math.exp(-(epoch + step / steps) / (0.3 * epochs)) + 0.18 + 0.1 * random.uniform();
      const share = Math.min(1, (epoch + step / steps) / epochs);
      append({ type: 'step', phase: 'train', epoch, step, loss, learningRate: learningRate * (1 - share), share });
    }
    const loss = 1.6 * Math.exp(-(epoch + 0.5) / (0.3 * epochs)) + 0.23;
    const miou = (0.74 - 0.05 * seed) * (1 - Math.exp(-(epoch + 1) / (0.3 * epochs)));
    append({
      type: 'epoch',
      phase: 'train',
      epoch,
      metrics: { loss, learningRate: learningRate * (1 - epoch / epochs), miou },
    });
    append({ type: 'memory', epoch, residentBytes: 7e8, peakBytes: 8e8 + 1e7 * epoch });
    // Four ranks, the third of which is slow.
    append({
      type: 'ranks',
      epoch,
      computedSeconds: [5.2, 5.1, 7.4, 5],
      exchangedSeconds: [2.6, 2.7, 0.4, 2.8],
      hiddenSeconds: [0.6, 0.6, 0.5, 0.6],
    });
    const iou = names.map((_, c) => miou * (1 - 0.06 * c));
    append({
      type: 'evaluation',
      epoch,
      split: 'val',
      miou,
      pixelAccuracy: 0.9 * miou + 0.1,
      meanAccuracy: miou + 0.05,
      iou,
      classNames: names,
    });
    epoch++;
  };
  const start = unfinished ? Math.ceil(epochs / 2) : epochs;
  while (epoch < start) addEpoch();
  const confusion = createConfusion(names.length);
  for (let i = 0; i < 3; i++) {
    const { image, label } = paintScene(100 + i, 160, 120);
    const prediction = label.map((value, k) =>
      random.uniform() < 0.04 ? random.integer(names.length) : (label[k - 2] ?? value),
    );
    addToConfusion(confusion, label, prediction);
    const pixels = Float32Array.from(image, (value) => value / 127.5 - 1);
    writeSample(folder, `scene-${100 + i}`, SCENE_CLASSES, {
      id: `scene-${100 + i}`,
      width: 160,
      height: 120,
      image: pixels,
      label,
      prediction,
    });
  }
  await writeScores(folder, { classes: [...SCENE_CLASSES] }, { ...segmentationScores(confusion), confusion });
  await writeData(folder, createSceneSet({ train: 40, val: 10 }));
  if (!unfinished) append({ type: 'end', status: 'done', message: 'best mIoU 0.7120 after 2 min 10 s' });
  return { folder, addEpoch, append };
}

/** A training on phantoms: what was found lies a voxel aside, and some of it is missing. Scored every third epoch. */
export async function recordVolumes(root: string, name: string): Promise<RunFolder> {
  const folder = createRunFolder(root, 'train', name);
  const config = { data: 'phantoms', arch: 'unet', epochs: 9, crop: [32, 32, 32] };
  writeFileSync(folder.config, formatConfig(config));
  const append = appender(folder);
  append({ type: 'start', command: 'espalier train data=phantoms arch=unet', config, versions: VERSIONS });
  for (let epoch = 0; epoch < 9; epoch++) {
    const dice = epoch % 3 === 2 ? 0.7 - 0.5 / (epoch + 1) : null;
    append({ type: 'epoch', phase: 'train', epoch, metrics: { loss: 1 / (epoch + 1), dice } });
  }
  for (const seed of [3, 4]) {
    const { image, label } = paintPhantom(seed, [56, 72, 64]);
    const [depth, height, width] = image.shape;
    const bite = 0.6 * height;
    const prediction = label.data.map((_, at) => {
      const y = Math.floor(at / width) % height;
      return y > bite && Math.floor(at / (width * height)) > depth / 2 ? 0 : (label.data[at - 2 - width] ?? 0);
    });
    writeVolumeSample(folder, `phantom-${seed}`, PHANTOM_CLASSES, {
      id: `phantom-${seed}`,
      shape: image.shape,
      spacingMm: [1, 1, 1],
      channels: 1,
      image: image.data,
      label: label.data,
      prediction,
    });
  }
  await writeData(folder, createPhantomSet());
  append({ type: 'end', status: 'done', message: 'best mean Dice 0.6444 after 1 min 12 s' });
  return folder;
}

/** A search of DiNTS: three layers whose edges make up their minds over four epochs. */
export function recordDints(root: string, name: string): RunFolder {
  const folder = createRunFolder(root, 'search', name);
  const config = { data: 'volumes', method: 'dints', epochs: 4 };
  writeFileSync(folder.config, formatConfig(config));
  const append = appender(folder);
  append({ type: 'start', command: 'espalier search data=volumes method=dints', config, versions: VERSIONS });
  const [levels, layers] = [4, 3];
  const random = createRandom(0, 13);
  const all = layerEdges(levels);
  const operators = DINTS_OPERATOR_NAMES[3];
  const patterns = randomTopology(levels, layers, random);
  const topology = patterns.map((pattern) =>
    membersOf(pattern).map((e): DintsEdge => ({ ...all[e], operator: operators[random.integer(operators.length)] })),
  );
  for (let epoch = 0; epoch < 4; epoch++) {
    const edges = patterns.map((pattern) => all.map((_, e) => epoch * (membersOf(pattern).includes(e) ? 1 : -1)));
    const ops = edges.map((layer) => layer.map(() => Array.from({ length: 5 }, () => random.normal())));
    const genotype = createDintsGenotype({ rank: 3, levels, filters: 16, topology });
    const event = {
      type: 'architecture',
      epoch,
      entropies: { operators: 1.4, patterns: 5 - epoch },
      genotype,
      edges,
      ops,
    };
    append(event as unknown as RunEventBody);
  }
  append({ type: 'end', status: 'done', message: 'found' });
  return folder;
}

/** A run of nothing but steps, for speed: `count` events. */
export function recordManySteps(root: string, name: string, count: number): RunFolder {
  const folder = createRunFolder(root, 'train', name);
  writeFileSync(folder.config, 'epochs: 100\n');
  const lines = [eventLine(0, { type: 'start', command: 'espalier train', config: { epochs: 100 }, versions: {} })];
  const perEpoch = Math.ceil(count / 100);
  for (let seq = 1; seq < count; seq++) {
    const epoch = Math.floor(seq / perEpoch);
    const loss = 2 * Math.exp(-seq / (0.3 * count)) + 0.1 * Math.abs(Math.sin(seq));
    const step = seq % perEpoch;
    const body: RunEventBody =
      step === 0
        ? { type: 'epoch', phase: 'train', epoch: epoch - 1, metrics: { loss, miou: epoch / 130 } }
        : { type: 'step', phase: 'train', epoch, step, loss, learningRate: 0.05, share: seq / count };
    lines.push(eventLine(seq, body));
  }
  mkdirSync(folder.path, { recursive: true });
  writeFileSync(join(folder.path, 'events.jsonl'), lines.join(''));
  return folder;
}

const eventLine = (seq: number, body: RunEventBody): string =>
  `${JSON.stringify({ seq, time: new Date(Date.UTC(2026, 5, 1) + 300 * seq).toISOString(), ...body })}\n`;

/** Logits of the moves that lean to a path. */
function betaOf({ path }: AutoDeepLabGenotype, certainty: number, normal: () => number): (number | null)[][][] {
  const beta = path.map(() => Array.from({ length: LEVELS }, (): (number | null)[] => [null, null, null]));
  for (const { layer, from, to, move } of trellisEdges(path.length)) {
    const isOnPath = path[layer] === to && (layer === 0 ? 0 : path[layer - 1]) === from;
    beta[layer][from][move] = 0.2 * normal() + (isOnPath ? certainty : 0);
  }
  return beta;
}

/** An evaluation of a run on other data; `changes` to its record may be nonsense. */
export function recordEvaluation({ evaluations }: RunFolder, name: string, changes: object = {}): void {
  const record = {
    ...{ time: '2026-01-02T03:04:05.000Z', data: '/data/other', dataset: 'other', split: 'val', samples: 3 },
    ...{ trainedOn: false, checkpoint: 'best', scales: [0.75, 1], mirror: ['width'], window: null, overlap: null },
    ...{ toleranceMm: null, version: '1.0.0', scores: { miou: 0.5, pixelAccuracy: 0.75, meanAccuracy: null } },
    ...changes,
  };
  mkdirSync(join(evaluations, name), { recursive: true });
  writeFileSync(join(evaluations, name, 'evaluation.json'), JSON.stringify(record));
  writeFileSync(join(evaluations, name, 'per_class.csv'), 'class,iou\nmean,0\n');
}
