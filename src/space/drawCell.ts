/**
 * @file The cell as a drawing, laid out like a circuit. @paper auto-deeplab figure 3
 *
 * Every state is a wire to the right on its own row, below those it can read. A block taps two wires from below; its operators stand on its
 * own row, left of where its wire begins. So no line ever runs through an operator and no two operators overlap, whatever the cell.
 */
import type { Block } from './cell.ts';
import { element, type Fragment, INK, polyline, textAt } from './drawSvg.ts';
import { OPERATORS, type OperatorKind, type OperatorName } from './operators.ts';

/** Colours of the kinds of operators: background and border. */
const KINDS = {
  separable: ['#dbeafe', '#2563eb'],
  atrous: ['#ffedd5', '#c2410c'],
  averagePool: ['#dcfce7', '#15803d'],
  maxPool: ['#dcfce7', '#15803d'],
  skip: ['#f3f4f6', '#6b7280'],
  zero: ['#ffffff', '#9ca3af'],
} as const satisfies Record<OperatorKind, readonly [string, string]>;

const INPUTS = ['H l-1', 'H l-2'];
const BOX = { width: 62, height: 26 };
const PILL = { width: 92, height: 22, apart: 28 };
const INPUT_ROW = 40;
const BLOCK_ROW = 70;
const TAPS = 30;
const JOIN = 22;
const COLUMN = TAPS + PILL.width + JOIN + BOX.width;
const FIRST = BOX.width + 6;

/** The cell of a genotype. */
export function cellFragment(cell: readonly Block[]): Fragment {
  const rowOf = (state: number) =>
    state < 2 ? BOX.height / 2 + state * INPUT_ROW : BOX.height / 2 + INPUT_ROW + 60 + (state - 2) * BLOCK_ROW;
  const columnOf = (block: number) => FIRST + block * COLUMN;
  const wires: string[] = [];
  const taps: string[] = [];
  const boxes: string[] = [];
  const last = new Map<number, number>();

  for (const [i, { block, inputs }] of cell.entries()) {
    const left = columnOf(i);
    const middle = rowOf(i + 2);
    const boxLeft = left + TAPS + PILL.width + JOIN;
    inputs.forEach(({ from, operator }, k) => {
      const y = middle + (k - 0.5) * PILL.apart;
      // The lower operator is tapped further left, so that its line passes beside the upper one.
      const x = left + TAPS - (k === 0 ? 12 : 22);
      last.set(from, Math.max(last.get(from) ?? 0, x));
      taps.push(
        element('path', {
          d: polyline(
            [
              [x, rowOf(from)],
              [x, y],
              [left + TAPS, y],
            ],
            8,
          ),
          fill: 'none',
          stroke: INK.line,
          'stroke-width': 1.6,
        }),
        element('circle', { cx: x, cy: rowOf(from), r: 3.2, fill: INK.text }),
        element('path', {
          d: polyline(
            [
              [left + TAPS + PILL.width, y],
              [boxLeft - JOIN / 2, y],
              [boxLeft - JOIN / 2, middle],
              [boxLeft, middle],
            ],
            6,
          ),
          fill: 'none',
          stroke: INK.line,
          'stroke-width': 1.6,
        }),
      );
      boxes.push(pill(left + TAPS, y, operator));
    });
    boxes.push(box(boxLeft, middle, `block ${block}`));
  }

  const right = columnOf(cell.length) + 26;
  cell.forEach((_, i) => {
    wires.push(wire(columnOf(i) + COLUMN, right, rowOf(i + 2)));
  });
  INPUTS.forEach((name, state) => {
    const end = last.get(state);
    if (end !== undefined) wires.push(wire(BOX.width, end, rowOf(state)));
    boxes.push(box(0, rowOf(state), name, end === undefined ? 'unread' : 'input'));
  });

  const top = rowOf(2) - BOX.height / 2;
  const bottom = rowOf(cell.length + 1) + BOX.height / 2;
  boxes.push(
    element('rect', {
      x: right,
      y: top,
      width: 34,
      height: bottom - top,
      rx: 6,
      fill: '#ede9fe',
      stroke: '#6d28d9',
      'stroke-width': 1.4,
    }),
    bottom - top >= 60
      ? element(
          'g',
          { transform: `translate(${right + 17} ${(top + bottom) / 2}) rotate(90)` },
          textAt(0, 0, 'concat', { 'text-anchor': 'middle', 'font-weight': 600 }),
        )
      : textAt(right + 17, bottom + 12, 'concat', { 'text-anchor': 'middle', 'font-weight': 600 }),
  );
  const height = Math.max(rowOf(cell.length + 1) + PILL.apart / 2 + PILL.height / 2, bottom + 18);
  return { width: right + 42, height, body: [...wires, ...taps, ...boxes].join('\n') };
}

function pill(x: number, y: number, operator: OperatorName): string {
  const [fill, stroke] = KINDS[OPERATORS[operator].kind];
  return (
    element('rect', {
      x,
      y: y - PILL.height / 2,
      width: PILL.width,
      height: PILL.height,
      rx: PILL.height / 2,
      fill,
      stroke,
      'stroke-width': 1.2,
    }) + textAt(x + PILL.width / 2, y, operator, { 'text-anchor': 'middle' })
  );
}

function box(x: number, y: number, name: string, kind: 'input' | 'unread' | 'block' = 'block'): string {
  return (
    element('rect', {
      x,
      y: y - BOX.height / 2,
      width: BOX.width,
      height: BOX.height,
      rx: 6,
      fill: kind === 'block' ? '#f6f8fa' : '#fef9c3',
      stroke: kind === 'block' ? INK.line : '#a16207',
      'stroke-width': 1.4,
      'stroke-dasharray': kind === 'unread' ? '4 3' : undefined,
    }) + textAt(x + BOX.width / 2, y, name, { 'text-anchor': 'middle', 'font-weight': 600 })
  );
}

const wire = (from: number, to: number, y: number): string =>
  element('line', { x1: from, y1: y, x2: to, y2: y, stroke: INK.line, 'stroke-width': 1.6 });
