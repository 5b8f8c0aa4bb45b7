/** @file The trellis of a search: every move as thick as it is probable, the best path or topology of the epoch on top. */
import { layerEdges } from '../../../src/space/dints/trellis.ts';
import { coarsestLevel, LEVELS, strideOf, trellisEdges } from '../../../src/space/trellis.ts';
import type { Architecture, AutoDeepLabState, DintsState } from '../architecture.ts';
import { formatNumber, formatShare } from '../format.ts';
import { useEpochs } from '../parts/epochs.tsx';
import { Card, Empty } from '../parts/states.tsx';
import type { LoadedRun } from '../state.ts';

export function TrellisView(run: LoadedRun) {
  const epochs = useEpochs(run);
  if (epochs === undefined)
    return (
      <Empty title="No architecture yet">
        <p>A search logs its architecture at the end of every epoch; a training has none.</p>
      </Empty>
    );
  const { shown, all, slider } = epochs;
  const { layers, levels, strides } = sizeOf(shown);
  return (
    <>
      <Card title="Trellis" aside={slider}>
        <Trellis layers={layers} levels={levels} strides={strides} edges={edgesOf(shown)} active={activeOf(shown)} />
        <p class="quiet">
          An arrow is as thick as its move is probable;{' '}
          {shown.method === 'dints' ? 'the best topology' : 'the best path'} is in colour.{' '}
          {Object.entries(shown.entropies).map(([name, value]) => `Entropy of ${name}: ${formatNumber(value)} nats. `)}
        </p>
      </Card>
      <Card title={shown.method === 'dints' ? 'Edges that are on' : 'The path over the epochs'}>
        <History all={all} shown={shown} />
      </Card>
    </>
  );
}

/** One arrow. */
interface Arrow {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
  readonly probability: number;
  readonly isChosen: boolean;
}

const sizeOf = (state: Architecture) =>
  state.method === 'dints'
    ? { layers: state.edges.length, levels: state.levels, strides: (level: number) => 2 ** (level + 1) }
    : { layers: state.moves.length, levels: LEVELS, strides: strideOf };

const edgesOf = (state: Architecture): Arrow[] => (state.method === 'dints' ? edgesOfDints(state) : edgesOfPath(state));

function edgesOfPath({ moves, path }: AutoDeepLabState): Arrow[] {
  return trellisEdges(moves.length).map(({ layer, from, to, move }) => {
    const isChosen = path[layer] === to && (layer === 0 ? 0 : path[layer - 1]) === from;
    return { layer, from, to, isChosen, probability: moves[layer][from][move] };
  });
}

function edgesOfDints({ edges, levels, genotype }: DintsState): Arrow[] {
  return edges.flatMap((layer, l) =>
    layerEdges(levels).map(({ from, to }, e) => {
      const isChosen = genotype.topology[l]?.some((edge) => edge.from === from && edge.to === to) ?? false;
      return { layer: l, from, to, isChosen, probability: layer[e] };
    }),
  );
}

/** Levels of each column that the chosen arrows touch; column 0 is the stem. */
function activeOf(state: Architecture): Set<string> {
  const active = new Set<string>(state.method === 'dints' ? [] : ['0 0']);
  for (const { layer, from, to, isChosen } of edgesOf(state)) {
    if (!isChosen) continue;
    active.add(`${layer} ${from}`);
    active.add(`${layer + 1} ${to}`);
  }
  return active;
}

const [LEFT, TOP, ROW, RADIUS, WIDEST] = [76, 30, 62, 9, 12];

function Trellis(props: {
  layers: number;
  levels: number;
  strides: (level: number) => number;
  edges: readonly Arrow[];
  active: ReadonlySet<string>;
}) {
  const { layers, levels, strides, edges, active } = props;
  const pitch = Math.max(44, Math.min(92, 940 / layers));
  const x = (column: number) => LEFT + RADIUS + column * pitch;
  const y = (level: number) => TOP + RADIUS + level * ROW;
  const width = x(layers) + RADIUS + 6;
  const height = y(levels - 1) + RADIUS + 8;
  const isStem = levels === LEVELS && strides(0) === 4;
  const ordered = [...edges].sort((a, b) => Number(a.isChosen) - Number(b.isChosen));
  const columns = Array.from({ length: layers + 1 }, (_, column) => column);
  return (
    <div class="scroll">
      <svg
        class="trellis"
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label="trellis"
      >
        {ordered.map(({ layer, from, to, probability, isChosen }) => (
          <line
            key={`${layer} ${from} ${to}`}
            class={isChosen ? 'chosen' : ''}
            x1={x(layer)}
            y1={y(from)}
            x2={x(layer + 1)}
            y2={y(to)}
            stroke-width={Math.max(0.6, WIDEST * probability)}
          >
            <title>{`layer ${layer + 1}, stride ${strides(from)} to ${strides(to)}: ${formatShare(probability, 1)}`}</title>
          </line>
        ))}
        {columns.flatMap((column) =>
          Array.from({ length: (isStem ? coarsestLevel(column) : levels - 1) + 1 }, (_, level) => (
            <circle
              key={`${column} ${level}`}
              class={active.has(`${column} ${level}`) ? 'chosen' : ''}
              cx={x(column)}
              cy={y(level)}
              r={RADIUS - 2}
            />
          )),
        )}
        {columns.map((column) => (
          <text key={column} x={x(column)} y={14} text-anchor="middle">
            {column === 0 ? 'stem' : column}
          </text>
        ))}
        {Array.from({ length: levels }, (_, level) => (
          <text key={level} x={0} y={y(level) + 4}>
            stride {strides(level)}
          </text>
        ))}
      </svg>
    </div>
  );
}

/** When the best path changed; of DiNTS, how many edges each layer has on. */
function History({ all, shown }: { all: readonly Architecture[]; shown: Architecture }) {
  if (shown.method === 'dints') {
    const operators = shown.genotype.topology.map((edges) => edges.map(({ operator }) => operator).join(', '));
    return (
      <ol class="quiet">
        {operators.map((text, layer) => (
          <li key={layer}>{text}</li>
        ))}
      </ol>
    );
  }
  const paths = all.flatMap((state) => (state.method === 'auto-deeplab' ? [state] : []));
  const changes = paths.filter(({ path }, i) => i === 0 || path.join() !== paths[i - 1].path.join()).slice(-12);
  return (
    <div class="scroll">
      <table class="numbers" aria-label="changes of the path">
        <thead>
          <tr>
            <th scope="col">epoch</th>
            <th scope="col" class="text">
              strides by layer
            </th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ epoch, path }) => (
            <tr key={epoch}>
              <td>{epoch + 1}</td>
              <td class="text">{path.map(strideOf).join(' · ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
