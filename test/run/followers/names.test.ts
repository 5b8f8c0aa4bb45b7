/** @file One name for one thing: what the log, results.csv, TensorBoard and MLflow call the numbers of a search and a training. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { search, train } from '../../../src/jobs/library.ts';
import { readEvents } from '../../../src/run/eventLog.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { mlflowBatches, mlflowKey } from '../../../src/run/followers/mlflow.ts';
import { readResults } from '../../../src/run/results.ts';
import { writeSceneFolder } from '../../helpers/scenes.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';
import { readTensorBoard, tensorBoardFiles } from '../../helpers/tensorBoard.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

const runs = sharedFolder();
const data = join(runs, 'own');
writeSceneFolder(data);
const common = { data, runs, batch: 2, crop: 33, workers: 0, threads: 1, name: 'a' } as const;

/** The finite numbers of a run by their names, from each place that has them. */
function namesOf(path: string) {
  const folder = openRunFolder(path);
  const events = readEvents(folder.events);
  const fields = events.flatMap((event) => {
    if (event.type === 'epoch') return Object.keys(event.metrics);
    if (event.type === 'evaluation') return Object.keys({ ...event, ...event.volumes });
    return Object.keys(event);
  });
  const rows = readResults(folder.results);
  const columns = Object.keys(rows[0]).filter((column) =>
    rows.some((row) => row[column] !== '' && Number.isFinite(Number(row[column]))),
  );
  const values = tensorBoardFiles(folder).flatMap((file) =>
    readTensorBoard(file).flatMap(({ step, summary }) =>
      (summary?.value ?? []).map((value) => ({ step: step ?? 0, ...value })),
    ),
  );
  const classes = events.flatMap((event) => (event.type === 'evaluation' ? (event.classNames ?? []) : []));
  const metrics = mlflowBatches(events).flatMap((batch) => batch.metrics.map(({ key }) => key));
  return { fields: new Set(fields), columns, values, classes, metrics: new Set(metrics) };
}

/** Tags of scalars that are no image, without repeats. */
const scalarTags = (values: ReturnType<typeof namesOf>['values']) => [
  ...new Set(values.flatMap(({ tag, simpleValue }) => (simpleValue === undefined ? [] : [tag]))),
];

describe.each(['search', 'train'] as const)('the numbers of a %s', (command) => {
  it('have one name', { timeout: 60_000 }, async () => {
    if (command === 'search')
      await search({ ...common, epochs: 2, warmup: 0.5, layers: 2, filters: 2, blocks: 1, evaluateSamples: 2 });
    else await train({ ...common, ...TINY_NETWORK, arch: 'random:1:2x1', epochs: 2, evaluateEvery: 1 });
    const { fields, columns, values, classes, metrics } = namesOf(`${runs}/${command}/a`);
    const tags = scalarTags(values);
    for (const tag of tags) {
      const [group, name] = tag.split('/');
      if (group === 'iou') expect(classes).toContain(name);
      else if (group === 'step' && command === 'search' && name !== 'learningRate') expect(columns).toContain(name);
      else expect(fields, tag).toContain(name);
    }
    // Steps have a group of their own; whatever else there is has one place.
    const ofEpochs = tags.filter((tag) => !/^(step|iou)\//.test(tag)).map((tag) => tag.split('/')[1]);
    expect(new Set(ofEpochs).size).toBe(ofEpochs.length);
    for (const column of columns) if (column !== 'epoch') expect(ofEpochs, column).toContain(column);
    expect([...metrics].sort()).toEqual(tags.map(mlflowKey).sort());
    // Every step has its losses, at the number of steps that are done.
    const steps = values.filter(({ tag }) => tag === 'step/learningRate').map(({ step }) => step);
    expect(steps).toEqual(steps.map((_, i) => i + 1));
    const histograms = new Set(values.flatMap(({ tag, histo }) => (histo ? [tag] : [])));
    expect([...histograms]).toEqual(command === 'search' ? ['logits/alpha', 'logits/beta'] : []);
  });
});
