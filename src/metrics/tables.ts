/**
 * @file Confusion matrices and scores by class and by case as text: a table for the terminal and CSV files for a run folder.
 *
 * Absent scores (NaN) are an en dash in the table and an empty field in CSV.
 */
import { ShapeError } from '../base/errors.ts';
import type { CaseScores, CaseSummary, ClassScores } from './cases.ts';
import { type ConfusionMatrix, meanOfNumbers, type SegmentationScores } from './confusion.ts';
import type { RegionScores } from './regions.ts';

/** The matrix as CSV: a header of predicted classes, one row a labelled class. */
export function confusionCsv(names: readonly string[], matrix: ConfusionMatrix): string {
  requireNames(names, matrix.classes);
  const rows = names.map((name, row) => [
    name,
    ...matrix.counts.subarray(row * matrix.classes, (row + 1) * matrix.classes),
  ]);
  return csv([['label \\ prediction', ...names], ...rows]);
}

/** Scores by class, or by region: those have Dice and the pixels that count, too. */
type ClassTable = SegmentationScores & Partial<Pick<RegionScores, 'dice' | 'pixels'>>;

/**
 * `class,iou,accuracy,support` with one row a class, and a last row `mean` (its support is the total). Of regions, which overlap,
 * `region,iou,dice,accuracy,share` with the share of the pixels.
 */
export function perClassCsv(names: readonly string[], scores: ClassTable): string {
  requireNames(names, scores.iou.length);
  const { dice, pixels } = scores;
  if (dice && pixels !== undefined)
    return csv([
      ['region', 'iou', 'dice', 'accuracy', 'share'],
      ...names.map((name, r) => [name, scores.iou[r], dice[r], scores.accuracy[r], scores.support[r] / pixels]),
      ['mean', scores.miou, meanOfNumbers(dice), scores.meanAccuracy, ''],
    ]);
  const rows = names.map((name, c) => [name, scores.iou[c], scores.accuracy[c], scores.support[c]]);
  return csv([
    ['class', 'iou', 'accuracy', 'support'],
    ...rows,
    ['mean', scores.miou, scores.meanAccuracy, total(scores)],
  ]);
}

/** The scores in per cent as an aligned table, ending with the means; no trailing newline. */
export function perClassTable(names: readonly string[], scores: ClassTable): string {
  requireNames(names, scores.iou.length);
  const { dice, pixels: counted } = scores;
  if (dice && counted !== undefined) return regionTable(names, { ...scores, dice, pixels: counted });
  const pixels = total(scores);
  const rows = names.map((name, c) => [
    name,
    percent(scores.iou[c]),
    percent(scores.accuracy[c]),
    percent(scores.support[c] / pixels),
  ]);
  return [
    aligned(['class', 'IoU %', 'accuracy %', 'pixels %'], rows, [
      'mean',
      percent(scores.miou),
      percent(scores.meanAccuracy),
      '',
    ]),
    `pixel accuracy ${percent(scores.pixelAccuracy)} %`,
  ].join('\n');
}

function regionTable(names: readonly string[], scores: RegionScores): string {
  const { iou, dice, accuracy, support, pixels } = scores;
  const rows = names.map((name, r) => [
    name,
    ...[iou[r], dice[r], accuracy[r], support[r] / pixels].map((share) => percent(share)),
  ]);
  const means = [scores.miou, meanOfNumbers(dice), scores.meanAccuracy].map((share) => percent(share));
  const table = aligned(['region', 'IoU %', 'Dice %', 'accuracy %', 'pixels %'], rows, ['mean', ...means, '']);
  return `${table}\nall regions right in ${percent(scores.pixelAccuracy)} % of the pixels`;
}

/** `case,class,dice,surface_dice,hausdorff95_mm`: one row a case and class but the background. */
export function perCaseCsv(names: readonly string[], cases: readonly CaseScores[]): string {
  const rows = cases.flatMap(({ id, classes }) => {
    const scored = scoredNames(names, classes.length);
    return classes.map((scores, c) => [id, scored[c], ...caseColumns(scores)]);
  });
  return csv([['case', 'class', ...CASE_COLUMNS], ...rows]);
}

/** `class,dice,surface_dice,hausdorff95_mm,cases`: means over the cases that count, one row a class but the background, and a last row `mean`. */
export function perClassCasesCsv(names: readonly string[], { classes, mean }: CaseSummary): string {
  const scored = scoredNames(names, classes.length);
  const rows = classes.map((scores, c) => [scored[c], ...caseColumns(scores), scores.cases]);
  const head = names.length === classes.length ? 'region' : 'class';
  return csv([[head, ...CASE_COLUMNS, 'cases'], ...rows, ['mean', ...caseColumns(mean), '']]);
}

/** The means over cases as an aligned table, shares in per cent, ending with their mean; no trailing newline. */
export function casesTable(names: readonly string[], { classes, mean }: CaseSummary): string {
  const scored = scoredNames(names, classes.length);
  const cells = ({ dice, surfaceDice, hausdorff95Mm }: ClassScores) => [
    percent(dice),
    percent(surfaceDice),
    Number.isNaN(hausdorff95Mm) ? '–' : hausdorff95Mm.toFixed(2),
  ];
  return aligned(
    [names.length === classes.length ? 'region' : 'class', 'Dice %', 'surface Dice %', 'HD95 mm', 'cases'],
    classes.map((scores, c) => [scored[c], ...cells(scores), String(scores.cases)]),
    ['mean', ...cells(mean), ''],
  );
}

const CASE_COLUMNS = ['dice', 'surface_dice', 'hausdorff95_mm'];
const caseColumns = ({ dice, surfaceDice, hausdorff95Mm }: ClassScores) => [dice, surfaceDice, hausdorff95Mm];

/** Rows under a head and over a foot, the first column to the left and the others to the right. */
function aligned(head: string[], rows: string[][], foot: string[]): string {
  const widths = head.map((_, column) => Math.max(...[head, foot, ...rows].map((row) => row[column].length)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)));
  return [line(head), rule, ...rows.map(line), rule, line(foot)].join('\n');
}

function csv(rows: readonly (readonly (string | number)[])[]): string {
  return `${rows.map((row) => row.map(csvField).join(',')).join('\n')}\n`;
}

function total(scores: SegmentationScores): number {
  return scores.support.reduce((sum, value) => sum + value, 0);
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : (100 * share).toFixed(2);
}

/** The names of what is scored by case: of classes all but the first, the background; of regions all. */
function scoredNames(names: readonly string[], count: number): readonly string[] {
  if (names.length === count) return names;
  requireNames(names, count + 1);
  return names.slice(1);
}

function requireNames(names: readonly string[], classes: number): void {
  if (names.length !== classes) throw new ShapeError(`expected ${classes} class names, got ${names.length}`);
}

/** Quoted when it must be; NaN is empty. */
function csvField(value: string | number): string {
  if (Number.isNaN(value)) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
