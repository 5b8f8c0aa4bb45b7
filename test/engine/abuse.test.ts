/** @file The door under abuse, in a process of its own: what would be a crash is an exit code here. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { EngineError } from '../../src/base/errors.ts';
import { operator } from '../../src/engine/call.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray } from '../../src/engine/tensor.ts';

it('survives wrong arguments, freed tensors, throwing getters and worker threads', { timeout: 300_000 }, async () => {
  const script = join(import.meta.dirname, 'abuse.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'calls=5000']);
  expect(stdout).toMatch(/the process lives/);
});

it('refuses numbers that stand for no dtype, memory format or layout', () => {
  const x = op.ones([2, 2]);
  for (const number of [-1, 100, 255, 2 ** 40]) {
    expect(() => operator('aten::sum').one(x, number)).toThrow(`"dtype": ${number} stands for no ScalarType`);
    expect(() => operator('aten::clone').one(x, number)).toThrow(
      `"memory_format": ${number} stands for no MemoryFormat`,
    );
    expect(() => operator('aten::ones_like').one(x, null, number)).toThrow(`"layout": ${number} stands for no Layout`);
  }
  // 7 is float64.
  expect(operator('aten::sum').one(x, 7).dtype).toBe('float64');
});

it('refuses what does not fit in any memory, with advice, and goes on', () => {
  for (const shape of [
    [2 ** 22, 2 ** 22],
    [2 ** 31, 2 ** 31],
  ]) {
    expect(() => op.zeros(shape)).toThrow(EngineError);
    expect(() => op.zeros(shape)).toThrow(/aten::zeros.*; .*(smaller batch or crop)/);
  }
  expect(op.relu(fromArray([-1, 1], [2])).numbers()).toEqual([0, 1]);
});
