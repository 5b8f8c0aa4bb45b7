/**
 * @file A sheet of samples to look at before training: each image beside its labels in colour, and a legend of the classes with their shares.
 */
import { svgFile } from '../../base/svg.ts';
import { escapeMarkup } from '../../base/text.ts';
import { shownChannels } from '../channels/format.ts';
import { type Colour, type DataSet, ownChannels, type SegmentationClass } from '../types.ts';
import { type Example, isVisible } from './example.ts';

/** The longest side of an image, in pixels of the sheet. */
export const LONGEST_SIDE = 230;

const GAP = 4;
const MARGIN = 14;
const CAPTION = 18;
const TITLE = 34;
const LEGEND = 250;
const ROW = 20;

/** So many classes are in the legend. */
const MOST_CLASSES = 40;

/**
 * The sheet as PNG.
 * @param split the split of each example, for its caption.
 */
export async function drawSheet(
  dataset: DataSet,
  examples: readonly (Example & { split: string })[],
): Promise<Uint8Array> {
  const columns = examples.length > 2 ? 2 : 1;
  const cell = 2 * LONGEST_SIDE + GAP + MARGIN;
  const body: string[] = [
    `<text x="${MARGIN}" y="22" font-size="14">${escapeMarkup(cut(titleOf(dataset), 100))}</text>`,
  ];
  const pictures: { input: Buffer; raw: { width: number; height: number; channels: 3 }; left: number; top: number }[] =
    [];
  let top = TITLE;
  for (let first = 0; first < examples.length; first += columns) {
    const row = examples.slice(first, first + columns);
    for (const [column, example] of row.entries()) {
      const { width, height, id, split } = example;
      const left = MARGIN + column * cell;
      body.push(`<text x="${left}" y="${top + 12}" fill="#57606a">${escapeMarkup(cut(`${split}: ${id}`, 56))}</text>`);
      for (const [place, data] of [example.image, example.overlay].entries())
        pictures.push({
          ...{ input: Buffer.from(data), raw: { width, height, channels: 3 } },
          ...{ left: left + place * (width + GAP), top: top + CAPTION },
        });
    }
    top += CAPTION + Math.max(...row.map(({ height }) => height)) + MARGIN;
  }
  const legendLeft = MARGIN + columns * cell;
  const legend = drawLegend(dataset.classes, examples, legendLeft);
  const width = Math.max(legendLeft + LEGEND, 700);
  const height = Math.max(top, TITLE + legend.height + MARGIN);
  const { default: sharp } = await import('sharp');
  const card = svgFile(width, height, `samples of ${dataset.name}`, [...body, ...legend.body]);
  return new Uint8Array(
    await sharp(Buffer.from(card)).composite(pictures).flatten({ background: '#ffffff' }).png().toBuffer(),
  );
}

function titleOf(dataset: DataSet): string {
  const { name, layout, classes, splits, rank } = dataset;
  const { train, val } = splits;
  return `${name}, layout ${layout}: ${classes.length} classes, ${train.length} train and ${val.length} val ${rank === 2 ? 'images' : 'volumes'}${shownOf(dataset)}`;
}

/** Which channels are shown, where images are not RGB. */
function shownOf(dataset: DataSet): string {
  const channels = dataset.rank === 2 ? ownChannels(dataset) : undefined;
  if (channels === undefined) return '';
  const names = [...new Set(shownChannels(channels.names))].map((place) => channels.names[place]);
  return `, of ${channels.names.length} channel${channels.names.length === 1 ? '' : 's'}: ${names.join(', ')}`;
}

/** A row a class: its colour, name, and share of the pixels of the examples. */
function drawLegend(
  classes: readonly SegmentationClass[],
  examples: readonly Example[],
  left: number,
): { body: string[]; height: number } {
  const counts = Array.from({ length: classes.length + 1 }, (_, id) =>
    examples.reduce((sum, example) => sum + example.counts[id], 0),
  );
  const all = Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  );
  const rows: { name: string; colour: Colour | undefined; share: number }[] = classes
    .slice(0, MOST_CLASSES)
    .map((entry, id) => ({
      name: entry.name,
      colour: isVisible(entry) ? entry.colour : undefined,
      share: counts[id] / all,
    }));
  if (classes.length > MOST_CLASSES)
    rows.push({
      name: `${classes.length - MOST_CLASSES} more`,
      colour: undefined,
      share: counts.slice(MOST_CLASSES, -1).reduce((sum, count) => sum + count, 0) / all,
    });
  if (counts[classes.length] > 0)
    rows.push({ name: 'ignored', colour: [200, 200, 200], share: counts[classes.length] / all });
  const body = [`<text x="${left}" y="${TITLE + 12}" fill="#57606a">share of these ${examples.length} samples</text>`];
  for (const [i, { name, colour, share }] of rows.entries()) {
    const y = TITLE + CAPTION + 6 + i * ROW;
    body.push(
      `<rect x="${left}" y="${y}" width="14" height="14" fill="${colour ? `rgb(${colour.join(',')})` : 'none'}" stroke="#8c959f"/>`,
      `<text x="${left + 22}" y="${y + 11}">${escapeMarkup(cut(name, 24))}</text>`,
      `<text x="${left + LEGEND - MARGIN}" y="${y + 11}" text-anchor="end">${(100 * share).toFixed(2)} %</text>`,
    );
  }
  return { body, height: CAPTION + 6 + rows.length * ROW };
}

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
