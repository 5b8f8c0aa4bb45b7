import { afterEach, describe, expect, it } from 'vitest';
import { StoppedError } from '../../src/base/errors.ts';
import { stoppable } from '../../src/cli/command.ts';

describe('the exit code of a stopped command', () => {
  const before = process.exitCode;
  afterEach(() => {
    process.exitCode = before;
  });

  it('is that of a plain kill where another process was told to stop', async () => {
    const stopped = stoppable(() => Promise.reject(new StoppedError('stopped')));
    await expect(stopped).rejects.toThrow(StoppedError);
    expect(process.exitCode).toBe(143);
  });

  it('is left alone by other errors', async () => {
    await expect(stoppable(() => Promise.reject(new TypeError('other')))).rejects.toThrow(TypeError);
    expect(process.exitCode).toBe(before);
  });
});
