/**
 * @file Loaded before a program (`node --import`): makes its disk slow, full, or the scene of a sudden end. The program knows nothing of it.
 *
 * ESPALIER_FAULT, any of, with commas: `slow` writes in small pieces with pauses; `kill:N` ends the process in the N-th operation on the disk,
 * when half of it is written; `full:N` lets the disk be full from the N-th operation on. ESPALIER_FAULT_COUNT names a file that gets the
 * number of operations at the end.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const faults = new Map((process.env.ESPALIER_FAULT ?? '').split(',').map((word) => word.split(':')));
const killAt = Number(faults.get('kill') ?? Number.POSITIVE_INFINITY);
const fullAt = Number(faults.get('full') ?? Number.POSITIVE_INFINITY);
const slow = faults.has('slow');
const real = { ...fs };
let operations = 0;

const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
const end = () => process.kill(process.pid, 'SIGKILL');
const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: -28 });

/** One operation: `half` is done before a sudden end or a full disk, `whole` otherwise. */
function operate(half, whole) {
  operations++;
  if (operations >= fullAt) {
    half();
    throw noSpace();
  }
  if (operations === killAt) {
    half();
    end();
  }
  return whole();
}

function writeInPieces(file, bytes) {
  if (!slow) return real.writeFileSync(file, bytes);
  const handle = typeof file === 'number' ? file : real.openSync(file, 'w');
  const piece = Math.max(1, Math.ceil(bytes.length / 5));
  for (let at = 0; at < bytes.length; at += piece) {
    pause();
    real.writeSync(handle, bytes, at, Math.min(piece, bytes.length - at));
  }
  if (typeof file !== 'number') real.closeSync(handle);
}

if (isMainThread && process.env.ESPALIER_FAULT !== undefined) {
  fs.writeFileSync = (file, content, options) => {
    const bytes = Buffer.from(content);
    // A write that must be the first to make its file is small: the lock.
    if (options !== undefined)
      return operate(
        () => undefined,
        () => real.writeFileSync(file, content, options),
      );
    return operate(
      () => real.writeFileSync(file, bytes.subarray(0, bytes.length >> 1)),
      () => writeInPieces(file, bytes),
    );
  };
  fs.appendFileSync = (file, content) => {
    const text = String(content);
    return operate(
      () => real.appendFileSync(file, text.slice(0, text.length >> 1)),
      () => real.appendFileSync(file, text),
    );
  };
  fs.writeSync = (file, bytes, offset = 0, length = bytes.length - offset) => {
    const half = Math.ceil(length / 2);
    return operate(
      () => real.writeSync(file, bytes, offset, half),
      () => {
        if (!slow) return real.writeSync(file, bytes, offset, length);
        pause();
        return real.writeSync(file, bytes, offset, half);
      },
    );
  };
  // A full disk still lets names go and files shrink.
  for (const name of ['renameSync', 'rmSync', 'fsyncSync', 'linkSync', 'ftruncateSync']) {
    fs[name] = (...args) => {
      operations++;
      if (operations === killAt) end();
      if (slow) pause();
      return real[name](...args);
    };
  }
  fs.mkdirSync = (...args) =>
    operate(
      () => undefined,
      () => real.mkdirSync(...args),
    );
  syncBuiltinESMExports();
  const report = process.env.ESPALIER_FAULT_COUNT;
  if (report !== undefined) process.on('exit', () => real.writeFileSync(report, String(operations)));
}
