/**
 * @file The envelope of every drawing that is a file: size, font, a title for screen readers, and a white card, so that it reads the same on a light and
 * on a dark page. No style sheet, script or font of its own.
 */
import { escapeMarkup } from './text.ts';

/** The colour of text on the card. */
export const SVG_TEXT = '#1f2328';

const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif';

/**
 * An SVG file.
 * @param title what a screen reader says, and what a pointer that rests on it shows
 * @param body elements in pixels of the drawing, from (0, 0) to (width, height)
 */
export const svgFile = (width: number, height: number, title: string, body: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="${FONT}" font-size="12" fill="${SVG_TEXT}">`,
    `<title>${escapeMarkup(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>`,
    ...body,
    '</svg>\n',
  ].join('\n');
