/**
 * @file Gives one parser the files of a list, one after the other, and prints for each the seconds of the processor, the bytes by which the process grew
 * beyond what it takes idle with the same imports, and what was wrong with the answer.
 *
 *   node --expose-gc test/fuzz/measure.mjs <parser> <file>...
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { EspalierError } from '../../dist/base/errors.js';
import { readTextFile } from '../../dist/base/textFile.js';
import { PARSERS } from './parsers.mjs';

const [name, ...files] = process.argv.slice(2);
const { parse, read, text, file: place } = PARSERS[name];

const status = (key) =>
  Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
/** Makes the peak that the system keeps the present size. */
const forgetPeak = () => writeFileSync('/proc/self/clear_refs', '5');

/** Once, with a valid file: code that is loaded at the first use counts as idle. */
try {
  await parse(PARSERS[name].seeds[0]);
} catch {
  // A row may refuse its seeds; the fuzzers look at that.
}
globalThis.gc();
const idle = status('VmRSS');

for (const file of files) {
  globalThis.gc();
  if (place !== undefined) copyFileSync(file, place);
  forgetPeak();
  const began = process.cpuUsage();
  let fault;
  let said = 'accepted';
  try {
    if (text) await text(readTextFile(file));
    else if (read) await read();
    else await parse(readFileSync(file));
  } catch (error) {
    said = String(error?.message).slice(0, 150);
    if (!(error instanceof EspalierError)) fault = `threw ${error?.stack ?? error}`;
    else if (error.message.length > 10_000) fault = `a message of ${error.message.length} characters`;
  }
  const { user, system } = process.cpuUsage(began);
  const grown = Math.max(0, status('VmHWM') - idle);
  process.stdout.write(`${JSON.stringify({ seconds: (user + system) / 1e6, grown, fault, said })}\n`);
}
