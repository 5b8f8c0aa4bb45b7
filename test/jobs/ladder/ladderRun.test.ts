import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../../src/base/csv.ts';
import { StoppedError } from '../../../src/base/errors.ts';
import { dryRunLadder } from '../../../src/jobs/ladder/dryRun.ts';
import { openJournal } from '../../../src/jobs/ladder/journal.ts';
import { ladderRun } from '../../../src/jobs/ladder/ladderRun.ts';
import type { Layer } from '../../../src/run/config/config.ts';
import { readPeers } from '../../../src/run/peers.ts';
import { writeFolder } from '../../helpers/folders.ts';
import { sharedFolder, temporaryFolder } from '../../helpers/temporaryFolder.ts';

const data = sharedFolder();
writeFolder(data, 24);

const tiny = (runs: string): Layer => ({
  data,
  name: 'race',
  runs,
  candidates: 3,
  steps: 2,
  device: 'cpu',
  'budget.multiplyAdds': 2e6,
  training: { crop: 32, batch: 2, warmupSteps: 0 },
});

describe('a race in a run folder', () => {
  it('ends with a verdict; one that is stopped three times and resumed ends with the same', async () => {
    const [whole, parts] = [temporaryFolder(), temporaryFolder()];
    const outcome = await ladderRun({ layers: [{ ...tiny(whole), processes: 2 }] });
    expect(existsSync(join(outcome.chosen, 'network.json'))).toBe(true);
    expect(readFileSync(outcome.page, 'utf8')).toContain('<h1>Verdict</h1>');
    expect(outcome.text).toMatch(/multiply-adds, mIoU \d/);
    // The last training has the held-out samples too, and three times the steps of those that were compared.
    const trained = (run: string) => JSON.parse(readFileSync(join(run, 'data.json'), 'utf8')).samples.train;
    const stepsOf = (run: string) =>
      Number(/^steps: (\d+)$/m.exec(readFileSync(join(run, 'config.yaml'), 'utf8'))?.[1]);
    const [compared] = outcome.verdict.chosen.trainings;
    const { validation } = JSON.parse(readFileSync(join(whole, 'auto', 'race', 'validation.json'), 'utf8'));
    expect(trained(outcome.chosen) - trained(compared.run)).toBe(Object.keys(validation).length);
    expect(stepsOf(outcome.chosen)).toBe(3 * stepsOf(compared.run));
    expect(outcome.text).toContain(`that is after ${stepsOf(outcome.chosen)} steps on all training samples`);
    const tableOf = (name: string) => {
      const [head, ...rows] = parseCsv(readFileSync(join(whole, 'auto', 'race', name), 'utf8')).rows;
      return rows.map((row) => Object.fromEntries(head.map((key, i) => [key, row[i]])));
    };
    const standings = tableOf('standings.csv');
    expect(standings.filter(({ rung }) => rung === '1')).toHaveLength(3);
    for (const { multiplyAdds, score } of standings) {
      expect(Number(multiplyAdds)).toBeLessThanOrEqual(2e6);
      expect(Number(score)).toBeGreaterThanOrEqual(0);
    }
    expect(tableOf('finalists.csv')).toHaveLength(2 * outcome.verdict.estimates.length);
    const { best, handMade } = outcome.verdict;
    for (const estimate of [best, handMade]) {
      expect(estimate?.trainings).toHaveLength(2);
      expect(estimate?.candidate.cost.multiplyAdds).toBeLessThanOrEqual(2e6);
    }
    // The reports of the race, of its last training and of each finalist show all finalists.
    const race = join(whole, 'auto', 'race');
    for (const run of [race, outcome.chosen, compared.run]) {
      const peers = readPeers(run);
      expect(peers?.networks.map(({ score }) => score)).toEqual(
        outcome.verdict.estimates.map(({ reported }) => reported),
      );
      expect(peers?.own).toContain(outcome.verdict.chosen.candidate.id);
      expect(readFileSync(join(run, 'report.html'), 'utf8')).toMatch(/Score against cost.*\(this run\)/s);
    }
    // Stopped in the middle of a training, then between two, then in the last one.
    for (const [attempt, stopAfter] of [3, 9, 'last'].entries()) {
      const controller = new AbortController();
      let calls = 0;
      const watcher = {
        progress: () => {
          if (++calls === stopAfter) controller.abort();
        },
        line: (words: string) => {
          if (stopAfter === 'last' && words.includes('on all training samples, ')) controller.abort();
        },
      };
      const request = { layers: [{ ...tiny(parts), processes: 2 }], resume: attempt > 0 };
      await expect(ladderRun(request, watcher, controller.signal)).rejects.toThrow(StoppedError);
    }
    const resumed = await ladderRun({ layers: [tiny(parts)], resume: true });
    const answers = (runs: string): unknown =>
      JSON.parse(readFileSync(join(runs, 'auto', 'race', 'answers.json'), 'utf8').replaceAll(runs, ''));
    expect(answers(parts)).toEqual(answers(whole));
    expect(resumed.text).toBe(outcome.text);
    const weights = (run: string) => readFileSync(join(run, 'checkpoints', 'last', 'tensors.safetensors'));
    expect(weights(resumed.chosen).equals(weights(outcome.chosen))).toBe(true);
  }, 300_000);

  it('refuses before it writes anything: no budget, one that nothing fits, a mistake in the recipe', async () => {
    const runs = temporaryFolder();
    const without = { ...tiny(runs), 'budget.multiplyAdds': undefined };
    await expect(ladderRun({ layers: [without] })).rejects.toThrow('budget: expected at least one limit');
    const typo = { ...tiny(runs), training: { crop: 32, batsh: 2 } };
    await expect(ladderRun({ layers: [typo] })).rejects.toThrow('unknown setting "batsh"');
    expect(existsSync(join(runs, 'auto'))).toBe(false);
    const small = { ...tiny(runs), 'budget.multiplyAdds': 10 };
    await expect(ladderRun({ layers: [small] })).rejects.toThrow(/budget: 0 of the known networks fit/);
  });
});

