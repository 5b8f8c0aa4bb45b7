/**
 * @file `npm run fuzz`: damaged files for every parser, each in a process that is watched. Ends with 1 when one crashes, hangs for more than a
 * second, grows beyond its limit, changes a prototype, or throws anything but an error of ours that names the file.
 *
 *   node test/fuzz/fuzz.mjs [inputs=100000] [seed=1] [parser=<name>]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PARSERS } from './parsers.mjs';

const words = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const inputs = Number(words.inputs ?? 100_000);
const seed = Number(words.seed ?? 1);
const names = Object.keys(PARSERS).filter((name) => words.parser === undefined || name === words.parser);
const folder = mkdtempSync(join(tmpdir(), 'espalier-fuzz-'));
const worker = join(import.meta.dirname, 'worker.mjs');

/**
 * Looks at the progress of a child this often. The same input for so many seconds of the processor is a hang, and for so many minutes one that waits
 * for what never comes: a busy machine lets a process stand for long.
 */
const LOOK_SECONDS = 10;
const HUNG_PROCESSOR_SECONDS = 5;
const HUNG_MINUTES = 5;

/** Seconds of the processor that a process has used; NaN where the system does not tell. */
function processorSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

/** Runs inputs from `first` on; a crash or a hang is a finding and ends it. */
function feed(name, first, inputs) {
  const progress = join(folder, 'progress');
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=1024', worker, name, seed, first, inputs - first, progress].map(String),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let error = '';
  child.stdout.on('data', (part) => {
    out += part;
  });
  child.stderr.on('data', (part) => {
    error += part;
  });
  const at = () => {
    try {
      return readFileSync(progress).readDoubleLE();
    } catch {
      return Number.NaN;
    }
  };
  let seen = { input: Number.NaN, processor: 0, time: 0 };
  let hung = false;
  const watch = setInterval(() => {
    const now = { input: at(), processor: processorSeconds(child.pid), time: performance.now() };
    if (now.input !== seen.input) seen = now;
    const minutes = (now.time - seen.time) / 60_000;
    if (now.processor - seen.processor > HUNG_PROCESSOR_SECONDS || minutes > HUNG_MINUTES) {
      hung = true;
      child.kill('SIGKILL');
    }
  }, LOOK_SECONDS * 1000);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearInterval(watch);
      if (code === 0) return resolve(JSON.parse(out));
      const fault = hung
        ? `hung for ${HUNG_PROCESSOR_SECONDS} s of the processor, or for ${HUNG_MINUTES} minutes`
        : `the process ended with ${code ?? signal}: ${error.slice(-2000)}`;
      resolve({ accepted: 0, grownBytes: 0, findings: [{ index: at(), fault }] });
    });
  });
}

let found = 0;
for (const name of names) {
  const began = performance.now();
  const own = Math.ceil(inputs * PARSERS[name].share);
  const { accepted, grownBytes, findings } = await feed(name, 0, own);
  const seconds = (performance.now() - began) / 1000;
  found += findings.length;
  console.log(
    `${name.padEnd(24)}${String(own).padStart(8)} inputs, ${String(accepted).padStart(6)} accepted, the process grew by ${(grownBytes / 2 ** 20).toFixed(0).padStart(4)} MiB, ${seconds.toFixed(1)} s, ${findings.length} findings`,
  );
  for (const { index, fault } of findings) console.log(`  input ${index}: ${fault}`);
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = found > 0 ? 1 : 0;
