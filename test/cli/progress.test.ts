/** @file Progress with a clock by hand: redraws, plain lines, time left. */
import { describe, expect, it } from 'vitest';
import { createProgress, progressLine } from '../../src/cli/progress.ts';

function setUp(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  let now = 0;
  const stream = { isTTY, columns, write: (text: string) => written.push(text) };
  const progress = createProgress({ label: 'search', total: 100, stream, clock: () => now });
  return {
    written,
    progress,
    wait: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

describe('progress', () => {
  it('redraws a line on a terminal ten times a second at most', () => {
    const { written, progress, wait } = setUp(true, 60);
    for (let i = 1; i <= 100; i++) {
      wait(10);
      progress.update(i, 'loss 1.25');
    }
    expect(written.length).toBeLessThanOrEqual(11);
    expect(written.every((text) => text.startsWith('\r\u001b[2K') && !text.includes('\n'))).toBe(true);
    expect(written.every((text) => text.length <= 59 + 5)).toBe(true);
    progress.finish();
    progress.update(5);
    progress.finish();
    expect(written.at(-1)).toBe('\n');
    expect(written.at(-2)).toContain('100/100');
  });

  it('prints plain lines every ten seconds elsewhere', () => {
    const { written, progress, wait } = setUp(false);
    for (let i = 1; i <= 50; i++) {
      wait(1000);
      progress.update(i);
    }
    expect(written).toHaveLength(5);
    expect(written[0]).toBe('search 10/100  10 %  1 min 30 s left\n');
    progress.finish('stopped');
    expect(written.at(-1)).toBe('search 50/100  50 %  50 s left  stopped\n');
  });

  it('prints lines above the bar', () => {
    const { written, progress } = setUp(true);
    progress.update(1);
    progress.print('epoch 1');
    expect(written[1]).toBe('\r\u001b[2Kepoch 1\n');
    expect(written).toHaveLength(3);
  });

  it('does not count the work of before a resume for the time left', () => {
    const state = { label: 'x', total: 100, initial: 80, done: 90, note: '', seconds: 30, bar: false };
    expect(progressLine(state)).toBe('x 90/100  90 %  30 s left');
    expect(progressLine({ ...state, done: 80 })).toBe('x 80/100  80 %');
    expect(progressLine({ ...state, total: 0, initial: 0, done: 0, bar: true })).toContain('100 %');
  });
});
