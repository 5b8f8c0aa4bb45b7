/**
 * @file `espalier evaluate`: scores the network of a run, class by class.
 */
import { ConfigError } from '../base/errors.ts';
import { openDataSet } from '../data/detect.ts';
import { samplesOf } from '../data/splits.ts';
import { Generator } from '../engine/device.ts';
import { perClassTable } from '../metrics/tables.ts';
import { openRunFolder } from '../run/folder.ts';
import { loadConfigFile } from '../run/openRun.ts';
import { settings } from '../run/presets.ts';
import { writeReport } from '../run/report.ts';
import { loadNetwork } from '../train/loadNetwork.ts';
import { prepareMachine } from '../train/runner.ts';
import { scoreRun } from '../train/scoreRun.ts';
import { inferenceOptions } from '../train/settings.ts';
import { type Command, printJson, readSettings } from './command.ts';
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
    const dataset = await openDataSet(config.data ?? String(loadConfigFile(folder.config).data), { seed: config.seed });
    if (dataset.classes.length !== description.classes.length) {
      throw new ConfigError(
        `${dataset.name} has ${dataset.classes.length} classes, the network tells ${description.classes.length} apart`,
        'give the data set it was trained on',
      );
    }
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
      inference: inferenceOptions(config, 2),
      onProgress: (done) => bar.update(done),
    });
    bar.finish();
    const report = writeReport(folder);
    const names = dataset.classes.map(({ name }) => name);
    const { confusion: _, ...plain } = scores;
    if (flags.json) printJson({ run: folder.path, split, classes: names, ...plain });
    else process.stdout.write(`${perClassTable(names, scores)}\nreport: ${report}\n`);
  },
};
