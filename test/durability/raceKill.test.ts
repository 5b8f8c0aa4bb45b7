/**
 * @file A race that is killed at random moments, and whose workers are, ends with the verdict of one that never was. `npm run test:kill` kills thirty times.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { writeFolder } from '../helpers/folders.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { run, start } from './program.ts';

const KILLS = Number(process.env.ESPALIER_RACE_KILLS ?? 4);
const SEED = Number(process.env.ESPALIER_KILL_SEED ?? 1);

const WORDS = [
  ...['auto', 'data=own', 'candidates=3', 'steps=2', 'processes=2', 'device=cpu', 'budget.multiplyAdds=2e6'],
  ...['training.crop=32', 'training.batch=2', 'training.warmupSteps=0', 'training.checkpointMinutes=0.00001'],
];

/** Processes that a process has started. */
const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

it(`is the same after ${KILLS} kills`, { timeout: 600_000 + KILLS * 120_000 }, async () => {
  const folder = temporaryFolder();
  writeFolder(join(folder, 'own'), 24);
  const place = (name: string, file: string) => join(folder, 'runs', 'auto', name, file);
  const began = performance.now();
  expect(await run(folder, [...WORDS, 'name=whole'])).toMatchObject({ code: 0 });
  const duration = performance.now() - began;
  const result = (name: string) =>
    ['verdict.json', 'answers.json'].map((file): unknown =>
      JSON.parse(readFileSync(place(name, file), 'utf8').replaceAll(name, '')),
    );
  const whole = result('whole');
  const random = createRandom(SEED, 30);
  let [kills, finished] = [0, 0];
  while (kills < KILLS || finished === 0) {
    const name = `killed-${finished}`;
    const resumes = existsSync(place(name, 'config.yaml'));
    // Without settings a run does not exist: it is begun again.
    if (!resumes) rmSync(place(name, '.'), { recursive: true, force: true });
    const words = resumes ? ['auto', '--resume', `name=${name}`] : [...WORDS, `name=${name}`];
    const { child, ended } = start(folder, words);
    let timer: NodeJS.Timeout | undefined;
    const strike = () => {
      if (kills >= KILLS || child.exitCode !== null) return;
      const workers = childrenOf(child.pid as number);
      const victim = random.uniform() < 0.5 && workers.length > 0 ? workers[random.integer(workers.length)] : undefined;
      try {
        process.kill(victim ?? (child.pid as number), 'SIGKILL');
        kills++;
      } catch {
        // It ended in this moment.
      }
      if (victim !== undefined) plan();
    };
    const plan = () => {
      timer = setTimeout(strike, duration * random.uniform());
    };
    plan();
    const { code, signal, error } = await ended;
    clearTimeout(timer);
    if (signal === 'SIGKILL') continue;
    expect(code, error).toBe(0);
    expect(result(name)).toEqual(whole);
    finished++;
  }
  console.log(`race: ${kills} kills, ${finished} races finished, each with the verdict of the one that was not killed`);
});
