/**
 * @file `espalier evaluate`: scores the network of a run, class by class, in a folder of its own: the scores of the run stay those of its training.
 */
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { samplesOf } from '../data/splits.ts';
import { Generator } from '../engine/device.ts';
import type { Scores } from '../infer/evaluate.ts';
import { prepareMachine, versions } from '../jobs/lifecycle.ts';
import { loadNetwork } from '../jobs/network.ts';
import { openRunData } from '../jobs/openData.ts';
import { scoreRun } from '../jobs/scoreJob.ts';
import { inferenceOptions } from '../jobs/settings.ts';
import { settings } from '../run/config/presets.ts';
import { createEvaluationFolder, type EvaluationRecord, writeEvaluation } from '../run/evaluations.ts';
import { openRunFolder } from '../run/folder.ts';
import { loadConfigFile } from '../run/openRun.ts';
import { writeEvaluationReport } from '../run/report/evaluation.ts';
import { writeReport } from '../run/report/report.ts';
import { type Command, plainScores, printJson, readSettings, scoresTable } from './command.ts';
import { createProgress } from './progress.ts';

export const evaluateCommand: Command = {
  name: 'evaluate',
  summary: 'score the network of a run, class by class',
  usage:
    'evaluate run=<run> [data=<folder|yaml>] [split=val] [name=<evaluation>] [tta.scales=[0.75,1,1.25]] [tta.flip=true] [--json]',
  settings: settings.evaluate,
  async run(words) {
    const { config, flags } = readSettings(settings.evaluate, words, ['json']);
    const folder = openRunFolder(config.run);
    const device = prepareMachine(config);
    const { network, description } = loadNetwork(folder, config.checkpoint, new Generator(0), device);
    const dataset = await openRunData(folder, description, config.data);
    const trained = existsSync(folder.config) ? loadConfigFile(folder.config).data : undefined;
    const source = config.data ?? String(trained);
    const { split } = config;
    const inference = inferenceOptions(config, description);
    const samples = samplesOf(dataset, split);
    const target = createEvaluationFolder(folder, { wanted: config.name, proposed: `${dataset.name}-${split}` });
    const bar = createProgress({ label: 'evaluate', total: samples.length });
    const scores = await scoreRun({
      folder: target,
      dataset,
      network,
      reduction: description.reduction,
      longSide: description.longSide,
      device,
      split,
      options: {
        largestComponents: description.volumes?.largestComponents ?? [],
        inference,
        toleranceMm: config.toleranceMm,
      },
      onProgress: (done) => bar.update(done),
    }).catch((error: unknown) => {
      // Nothing half done stays: the name is free again.
      rmSync(target.path, { recursive: true, force: true });
      throw error;
    });
    bar.finish();
    const { window } = inference;
    const evaluation: EvaluationRecord = {
      time: new Date().toISOString(),
      ...{
        data: source,
        dataset: dataset.name,
        split,
        samples: samples.length,
        trainedOn: resolve(source) === resolve(String(trained)),
      },
      ...{ checkpoint: config.checkpoint, scales: [...inference.scales], mirror: [...inference.mirror] },
      ...{ window: window ? [...window.window] : null, overlap: window ? config.overlap : null },
      toleranceMm: dataset.rank === 3 ? config.toleranceMm : null,
      version: versions().espalier,
      scores: summaryOf(scores),
    };
    writeEvaluation(target, evaluation);
    const report = writeEvaluationReport(target, { name: target.name, ...evaluation }, folder.name);
    // The report of the run lists its evaluations; its own scores stay those of the training.
    writeReport(folder);
    const names = dataset.classes.map(({ name }) => name);
    if (flags.json) {
      const { path, name } = target;
      printJson({
        run: folder.path,
        evaluation: { path, name, ...evaluation },
        split,
        classes: names,
        ...plainScores(scores),
      });
    } else process.stdout.write(`${scoresTable(names, scores)}\nevaluation: ${target.path}\nreport: ${report}\n`);
  },
};

/** The scores that a record of an evaluation has; null where there is nothing to measure. */
function summaryOf({ miou, pixelAccuracy, meanAccuracy, volumes }: Scores): EvaluationRecord['scores'] {
  const known = (value: number) => (Number.isFinite(value) ? value : null);
  const mean = volumes?.summary.mean;
  return {
    ...{ miou: known(miou), pixelAccuracy: known(pixelAccuracy), meanAccuracy: known(meanAccuracy) },
    ...(mean
      ? {
          dice: known(mean.dice),
          surfaceDice: known(mean.surfaceDice),
          hausdorff95Mm: known(mean.hausdorff95Mm),
        }
      : {}),
  };
}
