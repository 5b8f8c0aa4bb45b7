/**
 * @file The memory that runs say they are about to need: beside what they took, and with advice where it is too much. More of them with
 * `npm run test:memory`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { DryRun } from '../../../src/jobs/cost/dryRun.ts';
import { type MemoryNeed, reportMemoryNeed } from '../../../src/jobs/cost/memoryNeed.ts';
import { createReporter } from '../../../src/jobs/watcher.ts';
import type { EventLog } from '../../../src/run/eventLog.ts';
import type { RunEventBody } from '../../../src/run/events.ts';
import { MAIN } from '../../helpers/cli.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const folder = sharedFolder();

// Large enough for activations to count beside the program itself, small enough for a few seconds.
const SCENES = 'data=scenes:96x96 preset=demo crop=97 filters=12 batch=8';
const WIDE = 'data=scenes:264x264 preset=demo crop=257 batch=2';
const PHANTOMS = 'data=phantoms method=dints crop=[64,64,64] layers=2';
const SMALL = [
  `train arch=random:3:5x3 ${SCENES}`,
  `train arch=unet:levels=4 ${SCENES}`,
  `search ${WIDE} memory=fast`,
  `search ${WIDE} affineNorms=true`,
  `search ${PHANTOMS} width=0.25 memory=balanced`,
];
const LARGE = [
  ...['random:3:5x3', 'unet:levels=4'].map((arch) => `train arch=${arch} ${SCENES} precision=bfloat16`),
  ...[
    'memory=small',
    'atrous=separable memory=balanced',
    'filters=8 partialChannels=4',
    'filters=8 sampling=gumbel',
  ].map((words) => `search ${WIDE} ${words}`),
  ...['secondOrder=true', 'precision=bfloat16'].map((words) => `search ${WIDE} ${words}`),
  ...['fast', 'balanced', 'small'].map(
    (kept) => `search data=scenes:200x201 preset=paper crop=129 batch=2 memory=${kept}`,
  ),
  ...['memory=fast', 'memory=small', 'precision=bfloat16', 'width=1'].map((words) => `search ${PHANTOMS} ${words}`),
];

describe('a dry run', () => {
  it.skipIf(process.platform !== 'linux').each(process.env.ESPALIER_MEASURE ? [...SMALL, ...LARGE] : SMALL)(
    '%s predicts its peak within a fifth',
    { timeout: 600_000 },
    async (words) => {
      const command = [MAIN, ...words.split(' '), 'threads=1', 'workers=0', '--dry-run', '--json'];
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder });
      const { need, peakBytes } = JSON.parse(stdout) as DryRun & { need: MemoryNeed };
      const ratio = need.neededBytes / peakBytes;
      if (process.env.ESPALIER_MEASURE) process.stdout.write(`${words}: predicted over measured ${ratio.toFixed(2)}\n`);
      expect(ratio).toBeGreaterThan(0.8);
      expect(ratio).toBeLessThan(1.2);
      expect(need.availableBytes).toBeGreaterThan(peakBytes / 2);
    },
  );
});

describe('a need', () => {
  it('is reported at the start, with advice where there is less', () => {
    const events: RunEventBody[] = [];
    const lines: string[] = [];
    const log = { append: (event: RunEventBody) => events.push(event) } as unknown as EventLog;
    const watcher = { progress: () => undefined, line: (text: string) => void lines.push(text) };
    const reporter = createReporter(log, watcher);
    reportMemoryNeed(reporter, { neededBytes: 2 ** 30, availableBytes: 2 ** 31 }, 'lower batch', 'memory=fast: ');
    expect(lines).toEqual(['memory=fast: predicted peak memory 1.00 GiB of 2.00 GiB']);
    reportMemoryNeed(reporter, { neededBytes: 2 ** 32, availableBytes: 2 ** 31 }, 'lower batch');
    expect(lines.at(-1)).toBe('warning: predicted peak memory 4.00 GiB of 2.00 GiB: this will not fit; lower batch');
    expect(events.map(({ type }) => type)).toEqual(['note', 'note', 'warning']);
  });
});
