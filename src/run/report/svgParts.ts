/**
 * @file What pictures of scores share that stand for themselves: colours, marks, texts, a linear scale. Pure.
 */
import { rangeOf } from '../../base/lists.ts';
import { escapeMarkup } from '../../base/text.ts';

/** Colours that also people tell apart who see few; they repeat after eight. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#5b5b5b', '#8c6d1f'] as const;

export const colourOf = (i: number): string => COLOURS[i % COLOURS.length];

/** From the interval of the ticks to pixels, in tenths. */
export function scaleOf(ticks: readonly number[], start: number, end: number): (value: number) => number {
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  return (value) => Math.round(10 * (start + ((value - low) / (high - low)) * (end - start))) / 10;
}

/** The interval of scores in percent with a little room; 0 to 100 where there are none. */
export function widened(scores: readonly number[]): [number, number] {
  if (scores.length === 0) return [0, 100];
  const [low, high] = rangeOf(scores);
  const room = Math.max(0.5, 0.1 * (high - low));
  return [Math.max(0, low - room), Math.min(100, high + room)];
}

export const dot = (x: number, y: number, radius: number, colour: string, title?: string): string =>
  `<circle cx="${x}" cy="${y}" r="${radius}" fill="${colour}"${title === undefined ? '/>' : `><title>${escapeMarkup(title)}</title></circle>`}`;

export const text = (x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeMarkup(content)}</text>`;
