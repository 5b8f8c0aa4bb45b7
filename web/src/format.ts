/** @file Numbers and times for people. */
export { formatBytes, formatDuration } from '../../src/base/text.ts';

/** A count with a unit: 1.23 M. */
export function formatCount(value: number | undefined): string {
  if (value === undefined) return '–';
  const [factor, unit] = value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / factor).toPrecision(3))}${unit}`;
}

/** Of an axis, whose round numbers of bytes would be none of MiB. */
export const formatMebibytes = (value: number): string => `${Number(value.toPrecision(3))} MiB`;

/** A share in per cent. */
export const formatShare = (share: number | null | undefined, digits = 2): string =>
  share === null || share === undefined || !Number.isFinite(share) ? '–' : `${(100 * share).toFixed(digits)} %`;

/** A number of any size in few characters. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** A moment as `30 Jun, 14:05`. */
export const formatMoment = (iso: string | undefined): string =>
  iso === undefined
    ? '–'
    : new Date(iso).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** `weightLoss` as `weight loss`. */
export const words = (key: string): string =>
  key === 'miou' ? 'mIoU' : key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
