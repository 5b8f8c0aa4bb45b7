/**
 * @file The validation curves of all trials in one picture: mIoU of the supernet over epochs. Pure; SVG text that stands for itself.
 * @paper auto-deeplab figure 4
 */
import { rangeOf } from '../../base/lists.ts';
import { svgFile } from '../../base/svg.ts';
import { roundTicks } from '../report/chart.ts';
import { colourOf, dot, scaleOf, text, widened } from '../report/svgParts.ts';
import { bestTrial, type Trial } from './trials.ts';

const FRAME = { width: 560, height: 340, left: 56, right: 14, top: 30, bottom: 44 } as const;
const LEGEND_LINE = 20;

/** The picture; the chosen trial is drawn bold. */
export function drawTrials(trials: readonly Trial[]): string {
  const { width, left, right, top, bottom } = FRAME;
  const floor = FRAME.height - bottom;
  const best = bestTrial(trials);
  const lines = trials.map(({ curve }) =>
    curve.flatMap(({ epoch, miou }) => (miou === null ? [] : [{ epoch: epoch + 1, score: 100 * miou }])),
  );
  const yTicks = roundTicks(...widened(lines.flat().map(({ score }) => score)), 5);
  const xTicks = roundTicks(0, rangeOf([1, ...lines.flat().map(({ epoch }) => epoch)])[1], 6);
  const x = scaleOf(xTicks, left, width - right);
  const y = scaleOf(yTicks, floor, top);
  const grid = yTicks.map(
    (tick) =>
      `<path d="M${left} ${y(tick)}H${width - right}" stroke="#ddd"/>${text(left - 7, y(tick) + 4, String(tick), 'end')}`,
  );
  const curves = lines.map((points, i) => {
    const path = points.map(({ epoch, score }) => `${x(epoch)},${y(score)}`).join(' ');
    const bold = trials[i] === best;
    if (points.length === 0) return '';
    return points.length === 1
      ? dot(x(points[0].epoch), y(points[0].score), bold ? 5 : 3, colourOf(i))
      : `<polyline points="${path}" fill="none" stroke="${colourOf(i)}" stroke-width="${bold ? 3 : 1.5}"/>`;
  });
  const legend = trials.map((trial, i) => {
    const [at, line] = [left + (i % 2) * 250, FRAME.height + 16 + LEGEND_LINE * Math.floor(i / 2)];
    const score = trial.retrained === null ? 'not retrained' : `${(100 * trial.retrained).toFixed(1)} % retrained`;
    const label = `seed ${trial.seed}, ${score}${trial === best ? ', chosen' : ''}`;
    return `${dot(at, line - 4, 5, colourOf(i))}${text(at + 12, line, label, 'start')}`;
  });
  const height = FRAME.height + 14 + LEGEND_LINE * Math.ceil(trials.length / 2);
  return svgFile(width, height, 'mIoU of the supernet over epochs, by seed', [
    text(left, 18, 'mIoU of the supernet, %', 'start'),
    ...grid,
    `<path d="M${left} ${floor}H${width - right}" stroke="#222"/>`,
    ...xTicks.map((tick) => text(x(tick), floor + 18, String(tick), 'middle')),
    text((left + width) / 2, FRAME.height - 6, 'epoch', 'middle'),
    ...curves,
    ...legend,
  ]);
}
