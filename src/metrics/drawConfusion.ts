/**
 * @file A confusion matrix as a drawing: a heat map of rows in per cent. SVG text that stands alone, on its own white card.
 */

import { ShapeError } from '../base/errors.ts';
import { svgFile } from '../base/svg.ts';
import { escapeMarkup } from '../base/text.ts';
import type { ConfusionMatrix } from './confusion.ts';

const MARGIN = 16;
const TITLE = 40;

/**
 * The matrix with every row divided by its sum: how much of each labelled class (row) was predicted as what (column), in per cent. A class
 * without labels has an empty row. Counts are in the tool tips. Above 40 classes the cells have no numbers.
 *
 * @throws ShapeError when there are not as many names as classes.
 */
export function drawConfusion(names: readonly string[], matrix: ConfusionMatrix): string {
  const { classes, counts } = matrix;
  if (names.length !== classes) throw new ShapeError(`expected ${classes} class names, got ${names.length}`);
  const numbers = classes <= 40;
  const cell = numbers ? 38 : 14;
  const labels = names.map((name) => shortened(name, 24));
  const room = Math.max(...labels.map((label) => 7.2 * [...label].length)) + 10;
  const left = MARGIN + room;
  const top = MARGIN + TITLE + room * 0.72;
  // Slanted labels lean over the last column.
  const width = Math.ceil(Math.max(left + classes * cell + room * 0.72 + MARGIN, 420));
  const height = Math.ceil(top + classes * cell + MARGIN);
  const parts: string[] = [
    text(MARGIN, MARGIN + 8, 'confusion matrix, per cent of the labelled pixels', 'font-size="14" font-weight="600"'),
    text(MARGIN, MARGIN + 27, 'rows: label, columns: prediction', 'fill="#59636e"'),
  ];
  for (let row = 0; row < classes; row++) {
    const y = top + row * cell;
    parts.push(text(left - 7, y + cell / 2, labels[row], `text-anchor="end"${numbers ? '' : ' font-size="10"'}`));
    const x = left + (row + 0.5) * cell;
    parts.push(
      `<g transform="translate(${round(x)} ${round(top - 8)}) rotate(-45)">${text(0, 0, labels[row], numbers ? '' : 'font-size="10"')}</g>`,
    );
    const total = counts.subarray(row * classes, (row + 1) * classes).reduce((sum, count) => sum + count, 0);
    for (let column = 0; column < classes; column++) {
      const count = counts[row * classes + column];
      const share = total === 0 ? 0 : count / total;
      const title = `${names[row]} predicted as ${names[column]}: ${total === 0 ? 'no labels' : `${(100 * share).toFixed(2)} %`} (${count})`;
      const at = `x="${round(left + column * cell)}" y="${round(y)}" width="${cell}" height="${cell}"`;
      parts.push(
        `<rect ${at} fill="${colourOf(share, row === column)}" stroke="#d8dee4"><title>${escapeMarkup(title)}</title></rect>`,
      );
      if (numbers && percent(share) !== '')
        parts.push(
          text(
            left + (column + 0.5) * cell,
            y + cell / 2,
            percent(share),
            `text-anchor="middle" font-size="11" pointer-events="none"${share > 0.55 ? ' fill="#ffffff"' : ''}`,
          ),
        );
    }
  }
  return svgFile(width, height, `confusion matrix of ${classes} classes`, parts);
}

/** White to blue on the diagonal, where a high share is good; white to orange beside it. */
function colourOf(share: number, diagonal: boolean): string {
  const full = diagonal ? [16, 78, 150] : [180, 60, 4];
  // The root makes small shares visible: confusions are seldom above some per cent.
  const strength = share ** 0.6;
  return `rgb(${full.map((value) => Math.round(255 + (value - 255) * strength)).join(' ')})`;
}

/** Whole per cents; nothing below half of one. */
function percent(share: number): string {
  const whole = Math.round(100 * share);
  if (whole === 0) return '';
  return whole === 100 && share < 1 ? '>99' : String(whole);
}

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${round(x)}" y="${round(y + 4.2)}"${attributes === '' ? '' : ` ${attributes}`}>${escapeMarkup(content)}</text>`;

const round = (value: number): number => Math.round(value * 10) / 10;

function shortened(name: string, length: number): string {
  const characters = [...name.replace(/\s+/g, ' ')];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
