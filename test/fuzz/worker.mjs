/**
 * @file Feeds inputs to one parser, in a process of its own that may crash or hang: the file of progress says which input it was at.
 *
 * Words: name of the parser, seed, first index, number of inputs, file of progress. Prints one line of JSON at the end.
 */
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '../../dist/base/errors.js';
import { changeFields, hasFields } from './fields.mjs';
import { inputOf, randomOf } from './mutate.mjs';
import { FILE, PARSERS } from './parsers.mjs';

/** Seconds and bytes that one input may take. */
const LIMITS = { seconds: 1, bytes: 256 * 2 ** 20 };

const [name, seed, first, count, progressFile] = process.argv.slice(2);
const parser = PARSERS[name];
const progress = openSync(progressFile, 'w');
const position = Buffer.alloc(8);
const findings = [];
let accepted = 0;

/** Bytes of this process now, and the most so far. */
const resident = () => process.memoryUsage.rss();
const peak = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024 || resident();

/** Of three inputs one has other fields, one other bytes, and one other bytes with what keeps them from being read put right. */
function makeInput(index) {
  if (index % 3 === 2 && hasFields(parser.kind))
    return changeFields(parser.kind, parser.seeds, randomOf(Number(seed), index));
  const input = inputOf(parser.seeds, Number(seed), index);
  return parser.mend && index % 2 === 1 ? parser.mend(input) : input;
}

/** A folder beside that of the parsers, where this process works: nothing is written to it. */
const outside = mkdtempSync(join(tmpdir(), 'espalier-outside-'));
process.chdir(outside);
process.on('exit', () => rmSync(outside, { recursive: true, force: true }));

async function tryOne(bytes) {
  const polluted = Object.keys(Object.prototype).length;
  const began = process.cpuUsage();
  try {
    await parser.parse(bytes);
    accepted++;
  } catch (error) {
    if (!(error instanceof EspalierError)) return `threw ${error?.name}: ${error?.message}\n${error?.stack}`;
    const names = parser.names ?? new RegExp((parser.file ?? FILE).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    if (!names.test(error.message)) return `names no file: ${error.message}`;
    if (error.message.length > 2000) return `a message of ${error.message.length} characters`;
  }
  // Of the processor: a busy machine lets a process wait.
  const { user, system } = process.cpuUsage(began);
  const seconds = (user + system) / 1e6;
  if (Object.keys(Object.prototype).length !== polluted) return 'changed the prototype of every object';
  return seconds > LIMITS.seconds ? `took ${seconds.toFixed(1)} s` : undefined;
}

for (const bytes of parser.seeds) {
  try {
    await parser.parse(bytes);
  } catch (error) {
    if (!parser.mayRefuse) throw new Error(`${name}: refuses a valid file: ${error.message}`);
  }
}
accepted = 0;
const base = resident();
const last = Number(first) + Number(count);
for (let index = Number(first); index < last; index++) {
  position.writeDoubleLE(index);
  writeSync(progress, position, 0, 8, 0);
  const fault = await tryOne(makeInput(index));
  if (fault) findings.push({ index, fault });
  if (findings.length >= 10) break;
}
const written = readdirSync(outside);
if (written.length > 0) findings.push({ index: -1, fault: `wrote ${written.join(', ')} outside its folder` });
const grown = peak() - base;
if (grown > LIMITS.bytes)
  findings.push({ index: -1, fault: `the process grew by ${(grown / 2 ** 20).toFixed(0)} MiB` });
process.stdout.write(`${JSON.stringify({ accepted, grownBytes: grown, findings })}\n`);
