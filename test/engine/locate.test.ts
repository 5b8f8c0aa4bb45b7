import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLibtorch } from '../../src/engine/addon/libtorch.ts';
import { addonCandidates, cacheFolder } from '../../src/engine/addon/locate.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-locate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the cache of addons', () => {
  it('is below XDG_CACHE_HOME, else below the home folder', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: folder })).toBe('/x/espalier/addon');
    expect(cacheFolder({ HOME: folder })).toBe(join(folder, '.cache', 'espalier', 'addon'));
  });

  it('says what to set where there is no home folder', () => {
    for (const environment of [{ HOME: '/nowhere' }, { HOME: '' }])
      expect(() => cacheFolder(environment)).toThrow(/no home folder.*run: XDG_CACHE_HOME=.* npx espalier setup/);
  });
});

describe('addons', () => {
  it('are the one that ESPALIER_ADDON names, and no other', () => {
    expect(addonCandidates({ ESPALIER_ADDON: '/a/espalier.node' })).toEqual([
      { file: '/a/espalier.node', origin: 'ESPALIER_ADDON' },
    ]);
  });
});

describe('libtorch', () => {
  it('is taken from LIBTORCH, with its version', () => {
    const headers = join(folder, 'include', 'torch', 'csrc', 'api', 'include', 'torch');
    mkdirSync(headers, { recursive: true });
    const lines = ['MAJOR 2', 'MINOR 6', 'PATCH 0'].map((part) => `#define TORCH_VERSION_${part}`);
    writeFileSync(join(headers, 'version.h'), lines.join('\n'));
    expect(findLibtorch({ LIBTORCH: folder })).toEqual({ origin: 'LIBTORCH', folder, version: '2.6.0' });
  });

  it('is refused by the name of the folder where LIBTORCH holds none', () => {
    expect(() => findLibtorch({ LIBTORCH: folder })).toThrow(`LIBTORCH=${folder}: expected a folder with`);
  });
});
