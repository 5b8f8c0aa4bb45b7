/** @file The operators of a search: their probabilities on every edge as bars, the edges that decoding keeps, how decided each is. */
import { useState } from 'preact/hooks';
import { entropy } from '../../../src/decode/softmax.ts';
import { blocksOf, edgeIndex } from '../../../src/space/cell.ts';
import { DINTS_OPERATOR_NAMES } from '../../../src/space/dints/operators.ts';
import { layerEdges } from '../../../src/space/dints/trellis.ts';
import { drawCell } from '../../../src/space/drawing.ts';
import { OPERATOR_NAMES } from '../../../src/space/operators.ts';
import type { AutoDeepLabState, DintsState } from '../architecture.ts';
import { formatShare } from '../format.ts';
import { useEpochs } from '../parts/epochs.tsx';
import { Card, Empty, Slider } from '../parts/states.tsx';
import type { LoadedRun } from '../state.ts';

export function CellView(run: LoadedRun) {
  const epochs = useEpochs(run);
  const [layer, setLayer] = useState(0);
  if (epochs === undefined)
    return (
      <Empty title="No cell yet">
        <p>A search logs its operators at the end of every epoch; a training has none.</p>
      </Empty>
    );
  const { shown, slider } = epochs;
  if (shown.method === 'dints') {
    const last = shown.operators.length - 1;
    const place = Math.min(layer, last);
    const layers = (
      <Slider name="layer" value={place} min={0} max={last} shown={String(place + 1)} onChange={setLayer} />
    );
    return (
      <Card
        title="Operators of a layer"
        aside={
          <>
            {slider}
            {layers}
          </>
        }
      >
        <LayerBars state={shown} layer={place} />
      </Card>
    );
  }
  return (
    <>
      <Card title="Operators by edge" aside={slider}>
        <BlockBars state={shown} />
      </Card>
      <Card title="The cell that this decodes to">
        <div class="scroll">
          <img
            class="drawing"
            alt="the decoded cell"
            src={`data:image/svg+xml,${encodeURIComponent(drawCell(shown.genotype))}`}
          />
        </div>
      </Card>
    </>
  );
}

const stateName = (state: number): string => (state === 0 ? 'H l-1' : state === 1 ? 'H l-2' : `block ${state - 1}`);

function BlockBars({ state: { operators, genotype } }: { state: AutoDeepLabState }) {
  const blocks = blocksOf(operators.length) ?? 0;
  return (
    <div class="blocks">
      {Array.from({ length: blocks }, (_, block) => (
        <section key={block} aria-label={`block ${block + 1}`}>
          <h3>block {block + 1}</h3>
          {Array.from({ length: block + 2 }, (_, from) => {
            const kept = genotype.cell[block].inputs.find((input) => input.from === from);
            const row = operators[edgeIndex(block, from)];
            return (
              <Bars
                key={stateName(from)}
                title={`from ${stateName(from)}`}
                names={OPERATOR_NAMES}
                probabilities={row}
                kept={kept?.operator}
              />
            );
          })}
        </section>
      ))}
    </div>
  );
}

function LayerBars({ state, layer }: { state: DintsState; layer: number }) {
  const { levels, operators, edges, genotype } = state;
  return (
    <div class="blocks">
      {layerEdges(levels).map(({ from, to }, e) => {
        const kept = genotype.topology[layer]?.find((edge) => edge.from === from && edge.to === to);
        const title = `stride ${2 ** (from + 1)} to ${2 ** (to + 1)}: on ${formatShare(edges[layer][e], 0)}`;
        return (
          <Bars
            key={title}
            title={title}
            names={DINTS_OPERATOR_NAMES[genotype.rank]}
            probabilities={operators[layer][e]}
            kept={kept?.operator}
          />
        );
      })}
    </div>
  );
}

/** The distribution of one edge; `kept` is the operator that decoding keeps there. */
function Bars(props: { title: string; names: readonly string[]; probabilities: readonly number[]; kept?: string }) {
  const { title, names, probabilities, kept } = props;
  const decided = 1 - entropy(probabilities) / Math.log(probabilities.length);
  return (
    <figure class={kept ? 'bars kept' : 'bars'}>
      <figcaption>
        <span>{title}</span>
        <span class="quiet" title="1 - entropy / ln(operators)">
          {formatShare(decided, 0)} decided
        </span>
      </figcaption>
      {names.map((name, k) => (
        <div key={name} class={name === kept ? 'bar chosen' : 'bar'}>
          <span>{name}</span>
          <i style={{ width: `${Math.max(0.5, 100 * probabilities[k])}%` }} />
          <output>{formatShare(probabilities[k], 0)}</output>
        </div>
      ))}
    </figure>
  );
}
