/** @file Operators that once wrote beyond their memory, in a process whose allocator checks every block: there a fault ends the process. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const CHECKED_ALLOCATOR = [
  '/lib/x86_64-linux-gnu/libc_malloc_debug.so.0',
  '/lib/aarch64-linux-gnu/libc_malloc_debug.so.0',
  '/lib64/libc_malloc_debug.so.0',
].find((file) => existsSync(file));

const dist = (name: string) => pathToFileURL(resolve(import.meta.dirname, '..', '..', 'dist', 'engine', name)).href;

const SCRIPT = `
import { Generator } from '${dist('device.js')}';
import * as op from '${dist('operators.js')}';
import { backward, requireGradient } from '${dist('autograd.js')}';
import { scope } from '${dist('tensor.js')}';
const generator = new Generator(0);
for (const stride of [1, 2])
  for (const inputs of [1, 3, 4, 8, 12, 16])
    for (const outputs of [4, 8, 16])
      for (const side of [63, 64])
        scope(() => {
          const images = op.randn([4, side, side, inputs], generator.id);
          const x = requireGradient(op.permute(images, [0, 3, 1, 2]));
          const weight = requireGradient(op.randn([outputs, inputs, 1, 1], generator.id));
          const y = op.convolution(x, weight, null, [stride, stride], [0, 0], [1, 1], 1);
          backward(op.sum(op.multiply(y, y)));
        });
console.log('the heap is whole');
`;

it.skipIf(CHECKED_ALLOCATOR === undefined)(
  '1x1 convolutions that stride write within their memory, whatever their channels',
  async () => {
    const env = { ...process.env, MALLOC_CHECK_: '3', LD_PRELOAD: CHECKED_ALLOCATOR };
    const words = ['--input-type=module', '--eval', SCRIPT];
    const { stdout } = await promisify(execFile)(process.execPath, words, { env });
    expect(stdout).toContain('the heap is whole');
  },
  60_000,
);
