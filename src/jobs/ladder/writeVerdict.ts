/**
 * @file The verdict of a race on one page, as text and as HTML.
 */
import { join } from 'node:path';
import { formatDuration } from '../../base/text.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import type { RaceResult } from '../../ladder/race.ts';
import {
  type Estimate,
  type FinalTraining,
  type FinishedTraining,
  type Verdict,
  WANTED_PROBABILITY,
} from '../../ladder/verdict.ts';
import { writeAtomically } from '../../run/files.ts';
import { html } from '../../run/report/html.ts';
import { page } from '../../run/report/page.ts';
import type { RaceSetUp } from './setUp.ts';
import { finalistsTable, standingsTable } from './tables.ts';

/** Everything that the page shows. */
export interface VerdictPage {
  readonly verdict: Verdict;
  readonly result: RaceResult<FinishedTraining>;
  readonly setUp: RaceSetUp;
  /** Absent where it diverged. */
  readonly final?: FinalTraining;
  readonly seconds: number;
  readonly minutes: number;
}

const percent = (value: number): string => (Number.isFinite(value) ? (100 * value).toFixed(1) : '-');
const giga = (count: number): string => `${(count / 1e9).toPrecision(2)} G multiply-adds`;
const scored = ({ reported, interval }: Pick<Estimate, 'reported' | 'interval'>): string =>
  `${percent(reported)} (${percent(interval[0])} to ${percent(interval[1])})`;

/** The verdict in a few sentences; the first one says what is returned and how good it is. */
export function describeVerdict({ verdict, result, setUp, final }: Omit<VerdictPage, 'seconds' | 'minutes'>): string {
  const { chosen, best, handMade, probability, statistic } = verdict;
  const { plan } = setUp;
  const score = statistic === 'dice' ? 'mean Dice' : 'mIoU';
  const lines = [
    `${nameOf(chosen.candidate)}: ${giga(chosen.candidate.cost.multiplyAdds)}, ${score} ${scored(final ?? chosen)}`,
    ...(final ? [`that is after ${final.steps} steps on all training samples`] : []),
  ];
  if (best && handMade && probability !== undefined) {
    const other = chosen === best ? handMade : best;
    const kind = chosen === best ? 'the best network made by hand' : 'the best other network';
    lines.push(
      `compared with equal training, ${plan.steps} steps without the held-out samples: ${score} ${scored(chosen)}; ${kind}, ${nameOf(other.candidate)}, ${giga(other.candidate.cost.multiplyAdds)}: ${scored(other)}`,
    );
    lines.push(
      chosen === best
        ? `it is better than the one made by hand with a probability of ${probability.toFixed(2)} (held-out samples, two seeds)`
        : `the network made by hand is returned: the other is better with a probability of ${probability.toFixed(2)} only, ${WANTED_PROBABILITY} is asked for`,
    );
  } else lines.push('there was nothing to compare it with');
  const random = result.rungs[0].standings.filter(({ candidate }) => candidate.origin === 'random');
  const sound = random.map(({ reading }) => reading.score).filter(Number.isFinite);
  if (sound.length > 0) {
    const first = result.rungs[0];
    const own = first.standings.find(({ candidate }) => candidate.id === chosen.candidate.id);
    const mean = sound.reduce((sum, value) => sum + value, 0) / sound.length;
    lines.push(
      `after ${first.rung.steps} steps, on held-out samples: mean of ${sound.length} random networks ${percent(mean)}, best of them ${percent(Math.max(...sound))}${own ? `, the returned one ${percent(own.reading.score)}` : ''}`,
    );
  }
  return lines.join('\n');
}

const nameOf = ({ id, name, change }: Candidate): string => `${id}, ${name}${change ? ` (${change})` : ''}`;

/** Writes `verdict.txt`, `verdict.json`, `verdict.html`, `standings.csv` and `finalists.csv`; returns the path of the page. */
export function writeVerdict(folder: string, content: VerdictPage): string {
  const { verdict, result, final, seconds, minutes } = content;
  const took = `the race took ${formatDuration(seconds)} of ${minutes} minutes`;
  const text = `${describeVerdict(content)}\n${took}\n`;
  writeAtomically(join(folder, 'verdict.txt'), text);
  writeAtomically(join(folder, 'verdict.json'), `${JSON.stringify({ ...plain(verdict), final }, null, 1)}\n`);
  writeAtomically(join(folder, 'standings.csv'), standingsTable(result));
  writeAtomically(join(folder, 'finalists.csv'), finalistsTable(result, verdict));
  const path = join(folder, 'verdict.html');
  writeAtomically(path, formatPage(content, text));
  return path;
}

/** The verdict without the counts of samples, which are in the journal. */
const plain = ({ estimates, chosen, best, handMade, ...rest }: Verdict): object => ({
  ...rest,
  chosen: chosen.candidate.id,
  best: best?.candidate.id,
  handMade: handMade?.candidate.id,
  estimates: estimates.map(({ trainings, ...estimate }) => ({
    ...estimate,
    trainings: trainings.map(({ seed, run }) => ({ seed, run })),
  })),
});

function formatPage({ verdict, result, setUp }: VerdictPage, text: string): string {
  const { estimates, seedDeviation, statistic } = verdict;
  const score = statistic === 'dice' ? 'mean Dice' : 'mIoU';
  const finalists = estimates.map(
    (estimate) =>
      html`<tr><th scope="row">${nameOf(estimate.candidate)}</th><td>${estimate.candidate.origin}</td><td>${giga(estimate.candidate.cost.multiplyAdds)}</td><td>${String(estimate.candidate.cost.parameters)}</td><td>${percent(estimate.heldOut)}</td><td>${percent(estimate.shrunk)}</td><td>${scored(estimate)}</td></tr>`,
  );
  const rungs = result.rungs.map(
    ({ rung, standings, survivors }, i) =>
      html`<section><h2>Rung ${i + 1}: ${rung.steps} steps</h2><div class="scroll"><table class="numbers"><thead><tr><th scope="col">network</th><th scope="col">origin</th><th scope="col">${score} on held-out samples</th><th scope="col">loss</th><th scope="col">parameters</th><th scope="col">mean level</th><th scope="col"></th></tr></thead><tbody>${standings.map(
        ({ candidate, reading }) =>
          html`<tr><th scope="row">${nameOf(candidate)}</th><td>${candidate.origin}</td><td>${percent(reading.score)}</td><td>${Number.isFinite(reading.loss) ? reading.loss.toFixed(3) : '-'}</td><td>${String(candidate.cost.parameters)}</td><td>${candidate.macro.meanLevel.toFixed(1)}</td><td>${survivors.includes(candidate.id) ? 'continues' : ''}</td></tr>`,
      )}</tbody></table></div></section>`,
  );
  return page('Verdict of a race', [
    html`<header><h1>Verdict</h1>${text
      .trim()
      .split('\n')
      .map((line) => html`<p>${line}</p>`)}</header>`,
    html`<section><h2>Finalists</h2><p class="quiet">${setUp.plan.seeds} seeds each. Held out: ${setUp.heldOut.how}; it decides. Reported: the validation split of the data set, with 95 % intervals over its samples and the seeds; it decides nothing. Scatter of the seeds on the held-out samples: ${percent(seedDeviation)} points.</p><div class="scroll"><table class="numbers"><thead><tr><th scope="col">network</th><th scope="col">origin</th><th scope="col">cost</th><th scope="col">parameters</th><th scope="col">held out</th><th scope="col">estimate</th><th scope="col">reported ${score}</th></tr></thead><tbody>${finalists}</tbody></table></div></section>`,
    ...rungs,
  ]);
}
