/**
 * @file A topology of DiNTS as a drawing: layers across, strides down, every edge that is on in the colour of its operator. @paper dints figure 1
 */

import { element, type Fragment, INK, stack, textAt } from '../drawSvg.ts';
import { largestStart, STANDARD_START, type Start } from '../start.ts';
import { DINTS_OPERATOR_NAMES, type DintsOperator } from './operators.ts';
import { type DintsEdge, layerEdges } from './trellis.ts';

const LEFT = 72;
const TOP = 24;
const ROW = 56;
const RADIUS = 8;

/** Colour of each operator; the skip is grey, since it computes nothing. */
const COLOURS: Readonly<Record<DintsOperator, string>> = {
  skip: '#818b98',
  conv3: '#c2410c',
  p3d331: '#0969da',
  p3d313: '#1a7f37',
  p3d133: '#8250df',
};

/** The edges that are on over all possible ones, which are faint; a level that no edge feeds is an empty circle. */
export function topologyFragment(
  topology: readonly (readonly DintsEdge[])[],
  space: { levels: number; rank: 2 | 3; start?: Start },
): Fragment {
  const { levels, rank, start = STANDARD_START.dints } = space;
  const first = largestStart(start);
  const layers = topology.length;
  const pitch = Math.max(3 * RADIUS, Math.min(72, 960 / layers));
  const x = (layer: number) => LEFT + RADIUS + layer * pitch;
  const y = (level: number) => TOP + RADIUS + level * ROW;
  const line = (layer: number, { from, to }: { from: number; to: number }, stroke: string, width: number, title = '') =>
    element(
      'line',
      {
        x1: x(layer),
        y1: y(from),
        x2: x(layer + 1),
        y2: y(to),
        stroke,
        'stroke-width': width,
        'stroke-linecap': 'round',
      },
      title && element('title', {}, title),
    );
  const faint = topology.flatMap((_, layer) => layerEdges(levels).map((edge) => line(layer, edge, INK.faint, 1)));
  const on = topology.flatMap((edges, layer) =>
    edges.map((edge) => line(layer, edge, COLOURS[edge.operator], 3, titleOf(layer, edge, first))),
  );
  const active = [
    new Set(topology[0].map(({ from }) => from)),
    ...topology.map((edges) => new Set(edges.map(({ to }) => to))),
  ];
  const nodes = active.flatMap((set, layer) =>
    Array.from({ length: levels }, (_, level) => {
      const style = { fill: set.has(level) ? INK.text : INK.node, stroke: set.has(level) ? INK.text : INK.line };
      return element('circle', { cx: x(layer), cy: y(level), r: RADIUS - 2, ...style, 'stroke-width': 1.5 });
    }),
  );
  const labels = [
    textAt(x(0), 6, 'stem', { 'text-anchor': 'middle', fill: INK.quiet }),
    ...topology.map((_, i) => textAt(x(i + 1), 6, String(i + 1), { 'text-anchor': 'middle', fill: INK.quiet })),
    ...Array.from({ length: levels }, (_, level) =>
      textAt(0, y(level), `stride ${first * 2 ** level}`, { fill: INK.quiet }),
    ),
  ];
  const trellis = {
    width: x(layers) + RADIUS + 4,
    height: y(levels - 1) + RADIUS,
    body: [...faint, ...on, ...nodes, ...labels].join('\n'),
  };
  return stack([trellis, legend(rank)], 16);
}

const titleOf = (layer: number, { from, to, operator }: DintsEdge, first: number) =>
  `layer ${layer + 1}, stride ${first * 2 ** from} to ${first * 2 ** to}: ${operator}`;

function legend(rank: 2 | 3): Fragment {
  const pitch = 84;
  const names = DINTS_OPERATOR_NAMES[rank];
  const body = names.map((name, i) => {
    const sample = { x1: i * pitch, y1: 8, x2: i * pitch + 20, y2: 8, stroke: COLOURS[name], 'stroke-width': 3 };
    return element('line', sample) + textAt(i * pitch + 26, 8, name);
  });
  return { width: names.length * pitch, height: 16, body: body.join('\n') };
}
