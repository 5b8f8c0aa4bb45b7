/** @file A chart of lines on a canvas (uPlot): as wide as its place, in the colours of the theme, with a legend that names what lies under the pointer. */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { rangeOf } from '../../../src/base/lists.ts';
import 'uplot/dist/uPlot.min.css';
import { formatNumber } from '../format.ts';
import type { Points } from '../series.ts';
import { colour, theme } from '../theme.ts';

/** One line. */
export interface Line {
  readonly name: string;
  readonly points: Points;
  /** Thin and pale: the noise behind a mean. */
  readonly faint?: boolean;
  readonly dashed?: boolean;
  /** Place in the palette of eight colours. */
  readonly colour: number;
}

/** What a chart shows. */
export interface PlotProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly xLabel: string;
  readonly logarithmic?: boolean;
  readonly format?: (value: number) => string;
  readonly height?: number;
  /** Charts of one group have one pointer. */
  readonly group?: string;
}

export const COLOURS = 8;

export function Plot(props: PlotProps) {
  const { title, lines, xLabel, logarithmic = false, format = formatNumber, height = 240, group } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = tableOf(lines, logarithmic);
  // A chart is built anew only when its lines change, not their points.
  const shape = JSON.stringify([
    lines.map(({ name, faint, dashed, colour: c }) => [name, faint, dashed, c]),
    logarithmic,
    theme.value,
  ]);
  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: colour('--quiet'), grid, ticks: { show: false }, font: '12px system-ui, sans-serif' };
    const markers = ['transparent', ...lines.map((line) => colourOf(line))];
    const built = new uPlot(
      {
        width: box.clientWidth,
        height,
        scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 } },
        axes: [
          { ...axis, label: xLabel, labelSize: 18, labelFont: axis.font, size: 30, incrs: EPOCHS },
          {
            ...axis,
            // As wide as its longest label.
            size: (_, labels) => 18 + 7 * rangeOf([4, ...(labels ?? []).map((label) => label.length)])[1],
            values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick))),
          },
        ],
        series: [
          { label: xLabel, value: (_, x) => (x === null ? '–' : formatNumber(x)) },
          ...lines.map((line) => ({
            label: line.name,
            stroke: colourOf(line),
            width: line.faint ? 1 : 2,
            ...(line.dashed ? { dash: [6, 4] } : {}),
            spanGaps: true,
            points: { show: (self: uPlot, i: number) => !line.faint && isSparse(self.data[i]), size: 6 },
            value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
          })),
        ],
        cursor: { y: false, points: { size: 6 }, ...(group ? { sync: { key: group } } : {}) },
        legend: { markers: { width: 0, fill: (_, i) => markers[i] ?? 'transparent' } },
      },
      data,
      box,
    );
    plot.current = built;
    const watcher = new ResizeObserver(() => built.setSize({ width: box.clientWidth, height }));
    watcher.observe(box);
    return () => {
      watcher.disconnect();
      built.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [data]);
  return (
    <div class="plot" ref={place} role="img" aria-label={`${title}: ${lines.map(({ name }) => name).join(', ')}`} />
  );
}

/** Distances of ticks: whole epochs, or parts of one where a chart shows no more. */
const EPOCHS = [0.1, 0.2, 0.5, ...[1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power])];

const colourOf = (line: Line): string => colour(`--series-${line.colour % COLOURS}`) + (line.faint ? '66' : '');

/** Whether a line has so few values that it could not be seen without points. */
const isSparse = (values: ArrayLike<number | null | undefined>): boolean =>
  Array.from(values).filter((value) => typeof value === 'number').length < 3;

/** All lines over one list of x. On a logarithmic axis what is not positive is a gap. */
function tableOf(lines: readonly Line[], logarithmic: boolean): uPlot.AlignedData {
  const tables = lines.map(({ points }): [number[], (number | null)[]] => [
    points.map(([x]) => x),
    points.map(([, y]) => (y === null || (logarithmic && y <= 0) ? null : y)),
  ]);
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}
