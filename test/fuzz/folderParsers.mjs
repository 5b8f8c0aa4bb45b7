/**
 * @file Parsers that read a folder: lists of data sets, files of runs, the dashboard. Rows as in `parsers.mjs`; `file` is where an input is put, and `parse`
 * reads from there.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readDicomSeries } from '../../dist/data/dicom/series.js';
import { readHeldOut } from '../../dist/data/heldOut/validation.js';
import { encodePng } from '../../dist/data/images/png.js';
import { ade20k } from '../../dist/data/layouts/ade20k.js';
import { camvid } from '../../dist/data/layouts/camvid.js';
import { decathlon } from '../../dist/data/layouts/decathlon.js';
import { folder as plainFolder } from '../../dist/data/layouts/folder.js';
import { readGroups } from '../../dist/data/layouts/groups.js';
import { readNnunetSplit } from '../../dist/data/layouts/nnunetSplits.js';
import { voc } from '../../dist/data/layouts/voc.js';
import { loadTable, processorName, tablePath } from '../../dist/jobs/cost/latency/table.js';
import { openJournal } from '../../dist/jobs/ladder/journal.js';
import { readSetUp } from '../../dist/jobs/ladder/setUpFile.js';
import { loadDescription } from '../../dist/jobs/network.js';
import { foundNetwork } from '../../dist/jobs/prepare/found.js';
import { readSplit } from '../../dist/jobs/prepare/knownSplit.js';
import { readArchitecture } from '../../dist/jobs/readArchitecture.js';
import { loadCheckpoint, saveCheckpoint } from '../../dist/run/checkpoint.js';
import { openEventLog } from '../../dist/run/eventLog.js';
import { createRunFolder } from '../../dist/run/folder.js';
import { readMemory } from '../../dist/run/followers/mlflowClient.js';
import { lockRun } from '../../dist/run/lock.js';
import { loadConfigFile } from '../../dist/run/openRun.js';
import { loadScores } from '../../dist/run/report/data.js';
import { openResults, readResults } from '../../dist/run/results.js';
import { serveDashboard } from '../../dist/server/serve.js';
import { formatGenotype } from '../../dist/space/genotype.js';
import { publishedGenotype } from '../../dist/space/published.js';
import { slice } from '../helpers/dicom.mjs';

/** Folder of everything; goes with the process. */
export const disk = mkdtempSync(join(tmpdir(), 'espalier-fuzz-'));
process.on('exit', () => rmSync(disk, { recursive: true, force: true }));

const text = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}
const picture = encodePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(4) });

/** Data sets of two images a split, in the layouts that have a list. */
function dataSets() {
  for (const folder of ['train', 'trainannot', 'val', 'valannot'])
    for (const name of ['a', 'b']) write(join(disk, 'camvid', folder, `${name}.png`), picture);
  for (const folder of ['JPEGImages', 'SegmentationClass'])
    for (const name of ['a', 'b', 'c', 'd']) write(join(disk, 'voc', folder, `${name}.png`), picture);
  write(join(disk, 'voc', 'ImageSets', 'Segmentation', 'val.txt'), 'c\nd\n');
  write(join(disk, 'voc', 'ImageSets', 'Segmentation', 'train.txt'), 'a\nb\n');
  for (const kind of ['images', 'annotations'])
    for (const split of ['training', 'validation']) write(join(disk, 'ade', kind, split, `${split}.png`), picture);
  for (const kind of ['images', 'masks'])
    for (const name of 'abcdefghij') write(join(disk, 'plain', kind, `${name}_1.png`), picture);
  for (const kind of ['imagesTr', 'labelsTr'])
    for (const name of 'abcdef') write(join(disk, 'decathlon', kind, `${name}.nii.gz`), 'x');
}
dataSets();

const run = createRunFolder(join(disk, 'runs'), 'train', 'run');
writeFileSync(run.config, 'data: scenes\n');
writeFileSync(run.events, '');
const inRun = (name) => join(run.path, name);
const samples = ['a', 'b'].map((id) => ({ id, source: { kind: 'files', image: id, label: id } }));

