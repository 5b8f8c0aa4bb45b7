/**
 * @file What the benchmarks share: settings as key=value words, CPU seconds, and processes that print their figures as JSON.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The words of a command line over `defaults`, whose types they take. Ends the process with 2 at an unknown word. */
export function settingsOf(defaults, words = process.argv.slice(2)) {
  const settings = { ...defaults };
  for (const word of words) {
    const at = word.indexOf('=');
    const key = word.slice(0, at);
    if (at < 0 || !Object.hasOwn(defaults, key)) {
      console.error(`expected one of ${Object.keys(defaults).join(', ')} as key=value, got "${word}"`);
      process.exit(2);
    }
    const value = word.slice(at + 1);
    settings[key] = typeof defaults[key] === 'number' ? Number(value) : value;
  }
  return settings;
}

/** Settings as words again, without those that are empty. */
export const wordsOf = (settings) =>
  Object.entries(settings)
    .filter(([, value]) => value !== '')
    .map((entry) => entry.join('='));

/** Seconds and CPU seconds of all threads that `work` takes. */
export async function timed(work) {
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** Runs `script` of this folder (Python's with `python`) with `settings`; its last line, read as JSON. */
export async function measureApart(script, settings, { python = '', input = '', threads = 0 } = {}) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const count = threads > 0 ? { OMP_NUM_THREADS: String(threads) } : {};
  const running = promisify(execFile)(python || process.execPath, [file, ...wordsOf(settings)], {
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...count },
  });
  running.child.stdin.end(input);
  const { stdout } = await running;
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** The middle value, the smallest and the largest. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted[sorted.length - 1] };
}

/** `2.31 (2.10 to 2.52)`. */
export function showSpread(values, digits = 2) {
  const { median, least, most } = spread(values);
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** A table in Markdown. */
export const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
