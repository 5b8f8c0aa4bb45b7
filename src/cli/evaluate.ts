/**
 * @file `espalier evaluate`: scores the network of a run, class by class.
 */
import { samplesOf } from '../data/splits.ts';
import { Generator } from '../engine/device.ts';
import { prepareMachine } from '../jobs/lifecycle.ts';
import { loadNetwork } from '../jobs/network.ts';
import { openRunData } from '../jobs/openData.ts';
import { scoreRun } from '../jobs/scoreJob.ts';
import { inferenceOptions } from '../jobs/settings.ts';
import { settings } from '../run/config/presets.ts';
import { openRunFolder } from '../run/folder.ts';
import { writeReport } from '../run/report/report.ts';
import { type Command, plainScores, printJson, readSettings, scoresTable } from './command.ts';
import { createProgress } from './progress.ts';

export const evaluateCommand: Command = {
  name: 'evaluate',
  summary: 'score the network of a run, class by class',
  usage: 'evaluate run=<run> [data=<folder|yaml>] [split=val] [tta.scales=[0.75,1,1.25]] [tta.flip=true] [--json]',
  settings: settings.evaluate,
  async run(words) {
    const { config, flags } = readSettings(settings.evaluate, words, ['json']);
    const folder = openRunFolder(config.run);
    const device = prepareMachine(config);
    const { network, description } = loadNetwork(folder, config.checkpoint, new Generator(0), device);
    const { dataset, warnings } = await openRunData(folder, description, config.data);
    for (const message of warnings) process.stderr.write(`warning: ${message}\n`);
    const { split } = config;
    const bar = createProgress({ label: 'evaluate', total: samplesOf(dataset, split).length });
    const scores = await scoreRun({
      folder,
      dataset,
      network,
      reduction: description.reduction,
      longSide: description.longSide,
      device,
      split,
      options: {
        largestComponents: description.volumes?.largestComponents ?? [],
        inference: inferenceOptions(config, description),
        toleranceMm: config.toleranceMm,
      },
      onProgress: (done) => bar.update(done),
    });
    bar.finish();
    const report = writeReport(folder);
    const names = dataset.classes.map(({ name }) => name);
    if (flags.json) printJson({ run: folder.path, split, classes: names, ...plainScores(scores) });
    else process.stdout.write(`${scoresTable(names, scores)}\nreport: ${report}\n`);
  },
};
