/** @file Every setting that evaluations and exports accept is read by them: none is taken and left lying. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { train } from '../../src/index.ts';
import { evaluateJob } from '../../src/jobs/evaluateJob.ts';
import { exportOnnx } from '../../src/jobs/export/onnx.ts';
import { parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-used-'));
  await train({ data: 'scenes:64x48', arch: 'unet', runs: folder, name: 't', steps: 1, ...TINY_NETWORK });
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The settings, and the names of those that were read. */
function watched<Config extends object>(config: Config): { config: Config; read: Set<string> } {
  const read = new Set<string>();
  const get = (target: Config, key: string | symbol): unknown => {
    read.add(String(key));
    return Reflect.get(target, key);
  };
  return { config: new Proxy(config, { get }), read };
}

it('evaluate', async () => {
  const { config, read } = watched(parseConfig(settings.evaluate, [{ run: join(folder, 'train', 't'), window: 32 }]));
  await evaluateJob(config);
  expect([...read].sort()).toEqual(Object.keys(settings.evaluate.schema.shape).sort());
}, 60_000);

it('export', async () => {
  const { config, read } = watched(parseConfig(settings.export, [{ run: join(folder, 'train', 't') }]));
  await exportOnnx(config);
  // The format chooses between two exports; the license is for the folder of the other one, the target for a budget of latency; the preset has been read;
  // calibration is of 8 bits.
  expect([...read, 'preset', 'format', 'license', 'target', 'calibration'].sort()).toEqual(
    Object.keys(settings.export.schema.shape).sort(),
  );
}, 60_000);
