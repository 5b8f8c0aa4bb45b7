/**
 * @file `espalier evaluate`: scores the network of a run, class by class, in a folder of its own.
 */
import { mainScore, type Scores } from '../infer/evaluate.ts';
import { runsOf } from '../jobs/ensemble/runs.ts';
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

/** What a CRF brought. */
function crfLine(
  { unrefined, ...scores }: Scores,
  { evaluation: { crf } }: Pick<EvaluationOutcome, 'evaluation'>,
): string {
  if (!unrefined || !crf) return '';
  const { name, value } = mainScore(scores);
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const weights = `weights ${crf.appearance.weight} (appearance) and ${crf.smoothness.weight} (smoothness)`;
  const found = crf.tunedOn === null ? '' : `, found on ${crf.tunedOn}`;
  return `CRF: ${name} ${percent(value)}, ${percent(mainScore(unrefined).value)} without it; ${weights}${found}; ${unrefined.crfMs.toFixed(0)} ms a sample\n`;
}

export const evaluateCommand: Command = {
  name: 'evaluate',
  summary: 'score the network of a run, class by class',
  usage:
    'evaluate run=<run> [data=<folder|yaml>] [split=val] [name=<evaluation>] [tta.scales=[0.75,1,1.25]] [tta.flip=true] [postprocess=crf] [--json]',
  settings: settings.evaluate,
  needsEngine: () => true,
  async run(words) {
    const { config, flags, keys } = readSettings(settings.evaluate, words, ['json']);
    const { volumes } = loadDescription(openRunFolder(runsOf(config.run)[0]));
    refuseUnused(keys, unusedInInference(volumes !== undefined, config));
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
        `${scoresTable(evaluated.classes, scores)}\n${crfLine(scores, evaluated)}${latencyLine(evaluated.latency)}evaluation: ${evaluated.evaluation.path}\nreport: ${report}\n`,
      );
  },
};
