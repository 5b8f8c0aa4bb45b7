/**
 * @file Commands that run for long, when their terminal is closed or whoever reads their output ends: a loop over all of them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeFolder } from '../helpers/folders.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH, TINY_TRAIN } from '../helpers/tinyRuns.ts';
import { readWhole, start } from './program.ts';

const folder = sharedFolder();
const runs = join(folder, 'runs');
beforeAll(() => {
  writeSceneFolder(join(folder, 'own'));
  writeFolder(join(folder, 'many'), 24);
});

interface LongCommand {
  readonly words: readonly string[];
  /** Where it keeps its run; absent where it keeps none. */
  readonly place?: readonly [command: string, key: string];
  /** The exit code at SIGHUP. */
  readonly code: number;
}

const SEARCH = ['search', 'data=own', ...TINY_SEARCH, 'epochs=100000'];
const RACE = [
  'auto',
  'data=many',
  'candidates=3',
  'steps=2000',
  'processes=2',
  'device=cpu',
  'budget.multiplyAdds=2e6',
];

const COMMANDS: Readonly<Record<string, LongCommand>> = {
  search: { words: SEARCH, place: ['search', 'name'], code: 129 },
  train: {
    words: ['train', 'arch=unet', 'data=own', ...TINY_TRAIN.slice(0, 4), 'epochs=100000', 'workers=0'],
    place: ['train', 'name'],
    code: 129,
  },
  auto: { words: [...RACE, 'training.crop=32', 'training.batch=2'], place: ['auto', 'name'], code: 129 },
  launch: { words: ['launch', 'processes=2', '--', ...SEARCH], place: ['search', 'name'], code: 129 },
  ui: { words: ['ui', 'own', 'port=0'], code: 0 },
};

/** Commands that stop by a signal and have no row: they run the others, or keep nothing half done. */
const OTHERS: readonly string[] = ['command', 'compare', 'evaluate', 'measure'];

it('has a row for every command that handles the signals', () => {
  const cli = join(import.meta.dirname, '..', '..', 'src', 'cli');
  const handling = readdirSync(cli).filter((name) =>
    /stoppable\(|STOP_SIGNALS/.test(readFileSync(join(cli, name), 'utf8')),
  );
  expect(handling.map((name) => name.replace('.ts', '')).sort()).toEqual([...Object.keys(COMMANDS), ...OTHERS].sort());
});

/** Whether the run of a command has begun to train. */
function isUnderWay([command]: readonly [string, string], name: string): boolean {
  if (command === 'auto') return existsSync(join(runs, command, name, 'train'));
  return readWhole(runs, command, name).some(({ type }) => type === 'step');
}

const alive = (pid: number): boolean => {
  try {
    return !/^\S+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe.each(Object.entries(COMMANDS))('%s', (command, { words, place, code }) => {
  it.each(['that is closed', 'whose output was closed before'])('ends as it should in a terminal %s', async (how) => {
    const name = `${command}-${how.length}`;
    const { child, ended } = start(folder, [...words, ...(place ? [`${place[1]}=${name}`] : [])]);
    const wait = () => new Promise((resolve) => setTimeout(resolve, 50));
    if (place) while (child.exitCode === null && !isUnderWay(place, name)) await wait();
    else await new Promise((resolve) => child.stdout.once('data', resolve));
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ').filter(Boolean);
    if (how !== 'that is closed') {
      child.stdout.destroy();
      child.stderr.destroy();
      await wait();
    }
    child.kill('SIGHUP');
    expect((await ended).code).toBe(code);
    // Nothing stays behind.
    for (let tries = 0; children.some((pid) => alive(Number(pid))) && tries < 200; tries++) await wait();
    expect(children.filter((pid) => alive(Number(pid)))).toEqual([]);
    if (!place) return;
    expect(readWhole(runs, place[0], name).at(-1)).toMatchObject({ type: 'end', status: 'stopped' });
    const left = readdirSync(join(runs, place[0], name), { recursive: true, encoding: 'utf8' });
    expect(left.filter((file) => file.endsWith('run.lock'))).toEqual([]);
  });
});
