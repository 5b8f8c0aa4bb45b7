/**
 * @file A comparison as an image: the score against multiply-adds, parameters and memory, every seed a dot, every architecture a bar from its worst to
 * its best with its mean. Pure; SVG text that stands for itself.
 */
import { rangeOf } from '../../base/lists.ts';
import { svgFile } from '../../base/svg.ts';
import { roundTicks } from '../report/chart.ts';
import { colourOf, dot, scaleOf, text, widened } from '../report/svgParts.ts';
import type { ComparedArchitecture, ComparisonConditions } from './comparison.ts';

const PANEL = { width: 430, height: 320, left: 56, right: 14, top: 30, bottom: 44 } as const;
const LEGEND_LINE = 20;

/** The image; architectures without a score are named in the legend only. */
export function drawComparison(
  architectures: readonly ComparedArchitecture[],
  { score: measure }: Pick<ComparisonConditions, 'score'>,
): string {
  const panels = [
    panel(architectures, measure, 'multiply-adds, G', ({ multiplyAdds }) => multiplyAdds / 1e9),
    panel(architectures, measure, 'parameters, M', ({ parameters }) => parameters / 1e6),
    panel(
      architectures,
      measure,
      'memory of a training step, GB',
      (one) => (one.measuredBytes ?? one.trainingBytes) / 1e9,
    ),
  ];
  const width = panels.length * PANEL.width;
  const height = PANEL.height + 14 + LEGEND_LINE * Math.ceil(architectures.length / panels.length);
  const legend = architectures.map(({ architecture, mean }, i) => {
    const [row, column] = [Math.floor(i / panels.length), i % panels.length];
    const [x, y] = [PANEL.left + column * PANEL.width, PANEL.height + 16 + LEGEND_LINE * row];
    const score = mean === null ? 'no score' : `${(100 * mean).toFixed(1)} %`;
    return `${dot(x, y - 4, 5, colourOf(i))}${text(x + 12, y, `${architecture}, ${score}`, 'start')}`;
  });
  return svgFile(width, height, `${measure} against multiply-adds, parameters and memory`, [
    ...panels.map((body, i) => `<g transform="translate(${i * PANEL.width} 0)">${body}</g>`),
    ...legend,
  ]);
}

function panel(
  architectures: readonly ComparedArchitecture[],
  measure: string,
  label: string,
  costOf: (architecture: ComparedArchitecture) => number,
): string {
  const scored = architectures.filter(({ mean }) => mean !== null);
  const scoresOf = ({ runs }: ComparedArchitecture) =>
    runs.flatMap(({ score }) => (score === null ? [] : [100 * score]));
  const scores = scored.flatMap(scoresOf);
  const yTicks = roundTicks(...widened(scores), 5);
  const xTicks = roundTicks(0, rangeOf([1e-6, ...architectures.map(costOf)])[1], 5);
  const x = scaleOf(xTicks, PANEL.left, PANEL.width - PANEL.right);
  const y = scaleOf(yTicks, PANEL.height - PANEL.bottom, PANEL.top);
  const grid = yTicks.map(
    (tick) =>
      `<path d="M${PANEL.left} ${y(tick)}H${PANEL.width - PANEL.right}" stroke="#ddd"/>${text(PANEL.left - 7, y(tick) + 4, String(tick), 'end')}`,
  );
  const across = xTicks.map((tick) => text(x(tick), PANEL.height - PANEL.bottom + 18, String(tick), 'middle'));
  const marks = architectures.map((architecture, i) => {
    const { mean } = architecture;
    if (mean === null) return '';
    const [at, own] = [x(costOf(architecture)), scoresOf(architecture)];
    const colour = colourOf(i);
    const [worst, top] = rangeOf(own);
    return [
      `<path d="M${at} ${y(worst)}V${y(top)}" stroke="${colour}" stroke-width="2"/>`,
      ...own.map((score) => dot(at, y(score), 2.5, colour)),
      dot(at, y(100 * mean), 5, colour, architecture.architecture),
    ].join('');
  });
  return [
    text(PANEL.left, 18, `${measure}, %`, 'start'),
    ...grid,
    `<path d="M${PANEL.left} ${PANEL.height - PANEL.bottom}H${PANEL.width - PANEL.right}" stroke="#222"/>`,
    ...across,
    text((PANEL.left + PANEL.width) / 2, PANEL.height - 6, label, 'middle'),
    ...marks,
  ].join('');
}
