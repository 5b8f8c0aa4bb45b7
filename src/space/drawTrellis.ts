/**
 * @file The trellis as a drawing: layers across, strides down, every possible move, one path through it. @paper auto-deeplab figure 1
 */
import { element, type Fragment, INK, textAt } from './drawSvg.ts';
import { largestStart, STANDARD_START, type Start } from './start.ts';
import { coarsestLevel, LEVELS, strideOf, type TrellisEdge, trellisEdges } from './trellis.ts';

const LEFT = 72;
const TOP = 24;
const ROW = 46;
const RADIUS = 9;
const WIDEST = 10;

/**
 * The trellis of a path.
 * @param path one level per layer.
 * @param probabilities `[layer][level left][move]`; sets the thickness of the moves. Without it all possible moves are equally faint.
 * @param start stride of level 0.
 */
export function trellisFragment(
  path: readonly number[],
  probabilities?: readonly (readonly (readonly number[])[])[],
  start: Start = STANDARD_START['auto-deeplab'],
): Fragment {
  const layers = path.length;
  const pitch = Math.max(2.5 * RADIUS, Math.min(72, 960 / layers));
  const x = (layer: number) => LEFT + RADIUS + layer * pitch;
  const y = (level: number) => TOP + RADIUS + level * ROW;
  const onPath = ({ layer, from, to }: TrellisEdge) =>
    path[layer] === to && (layer === 0 ? 0 : path[layer - 1]) === from;
  const line = (edge: TrellisEdge, style: { stroke: string; width: number }, title?: string) =>
    element(
      'line',
      {
        x1: x(edge.layer),
        y1: y(edge.from),
        x2: x(edge.layer + 1),
        y2: y(edge.to),
        stroke: style.stroke,
        'stroke-width': style.width,
        'stroke-linecap': 'round',
      },
      title === undefined ? '' : element('title', {}, title),
    );

  const edges = trellisEdges(layers);
  // The path is drawn last, on top of the others.
  const drawn = [...edges.filter((edge) => !onPath(edge)), ...edges.filter(onPath)].map((edge) => {
    const highlighted = onPath(edge);
    if (probabilities === undefined)
      return line(edge, highlighted ? { stroke: INK.path, width: 4 } : { stroke: INK.faint, width: 1.5 });
    const probability = probabilities[edge.layer]?.[edge.from]?.[edge.move] ?? 0;
    const width = Math.max(0.4, WIDEST * probability);
    return line(
      edge,
      { stroke: highlighted ? INK.path : '#a9bfdc', width },
      `layer ${edge.layer + 1}, stride ${strideOf(edge.from)} to ${strideOf(edge.to)}: ${probability.toFixed(3)}`,
    );
  });

  const nodes: string[] = [];
  for (let layer = 0; layer <= layers; layer++) {
    for (let level = 0; level <= coarsestLevel(layer); level++) {
      const highlighted = layer === 0 || path[layer - 1] === level;
      const style = {
        fill: highlighted ? INK.path : INK.node,
        stroke: highlighted ? INK.path : INK.line,
        'stroke-width': 1.5,
      };
      const [cx, cy] = [x(layer), y(level)];
      nodes.push(
        layer === 0
          ? element('rect', { x: cx - RADIUS, y: cy - RADIUS, width: 2 * RADIUS, height: 2 * RADIUS, rx: 3, ...style })
          : element('circle', { cx, cy, r: highlighted ? RADIUS : RADIUS - 2, ...style }),
      );
    }
  }

  // Labels of layers keep their distance on long trellises; the last layer always has one.
  const every = Math.max(1, Math.ceil(26 / pitch));
  const shown = Array.from({ length: layers }, (_, i) => i + 1).filter(
    (layer) => layer === layers || (layer % every === 0 && layers - layer >= every) || layer === 1,
  );
  const labels = [
    textAt(x(0), 6, 'stem', { 'text-anchor': 'middle', fill: INK.quiet }),
    ...shown
      .filter((layer) => layer > 1 || pitch > 26)
      .map((layer) => textAt(x(layer), 6, String(layer), { 'text-anchor': 'middle', fill: INK.quiet })),
    ...Array.from({ length: LEVELS }, (_, level) =>
      textAt(0, y(level), `stride ${largestStart(start) * 2 ** level}`, { fill: INK.quiet }),
    ),
  ];
  return {
    width: x(layers) + RADIUS + 4,
    height: y(LEVELS - 1) + RADIUS,
    body: [...drawn, ...nodes, ...labels].join('\n'),
  };
}
