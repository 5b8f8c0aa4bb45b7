/** @file The parity that an export asks for follows the engine's own rounding on that network: deep networks of small volumes round much. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exportNetwork } from '../../src/jobs/export/exportNetwork.ts';
import { parityLimit } from '../../src/jobs/export/parity.ts';
import { train } from '../../src/jobs/library.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

it('a network that rounds much after two steps is exported', async () => {
  const runs = temporaryFolder();
  const { run } = await train({
    ...{ data: 'phantoms:32x32x32', arch: 'dints-random:3', filters: 2, steps: 2, batch: 2, crop: 32 },
    ...{ runs, name: 'deep', workers: 0, threads: 1 },
  });
  const { parity } = await exportNetwork({ run });
  expect(parity.largestDifference).toBeLessThan(parityLimit(parity));
  // Most networks round by less than a hundredth of that.
  expect(parity.rounding).toBeGreaterThan(1e-5 * parity.largestScore);
  const hub = await exportNetwork({ run, format: 'safetensors', output: join(runs, 'hub'), threads: 1 });
  expect(readdirSync(hub.folder)).toEqual(expect.arrayContaining(['README.md', 'model.onnx', 'model.safetensors']));
}, 300_000);
