/** @file `network.json` of a stranger's run: its numbers are bounded before a network or a window is allocated by them. */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, EspalierError } from '../../src/base/errors.ts';
import { Generator } from '../../src/engine/device.ts';
import { loadDescription, loadNetwork } from '../../src/jobs/network.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const KEPT = join(import.meta.dirname, 'fbeecb3', 'train', 'fbeecb3');

/** A run of an earlier version with other fields in its `network.json`. */
function changed(change: (file: Record<string, unknown>) => void) {
  const path = join(temporaryFolder(), 'train', 'a');
  cpSync(KEPT, path, { recursive: true });
  const file = join(path, 'network.json');
  const value = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(value);
  writeFileSync(file, JSON.stringify(value));
  return openRunFolder(path);
}

const volumes = {
  modalities: ['CT'],
  preparation: { spacingMm: [1, 1, 1], normalisation: [{ kind: 'none' }], cropForeground: true },
  window: [32, 32, 32],
  largestComponents: [],
};

describe('network.json', () => {
  it('of an earlier version, and with fields of a later one, is read', () => {
    expect(existsSync(join(KEPT, 'network.json'))).toBe(true);
    expect(loadDescription(openRunFolder(KEPT)).classes.length).toBeGreaterThan(1);
    expect(loadDescription(changed((file) => Object.assign(file, { later: 1, volumes }))).volumes).toEqual(volumes);
  });

  it.each<[string, Record<string, unknown>]>([
    ['volumes.window', { volumes: { ...volumes, window: [1e5, 1e5, 1e5] } }],
    ['volumes.window.0', { volumes: { ...volumes, window: [1e300, 1, 1] } }],
    [
      'volumes.preparation.spacingMm.1',
      { volumes: { ...volumes, preparation: { ...volumes.preparation, spacingMm: [1, 1e-12, 1] } } },
    ],
    ['longSide', { longSide: 1e9 }],
    ['reduction', { reduction: 1e-6 }],
    ['options.filters', { options: { rank: 2, inputs: 3, classes: 7, filters: 1e12 } }],
    ['options.classes', { options: { rank: 2, inputs: 3, classes: 1e9 } }],
    ['options.head.aspp', { options: { rank: 2, inputs: 3, classes: 7, head: { aspp: 'x' } } }],
    ['regions', { regions: [{ name: 'all', colour: [1, 2, 3], classes: [1], written: 1 }] }],
    ['regions.0.classes.0', { regions: [{ name: 'all', colour: [1, 2, 3], classes: [1e9], written: 1 }] }],
    ['regions.0.classes', { regions: [{ name: 'all', colour: [1, 2, 3], classes: [], written: 1 }] }],
    ['classes', { classes: [] }],
    ['classes.0.name', { classes: [{ name: {}, colour: [1, 2, 3] }] }],
  ])('names %s where it is out of range', (part, fields) => {
    const folder = changed((file) => Object.assign(file, fields));
    expect(() => loadDescription(folder)).toThrow(DataError);
    expect(() => loadDescription(folder)).toThrow(`network.json: ${part}: `);
  });

  it('that is no object is an error of ours', () => {
    for (const text of ['null', '[]', '1', '"x"', '{}']) {
      const folder = changed(() => undefined);
      writeFileSync(folder.network, text);
      expect(() => loadDescription(folder), text).toThrow(EspalierError);
    }
  });

  it('of a network larger than the weights beside it is refused before the network is made', () => {
    const folder = changed((file) => Object.assign(file.options as object, { filters: 60_000 }));
    const before = process.memoryUsage.rss();
    expect(() => loadNetwork(folder, 'last', new Generator(0), 'cpu')).toThrow(
      /network\.json: describes a network of \d+ weights, got \d+ in the files beside it/,
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
  });
});
