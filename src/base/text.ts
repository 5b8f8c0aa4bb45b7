/**
 * @file Small text helpers: the nearest valid name, sizes and durations for people.
 */
import { distance } from 'fastest-levenshtein';

/** More valid names than this are not listed whole. */
const FEW = 8;

/** `did you mean "a"? valid: a, b` in one phrase, for error messages; of many valid names the three nearest. */
export function suggest(name: string, valid: readonly string[]): string {
  if (valid.length === 0) return 'nothing is valid here';
  // Both may be from a file of a stranger: comparing takes as long as they are.
  const few = valid.slice(0, 1000).map((each) => each.slice(0, 100));
  const near = nearest(name.slice(0, 100), few);
  if (valid.length <= FEW) return `did you mean "${near[0]}"? valid: ${few.join(', ')}`;
  const [first, second, third] = near.map((each) => `"${each}"`);
  return `did you mean ${first}, ${second} or ${third}?`;
}

/** The three valid names that are nearest, the nearest first; of a dotted one also its last part alone, or a beginning, may be what was meant. */
function nearest(name: string, valid: readonly string[]): string[] {
  const written = name.toLowerCase();
  const costOf = (each: string): number => {
    const whole = each.toLowerCase();
    const last = whole.slice(whole.lastIndexOf('.') + 1);
    const begins = written.length > 2 && (whole.startsWith(written) || last.startsWith(written));
    return Math.min(distance(written, whole), distance(written, last) + 0.5, begins ? 1.5 : Number.POSITIVE_INFINITY);
  };
  const costs = new Map(valid.map((each) => [each, costOf(each)]));
  return [...costs.keys()].sort((a, b) => costs.get(a)! - costs.get(b)!).slice(0, 3);
}

/** Any value as in a JSON file, cut to fit a message; numbers that no JSON holds by their names. */
export function showShort(value: unknown): string {
  if (['number', 'bigint', 'function', 'undefined'].includes(typeof value)) return String(value).slice(0, 60);
  try {
    return JSON.stringify(value).slice(0, 60);
  } catch {
    return 'a value that no JSON holds';
  }
}

/** Bytes as `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** Seconds as `1 h 02 min`, `3 min 05 s` or `4.2 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** How often each of several kinds is there, the most frequent first: `5 .mha, 1 .txt`. */
export function countKinds(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} ${kind}`);
  return sorted.slice(0, 5).join(', ') + (sorted.length > 5 ? ', ...' : '');
}

/** Such as `0.512`; a loss that was not taken (NaN) is `-`. */
export const formatLoss = (loss: number): string => (Number.isNaN(loss) ? '-' : loss.toFixed(3));

/** Text as content or attribute of HTML and SVG: markup escaped, characters that XML forbids left out. */
export const escapeMarkup = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML 1.0 forbids.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
