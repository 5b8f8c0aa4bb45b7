/** @file Large tensors ask for large pages, where the system has them. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';

const SETTING = '/sys/kernel/mm/transparent_hugepage/enabled';
const has = existsSync(SETTING) && !readFileSync(SETTING, 'utf8').includes('[never]');

/** Bytes of this process for which large pages are asked (the flag `hg`). */
function askedBytes(): number {
  const areas = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return areas
    .filter((area) => /^VmFlags:.* hg( |$)/m.test(area))
    .reduce((sum, area) => sum + 1024 * Number(/^Size: +(\d+) kB/m.exec(area)?.[1]), 0);
}

it.runIf(process.platform === 'linux' && has)('large tensors lie in large pages, small ones anywhere', () => {
  scope(() => {
    const before = askedBytes();
    op.zeros([64, 1024]);
    expect(askedBytes()).toBe(before);
    op.zeros([64, 1024, 1024]);
    expect(askedBytes() - before).toBeGreaterThan(0.98 * 4 * 64 * 2 ** 20);
  });
});
