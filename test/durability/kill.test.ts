/**
 * @file Searches and trainings that are killed at random moments and resumed end with the same bytes as one that never was.
 *
 * Half of the kills come at a random time on a slow disk, half in the middle of a random operation on it. `npm run test:kill` kills 60 times.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { formatGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH, TINY_TRAIN } from '../helpers/tinyRuns.ts';
import { readWhole, run, start } from './program.ts';

const KILLS = Number(process.env.ESPALIER_KILLS ?? 8);
const SEED = Number(process.env.ESPALIER_KILL_SEED ?? 1);
// A checkpoint after every step.
const OFTEN = 'checkpointMinutes=0.00001';

const folder = sharedFolder();
beforeAll(() => {
  writeSceneFolder(join(folder, 'own'));
  const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 2 }, createRandom(2));
  writeFileSync(join(folder, 'small.json'), formatGenotype(genotype));
});

/** What must come out the same to the byte. */
const RESULTS = {
  search: [
    'architecture.json',
    'genotype.json',
    'genotype.svg',
    'results.csv',
    'checkpoints/last/tensors.safetensors',
    'checkpoints/last/state.json',
  ],
  train: [
    'genotype.json',
    'network.json',
    'results.csv',
    'per_class.csv',
    'confusion_matrix.csv',
    'confusion_matrix.png',
    'checkpoints/last/tensors.safetensors',
    'checkpoints/best/tensors.safetensors',
  ],
};

const WORDS = {
  search: ['data=own', ...TINY_SEARCH, 'epochs=4', OFTEN],
  train: ['arch=small.json', 'data=own', ...TINY_TRAIN, 'average=2', 'patience=2', OFTEN],
};

/** The loss of every step that counts. */
const lossesOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === 'step' ? [[event.epoch, event.step, event.loss]] : []));

describe.each(['search', 'train'] as const)('%s', (command) => {
  it('ends the same however often it is killed', { timeout: 600_000 + KILLS * 120_000 }, async () => {
    const runs = join(folder, 'runs');
    const place = (name: string, file: string) => join(runs, command, name, file);
    const count = join(folder, `${command}-count`);
    const began = performance.now();
    const whole = await run(folder, [command, ...WORDS[command], 'name=whole'], { count });
    expect(whole).toMatchObject({ code: 0 });
    const duration = performance.now() - began;
    const operations = Number(readFileSync(count, 'utf8'));
    const reference = lossesOf(readWhole(runs, command, 'whole'));
    const random = createRandom(SEED, command.length);

    const wanted = Math.ceil(KILLS / 2);
    let kills = 0;
    let finished = 0;
    for (let attempt = 0; kills < wanted || finished === 0; attempt++) {
      const name = `killed-${finished}`;
      // A run exists once its settings do: killed before its first event, it is resumed as well.
      const resumes = existsSync(place(name, 'config.yaml'));
      const words = resumes ? [command, '--resume', `name=${name}`] : [command, ...WORDS[command], `name=${name}`];
      const last = kills >= wanted;
      const inDisk = attempt % 2 === 1 && !last;
      const fault = inDisk ? `kill:${1 + random.integer(operations)}` : 'slow';
      const { child, ended } = start(folder, words, { fault: last ? '' : fault });
      const timer = setTimeout(
        () => child.kill('SIGKILL'),
        last || inDisk ? 2 ** 30 : duration * random.uniform() * 1.2,
      );
      const { code, signal, error } = await ended;
      clearTimeout(timer);
      const events = readWhole(runs, command, name);
      const losses = lossesOf(events);
      expect(losses, `${name} after ${kills} kills`).toEqual(reference.slice(0, losses.length));
      if (signal === 'SIGKILL') {
        kills++;
        continue;
      }
      expect(code, error).toBe(0);
      for (const file of RESULTS[command])
        expect(readFileSync(place(name, file)).equals(readFileSync(place('whole', file))), file).toBe(true);
      expect(losses).toEqual(reference);
      expect(readdirSync(place(name, 'samples'))).toEqual(readdirSync(place('whole', 'samples')));
      const all = readdirSync(place(name, '.'), { recursive: true, encoding: 'utf8' });
      expect(all.filter((file) => file.endsWith('.tmp'))).toEqual([]);
      finished++;
    }
    console.log(`${command}: ${kills} kills, ${finished} runs finished, each the same as the one that was not killed`);
  });
});
