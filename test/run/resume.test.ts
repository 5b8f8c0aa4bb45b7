/** @file Which run is resumed, and with which settings. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatConfig, parseConfig, settingsOf } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { createRunFolder } from '../../src/run/folder.ts';
import { planRun, RESUME_TAKES } from '../../src/run/openRun.ts';
import { otherValue } from '../helpers/otherValue.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const NESTED = {
  train: { data: 'scenes', arch: 'unet', steps: 40 },
  search: { data: 'scenes', preset: 'demo' },
} as const;

function runOf(command: 'train' | 'search', runs: string, name: string) {
  const folder = createRunFolder(runs, command, name);
  const config = parseConfig(settings[command], [{ ...NESTED[command], name, runs }]);
  writeFileSync(folder.config, formatConfig(config));
  return { folder, config };
}

describe('a run that is resumed', () => {
  it.each(['train', 'search'] as const)(
    '%s: refuses every setting that it does not take, naming those that it does',
    (command) => {
      const runs = temporaryFolder();
      const { config } = runOf(command, runs, 'x');
      const read = (key: string) =>
        key.split('.').reduce<unknown>((group, part) => (group as Record<string, unknown>)?.[part], config);
      for (const { key, leaf } of settingsOf(settings[command].schema)) {
        const plan = (value: unknown) =>
          planRun(command, settings[command], { layers: [{ runs, name: 'x', [key]: value }], resume: true });
        if (key === 'name' || key === 'runs') continue;
        if (key === 'preset' || key === 'method') {
          expect(() => plan(key === 'preset' ? 'small' : 'dints'), key).toThrow(key);
          continue;
        }
        const value = otherValue(leaf, read(key));
        if ((RESUME_TAKES as readonly string[]).includes(key))
          expect((plan(value).config as Record<string, unknown>)[key]).toEqual(value);
        else expect(() => plan(value), key).toThrow(new RegExp(`${key}|steps|epochs`));
        // Said again as it is, a setting is no change.
        if (read(key) !== undefined) expect(plan(read(key)).folder?.name).toBe('x');
      }
      expect(() =>
        planRun('train', settings.train, { layers: [{ runs: runs, name: 'x', steps: 80 }], resume: true }),
      ).toThrow(
        command === 'train'
          ? /steps: the run .*x has 40, got 80; --resume takes name, runs, device, threads/
          : /no run of train/,
      );
    },
  );

  it('is the one that was worked on last where no name is given', () => {
    const runs = temporaryFolder();
    for (const [i, name] of ['b', 'c', 'a'].entries()) {
      const { folder } = runOf('train', runs, name);
      writeFileSync(folder.events, '');
      for (const file of [folder.events, folder.config]) utimesSync(file, 1000 + i, 1000 + i);
    }
    const newest = () => planRun('train', settings.train, { layers: [{ runs }], resume: true }).folder?.name;
    expect(newest()).toBe('a');
    utimesSync(join(runs, 'train', 'b', 'events.jsonl'), 2000, 2000);
    expect(newest()).toBe('b');
  });
});
