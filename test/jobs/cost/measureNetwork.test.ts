/**
 * @file The estimate of memory against what processes take. Two small networks always; seven of different shapes, some of which take a minute, with
 * `npm run test:memory`.
 */
import { expect, it } from 'vitest';
import { measureMemory } from '../../../src/jobs/cost/measureNetwork.ts';
import { type BuildOptions, buildArchitecture } from '../../../src/models/architecture.ts';
import { estimateMemory } from '../../../src/models/memory.ts';
import { findArchitecture } from '../../../src/models/registry.ts';

type Case = [name: string, options: BuildOptions, size: number[], batch: number];
const SMALL: Case[] = [
  ['random:3:6x3', { inputs: 3, classes: 11, filters: 12 }, [257, 257], 2],
  ['dints-random:1:6x3', { inputs: 1, classes: 3, filters: 16 }, [48, 48, 48], 2],
];
const LARGE: Case[] = [
  ['auto-deeplab-s', { inputs: 3, classes: 19 }, [193, 193], 2],
  ['deeplabv3plus', { inputs: 3, classes: 19 }, [193, 193], 2],
  ['dints-cvpr2021', { inputs: 1, classes: 3, filters: 16 }, [64, 64, 64], 1],
  ['resunet:levels=4', { inputs: 3, classes: 19, filters: 24 }, [193, 193], 2],
  ['unet:levels=4:start=2:startDepth=1', { inputs: 1, classes: 3, rank: 3, filters: 16 }, [32, 96, 96], 1],
];
const cases = process.env.ESPALIER_MEASURE ? [...SMALL, ...LARGE] : SMALL;

// A process that is pushed into swap or shares pages differently is measured differently: only Linux on glibc is held to the figure.
it.skipIf(process.platform !== 'linux').each(cases)(
  '%s is estimated within 15 %%',
  async (name, options, size, batch) => {
    const graph = buildArchitecture(findArchitecture(name)!, options);
    const { trainingBytes, inferenceBytes } = estimateMemory(graph, size, batch);
    const ratios: Record<string, number> = {};
    for (const [kind, estimated] of [
      ['training', trainingBytes],
      ['inference', inferenceBytes],
    ] as const) {
      const { bytes } = await measureMemory({ graph, size, batch, kind, threads: 1, device: 'cpu' });
      ratios[kind] = estimated / bytes;
    }
    if (process.env.ESPALIER_MEASURE)
      process.stdout.write(`${name}: estimated over measured ${JSON.stringify(ratios)}\n`);
    for (const [kind, ratio] of Object.entries(ratios)) expect(Math.abs(ratio - 1), kind).toBeLessThan(0.15);
  },
  600_000,
);

it('says what failed when the process does', async () => {
  const graph = buildArchitecture(findArchitecture('dints-random:1:2x2')!, { inputs: 1, classes: 2, filters: 2 });
  const task = { graph, size: [9, 9, 9], batch: 1, kind: 'training', threads: 1, device: 'cpu' } as const;
  await expect(measureMemory(task)).rejects.toThrow(/measuring memory failed: .*sides must be multiples of 8/);
});