const network = {
  architecture: JSON.parse(formatGenotype(publishedGenotype(20))),
  options: { rank: 2, inputs: 3, classes: 2, filters: 8 },
  classes: [
    { name: 'a', colour: [1, 2, 3] },
    { name: 'b', colour: [4, 5, 6] },
  ],
  reduction: 1,
};
const candidate = {
  id: 'c1',
  name: 'unet',
  origin: 'hand-made',
  architecture: { network: 'unet', options: {} },
  cost: { multiplyAdds: 1, parameters: 1, trainingMemory: 1 },
  macro: { finestStride: 1, meanLevel: 1, depth: 3 },
  auxiliary: false,
};
const race = {
  plan: { rungs: [{ steps: 4, candidates: 2, children: 0 }], finalists: 1, seeds: 1, steps: 6 },
  candidates: [candidate, { ...candidate, id: 'c2' }],
  heldOut: { validation: { a: 'a' }, leftOut: ['b'], how: 'so' },
  processes: 1,
  weights: null,
};
const checkpoint = join(disk, 'checkpoint');
saveCheckpoint(checkpoint, {
  tensors: { w: { dtype: 'float32', shape: [2], data: new Uint8Array(8) } },
  state: { progress: { epoch: 1 } },
});
process.env.XDG_CACHE_HOME = join(disk, 'cache');
const latencyFile = write(tablePath('cpu', 1), '');

/** A dashboard that is asked for these addresses. */
async function askFor(paths) {
  const web = join(disk, 'web');
  write(join(web, 'index.html'), '<!doctype html>');
  const options = { root: join(disk, 'runs'), web, host: '127.0.0.1', port: 0, searchPort: false };
  const dashboard = await serveDashboard(options);
  try {
    for (const path of paths) await (await fetch(`http://127.0.0.1:${dashboard.port}/api/${path}`)).arrayBuffer();
  } finally {
    await dashboard.close();
  }
}

/** The dashboard of the run, asked for everything that the page of a run asks for. */
const askDashboard = () =>
  askFor(['runs', ...['', '/history', '/events', '/scores'].map((path) => `runs/train/run${path}`)]);
/** The same of a comparison and of trials. */
const askCollections = () => askFor(['collections', 'collections/compare/c', 'collections/trials/t']);

/** A file of a comparison or of trials beside the runs. */
const inCollection = (path) => join(disk, 'runs', path);
write(inCollection('compare/c/compare.yaml'), 'data: scenes\narchs:\n  - unet\nseeds: 1\nbudget: 10steps\nname: c\n');
write(inCollection('compare/c/comparison.csv'), '');
write(inCollection('trials/t/trials.yaml'), '');

/** What a folder holds beside the file is found by its name: an error names the folder at least. */
const names = /espalier-fuzz-|stranger/;
const row = (seeds, file, parse, more = {}) => ({ seeds: seeds.map(text), file, parse, names, ...more });
const json = (seeds, file, parse, more = {}) => row(seeds, file, parse, { kind: 'json', ...more });

const events = [
  { seq: 0, time: '2025-01-02T03:04:05.000Z', type: 'start', command: 'train', config: {}, versions: {} },
  {
    seq: 1,
    time: '2025-01-02T03:04:06.000Z',
    type: 'step',
    phase: 'train',
    epoch: 0,
    step: 1,
    loss: 1,
    learningRate: 1,
  },
];
const log = events.map((event) => `${JSON.stringify(event)}\n`).join('');

