/**
 * @file `espalier evaluate`: scores the network of a run, class by class, in a folder of its own.
 */
import { type EvaluationOutcome, evaluateJob } from '../jobs/evaluateJob.ts';
import { loadDescription } from '../jobs/network.ts';
import { settings } from '../run/config/presets.ts';
import { refuseUnused, unusedInInference } from '../run/config/unused.ts';
import { openRunFolder } from '../run/folder.ts';
import { type Command, plainScores, printJson, readSettings, scoresTable, stoppable } from './command.ts';
import { createProgress } from './progress.ts';

const latencyLine = (latency: EvaluationOutcome['latency']): string =>
  latency
    ? `${latency.ms.toFixed(1)} ms a sample in the network on ${latency.threads} thread${latency.threads === 1 ? '' : 's'} (median)\n`
    : '';

export const evaluateCommand: Command = {
  name: 'evaluate',
  summary: 'score the network of a run, class by class',
  usage:
    'evaluate run=<run> [data=<folder|yaml>] [split=val] [name=<evaluation>] [tta.scales=[0.75,1,1.25]] [tta.flip=true] [--json]',
  settings: settings.evaluate,
  needsEngine: () => true,
  async run(words) {
    const { config, flags, keys } = readSettings(settings.evaluate, words, ['json']);
    const { volumes } = loadDescription(openRunFolder(config.run));
    refuseUnused(keys, unusedInInference(volumes !== undefined, config.window));
    let bar: ReturnType<typeof createProgress> | undefined;
    const onProgress = (done: number, total: number) => {
      bar ??= createProgress({ label: 'evaluate', total });
      bar.update(done);
    };
    const { scores, report, ...evaluated } = await stoppable((signal) =>
      evaluateJob(config, onProgress, signal),
    ).finally(() => bar?.finish());
    for (const message of evaluated.warnings) process.stderr.write(`warning: ${message}\n`);
    if (flags.json) printJson({ ...evaluated, ...plainScores(scores) });
    else
      process.stdout.write(
        `${scoresTable(evaluated.classes, scores)}\n${latencyLine(evaluated.latency)}evaluation: ${evaluated.evaluation.path}\nreport: ${report}\n`,
      );
  },
};
