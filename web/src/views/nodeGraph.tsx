/** @file The nodes of one stage as a graph: each in the column behind its last input, in the row where its inputs are. */
import { rangeOf } from '../../../src/base/lists.ts';
import type { GraphFile } from '../../../src/models/graphFile.ts';
import { formatBytes, formatCount } from '../format.ts';
import { bytesOf, type Placed, placeNodes } from '../layout.ts';

const [BOX_WIDTH, BOX_HEIGHT, COLUMN, ROW] = [104, 36, 138, 50];

export function NodeGraph({ graph, stage }: { graph: GraphFile; stage: string }) {
  const placed = placeNodes(graph, stage);
  const byId = new Map(placed.map((entry) => [entry.id, entry]));
  const x = ({ column }: Placed) => 4 + column * COLUMN;
  const y = ({ row }: Placed) => 4 + row * ROW;
  const width = rangeOf(placed.map(x))[1] + BOX_WIDTH + 4;
  const height = rangeOf(placed.map(y))[1] + BOX_HEIGHT + 4;
  return (
    <div class="scroll tall">
      <svg
        class="graph"
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label={`nodes of ${stage}`}
      >
        {placed.flatMap((to) =>
          to.node.inputs.flatMap((input) => {
            const from = byId.get(input);
            if (from === undefined || to.isOutside) return [];
            const [x1, y1, x2, y2] = [x(from) + BOX_WIDTH, y(from) + BOX_HEIGHT / 2, x(to), y(to) + BOX_HEIGHT / 2];
            const bend = Math.max(16, (x2 - x1) / 2);
            return (
              <path key={`${input} ${to.id}`} d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`} />
            );
          }),
        )}
        {placed.map((entry) => {
          const { id, node, isOutside } = entry;
          const { kind, channels, size, parameters, multiplyAdds, name } = node;
          return (
            <g key={id} class={isOutside ? 'outside' : `kind ${kind}`} transform={`translate(${x(entry)} ${y(entry)})`}>
              <title>{`${name}: ${kind}, ${channels} × ${size.join(' × ')}; ${formatCount(parameters)} parameters, ${formatCount(multiplyAdds)} multiply-adds, output ${formatBytes(bytesOf(node))}`}</title>
              <rect width={BOX_WIDTH} height={BOX_HEIGHT} rx="6" />
              <text x={BOX_WIDTH / 2} y="15" text-anchor="middle">
                {isOutside ? `from ${node.stage || kind}` : kind}
              </text>
              <text class="small" x={BOX_WIDTH / 2} y="29" text-anchor="middle">
                {channels} × {size.join('×')}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
