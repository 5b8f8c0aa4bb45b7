/**
 * @file HTML from texts that nobody has checked: names of runs and classes, messages, settings. What reaches a page goes through `html`.
 */
import { escapeMarkup } from '../../base/text.ts';

/** Markup that is known to be safe. Made by {@link html} and {@link trusted} only. */
export interface Markup {
  readonly markup: string;
}

/** What may stand between the parts of a template; arrays are joined, nothing is left out. */
export type Hole = string | number | Markup | undefined | readonly Hole[];

/** A template whose holes are escaped, unless they are markup already. */
export const html = (parts: TemplateStringsArray, ...holes: readonly Hole[]): Markup => ({
  markup: parts.map((part, i) => (i === 0 ? part : fill(holes[i - 1]) + part)).join(''),
});

/** Markup that was made by this program, such as a chart. */
export const trusted = (markup: string): Markup => ({ markup });

/** A file as part of the page. */
export const dataUri = (type: 'image/png' | 'image/jpeg' | 'image/svg+xml', content: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(content).toString('base64')}`;

function fill(hole: Hole): string {
  if (hole === undefined) return '';
  if (typeof hole === 'string') return escapeMarkup(hole);
  if (typeof hole === 'number') return String(hole);
  return 'markup' in hole ? hole.markup : hole.map(fill).join('');
}