export const FOLDER_PARSERS = {
  'network.json': json([network], inRun('network.json'), () => loadDescription(run), { covers: ['jobs/network.ts'] }),
  'architecture file': json(
    [network.architecture, { network: 'unet', options: {} }],
    join(disk, 'genotype.json'),
    () => {
      readArchitecture(join(disk, 'genotype.json'));
    },
    { covers: ['jobs/readArchitecture.ts', 'models/architecture.ts'] },
  ),
  'race.json': json([race], inRun('race.json'), () => readSetUp(inRun('race.json')), {
    covers: ['jobs/ladder/setUpFile.ts'],
  }),
  'answers.json': json(
    [{ 'c1 at 4 steps': { score: 0.5, loss: null, curve: [1, null] } }],
    inRun('answers.json'),
    () => openJournal(inRun('answers.json')).remember('c1 at 4 steps', () => ({})),
    { covers: ['jobs/ladder/journal.ts'] },
  ),
  'split.json': json(
    [
      { version: 1, classes: ['a'], splits: { train: [['a', 1]], val: [['b', 2]] } },
      { version: 1, classes: ['a'], regions: [{ name: 'r', classes: ['a'], written: 'a' }], splits: {} },
    ],
    run.split,
    () => readSplit(run.path, true),
    { covers: ['data/splitRecord.ts', 'jobs/prepare/knownSplit.ts'] },
  ),
  'data.json': json(
    [{ rank: 2, classes: [{ name: 'a' }, { name: 'b' }], channels: 3 }],
    inRun('data.json'),
    () => foundNetwork(run.path),
    { covers: ['jobs/prepare/found.ts'] },
  ),
  'held-out samples': json(
    [{ validation: { a: 'g', b: 'g' }, leftOut: ['c'] }],
    join(disk, 'held.json'),
    () => readHeldOut(join(disk, 'held.json')),
    { covers: ['data/heldOut/validation.ts'] },
  ),
  'splits_final.json': json(
    [[{ train: ['a'], val: ['b'] }]],
    join(disk, 'splits_final.json'),
    () => readNnunetSplit(disk, samples, 0),
    { covers: ['data/layouts/nnunetSplits.ts'] },
  ),
  'listed volumes': json(
    [
      {
        modality: { 0: 'MRI' },
        labels: { 0: 'background', 1: 'a' },
        training: [...'abcdef'].map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
      },
    ],
    join(disk, 'decathlon', 'dataset.json'),
    () => decathlon.open(join(disk, 'decathlon'), {}),
    { covers: ['data/layouts/datasetJson.ts'] },
  ),
  'lock of a run': json(
    [{ pid: 999_999_999, host: 'elsewhere', time: '2025-01-02T03:04:05.000Z' }],
    inRun('run.lock'),
    () => lockRun(run.path).release(),
    { covers: ['run/lock.ts'], mayRefuse: true },
  ),
  'mlflow.json': json(
    [{ server: 'http://here', experiment: 'e', runId: 'r', offset: 0, steps: 0, ended: false }],
    inRun('mlflow.json'),
    () => readMemory(inRun('mlflow.json'), { server: 'http://here', experiment: 'e' }),
    { covers: ['run/followers/mlflowClient.ts'] },
  ),
  'latency table': json(
    [{ format: 'espalier-latency', version: 1, target: 'cpu', threads: 1, processor: processorName(), versions: {} }],
    latencyFile,
    () => loadTable('cpu', 1),
    { covers: ['jobs/cost/latency/table.ts'], mayRefuse: true },
  ),
  'state.json': json(
    [JSON.parse(readFileSync(join(checkpoint, 'state.json'), 'utf8'))],
    join(checkpoint, 'state.json'),
    () => loadCheckpoint(checkpoint),
    { covers: ['run/checkpoint.ts'] },
  ),
  'tensors of a checkpoint': row([], join(checkpoint, 'tensors.safetensors'), () => loadCheckpoint(checkpoint), {
    seeds: [readFileSync(join(checkpoint, 'tensors.safetensors'))],
    kind: 'safetensors',
  }),
  'config.yaml of a run': row(['data: scenes\nseed: 1\n'], run.config, () => loadConfigFile(run.config), {
    kind: 'yaml',
    covers: ['run/openRun.ts', 'run/config/config.ts', 'base/yaml.ts'],
  }),
  'results.csv': row(
    ['epoch,loss\n0,1\n1,0.5\n'],
    run.results,
    () => {
      readResults(run.results);
      openResults(run.results, 1);
    },
    { kind: 'lines', covers: ['run/results.ts', 'base/csv.ts'] },
  ),
  'scores of a run': row(
    ['class,iou\na,1\n'],
    run.perClassCsv,
    () => {
      writeFileSync(run.confusionCsv, readFileSync(run.perClassCsv));
      loadScores(run);
    },
    { kind: 'lines', covers: ['run/report/data.ts'] },
  ),
  'event log to append to': row([log], run.events, () => openEventLog(run.events).close(), {
    kind: 'log',
    covers: ['run/eventLog.ts'],
  }),
  'dashboard, log': row([log], run.events, askDashboard, { kind: 'log', covers: ['server/logReader.ts'] }),
  'dashboard, curves': row([log], run.events, () => askFor(['runs/train/run/curves']), { kind: 'log' }),
  'dashboard, settings': row(['data: scenes\n'], run.config, askDashboard, { kind: 'yaml' }),
  'dashboard, comparison': row(
    ['data: scenes\narchs:\n  - unet\n  - random:1\nseeds: 2\nbudget: 10steps\nname: c\n'],
    inCollection('compare/c/compare.yaml'),
    askCollections,
    { kind: 'yaml', covers: ['server/collections/collections.ts'] },
  ),
  'dashboard, trials': row(
    ['data: scenes\ntrials: 3\nseed: 0\nselection:\n  steps: 10\nname: t\n'],
    inCollection('trials/t/trials.yaml'),
    askCollections,
    { kind: 'yaml' },
  ),
  'dashboard, table of a comparison': row(
    ['architecture,seed,score,run,measuredBytes\nunet,0,0.5,"/a/train/c-unet-0",\n'],
    inCollection('compare/c/comparison.csv'),
    askCollections,
    { kind: 'lines', covers: ['server/collections/files.ts'] },
  ),
  'dashboard, graph': json([{ parameters: 1, multiplyAdds: 2 }], inRun('graph.json'), askDashboard, {
    covers: ['server/runIndex.ts', 'server/safeFiles.ts'],
  }),
  'dashboard, scores': row(['class,iou\na,1\n'], run.perClassCsv, askDashboard, {
    kind: 'lines',
    covers: ['server/app.ts'],
  }),
  'list of CamVid': row(
    ['train/a.png trainannot/a.png\ntrain/b.png trainannot/b.png\n'],
    join(disk, 'camvid', 'train.txt'),
    () => camvid.open(join(disk, 'camvid'), {}),
    { kind: 'lines', covers: ['data/layouts/camvid.ts'] },
  ),
  'list of VOC': row(
    ['a\nb\n'],
    join(disk, 'voc', 'ImageSets', 'Segmentation', 'train.txt'),
    () => voc.open(join(disk, 'voc'), {}),
    { kind: 'lines', covers: ['data/layouts/voc.ts'] },
  ),
  'names of ADE20K': row(
    ['Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.1\t2\t3\t1\twall, side\n'],
    join(disk, 'ade', 'objectInfo150.txt'),
    () => ade20k.open(join(disk, 'ade'), {}),
    { kind: 'lines', covers: ['data/layouts/ade20k.ts'] },
  ),
  'table of groups': row(
    ['file,group\na_1.png,x\nb_1.png,"y"\n'],
    join(disk, 'plain', 'groups.csv'),
    () => readGroups(join(disk, 'plain'), ['a_1', 'b_1'], { groupTable: { csv: 'groups.csv', column: 'group' } }),
    { kind: 'lines', covers: ['data/layouts/groups.ts'] },
  ),
  'data.yaml of a folder': row(
    ['classes: [a, b]\ngroups: "^(.+)_"\n'],
    join(disk, 'plain', 'data.yaml'),
    () => plainFolder.open(join(disk, 'plain'), {}),
    { kind: 'yaml', covers: ['data/layouts/description.ts', 'data/layouts/pattern.ts'] },
  ),
  'folder of DICOM slices': row([], join(disk, 'dicom', 'a.dcm'), () => readDicomSeries(join(disk, 'dicom')), {
    seeds: [slice(7, [0, 1, 2, -1, -2048, 2047], '1.2.840.10008.1.2.1')],
    kind: 'dicom',
    covers: ['data/dicom/series.ts', 'data/dicom/slice.ts', 'data/dicom/elements.ts'],
  }),
};
mkdirSync(join(disk, 'dicom'), { recursive: true });
mkdirSync(dirname(latencyFile), { recursive: true });