describe('a dry run', () => {
  it('plans the race that would run, and writes nothing', async () => {
    const runs = temporaryFolder();
    const dry = await dryRunLadder({ layers: [tiny(runs)] });
    expect(readdirSync(runs)).toEqual([]);
    expect(dry.candidates).toHaveLength(3);
    expect(dry.plan?.rungs[0]).toEqual({ steps: 2, candidates: 3, children: 0 });
    expect(dry.training).toMatchObject({ crop: 32, batch: 2, optimizer: 'adamw' });
    // Nothing is timed where the steps are given.
    expect(dry.seconds).toBeUndefined();
    const text = dry.lines.join('\n');
    for (const words of [
      /^budget: multiplyAdds 2\.00e\+6 for an input of 32 x 32$/m,
      /^judged on \d+ of \d+/m,
      /^rung 1: 3 networks to 2 steps/m,
      /^finish: /m,
    ])
      expect(text).toMatch(words);
    for (const { id, name } of dry.candidates) expect(text).toMatch(new RegExp(`^  ${id} .*${name}`, 'm'));
  }, 60_000);
});

describe('the journal', () => {
  it('asks once, keeps numbers that are none, and refuses a damaged file', async () => {
    const file = join(temporaryFolder(), 'answers.json');
    let asked = 0;
    const ask = async () => ({ score: Number.NaN, asked: ++asked });
    expect(await openJournal(file).remember('a', ask)).toEqual({ score: Number.NaN, asked: 1 });
    expect(await openJournal(file).remember('a', ask)).toEqual({ score: Number.NaN, asked: 1 });
    expect(asked).toBe(1);
    writeFileSync(file, '[');
    expect(() => openJournal(file)).toThrow('is no journal of a race');
  });
});
