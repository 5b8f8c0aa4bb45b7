/**
 * @file What a search records: its epochs, the architecture after each, and warnings.
 */
import { formatLoss } from '../../base/text.ts';
import { mainScore } from '../../infer/evaluate.ts';
import { decidedShares, describeDecided, entropiesOf } from '../../method/decided.ts';
import { collapseWarning } from '../../method/skipCollapse.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import { writeAtomically } from '../../run/files.ts';
import { summariseGenotype } from '../../space/genotype.ts';
import type { SearchEpoch, SearchRecorder } from '../../train/searchOptions.ts';
import type { Search } from '../../train/searchState.ts';
import { slowWarning } from '../../train/step/health.ts';
import { emptyBatchesNote } from '../../train/step/pixelWeights.ts';
import type { ActiveRun } from '../lifecycle.ts';
import { writeGenotype } from './artifacts.ts';
import { createEpochRecords } from './epochs.ts';

/** Records a search in its run folder. */
export function createSearchRecorder(run: ActiveRun, config: SearchConfig, { progress }: Search): SearchRecorder {
  const { folder, log, watcher, note, warn } = run;
  const { epochs, checkpointMinutes, maximumSkipShare } = config;
  const records = createEpochRecords(run, 'search', { progress, checkpointMinutes });
  return {
    note,
    step(event) {
      const { epoch, step, steps, loss } = event;
      const [done, all] = [epoch * steps + step, epochs * steps];
      records.step(event, done / all, `step ${done}/${all}  epoch ${epoch + 1}/${epochs}  loss ${formatLoss(loss)}`);
    },
    epoch(event) {
      const { epoch, genotype, warnings, weightLoss, scores } = event;
      const architecture = summariseGenotype(genotype);
      records.epoch(epoch, metricsOf(event), event.ranks, { architecture });
      log.append({ type: 'architecture', epoch, ...architectureOf(event) });
      writeGenotype(folder, genotype);
      writeAtomically(folder.architecture, `${JSON.stringify(event.snapshot)}\n`);
      const main = scores && mainScore(scores);
      const score = main ? `  ${main.name} ${main.value.toFixed(3)}` : '';
      watcher.line(
        `epoch ${epoch + 1}/${epochs}  loss ${formatLoss(weightLoss)}${score}  ${describeDecided(decidedOf(event))}  ${architecture}`,
      );
      const empty = emptyBatchesNote(progress.drawn);
      if (empty) note(empty);
      const slow = slowWarning(progress.health, epoch, weightLoss);
      for (const message of slow ? [slow, ...warnings] : warnings) warn(message);
      if (progress.collapsed) warn(collapseWarning(event.metrics.skipShare, maximumSkipShare));
      records.save();
    },
  };
}

const metricsOf = ({
  weightLoss,
  architectureLoss,
  learningRate,
  metrics,
  scores,
  discretisationGap,
}: SearchEpoch): Record<string, number | null> => ({
  weightLoss,
  architectureLoss,
  learningRate,
  ...metrics,
  miou: scores?.miou ?? null,
  ...(scores?.volumes ? { dice: scores.volumes.summary.mean.dice } : {}),
  discretisationGap,
});

/** What share of each choice is decided. */
export const decidedOf = ({ metrics, limits }: Pick<SearchEpoch, 'metrics' | 'limits'>): Record<string, number> =>
  decidedShares(entropiesOf(metrics), entropiesOf(limits));

/** The tables of logits by their names, and the path where the architecture has one. */
function architectureOf(event: SearchEpoch) {
  const { genotype } = event;
  const { method: _, ...tables } = event.snapshot as { method: string };
  const path = genotype.method === 'auto-deeplab' ? { path: genotype.path } : {};
  return { ...tables, ...path, entropies: entropiesOf(event.metrics), limits: entropiesOf(event.limits), genotype };
}
