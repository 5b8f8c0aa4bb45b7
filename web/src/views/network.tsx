/** @file The discrete network: what each stage costs, and the nodes of one stage as a graph. */

import { useState } from 'preact/hooks';
import { rangeOf } from '../../../src/base/lists.ts';
import type { GraphFile } from '../../../src/models/graphFile.ts';
import { formatBytes, formatCount } from '../format.ts';
import { stagesOf } from '../layout.ts';
import { Card, Empty, Failed, Loading, Tiles } from '../parts/states.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { addressOf, fetchDocument, type LoadedRun } from '../state.ts';
import { NodeGraph } from './nodeGraph.tsx';

export function NetworkView({ detail }: LoadedRun) {
  const { summary, documents, pictures } = detail;
  const graph = useLoaded(() => fetchDocument<GraphFile>(detail, 'graph'), String(documents.includes('graph')));
  const drawing = pictures.includes('genotype') && (
    <Card title="Architecture">
      <a href={addressOf(summary.id, 'pictures', 'genotype')} title="open the drawing by itself">
        <img
          class="drawing"
          src={addressOf(summary.id, 'pictures', 'genotype')}
          alt="the architecture: its path or topology, and its cell"
        />
      </a>
    </Card>
  );
  if (graph.state === 'loading') return <Loading what="the network" />;
  if (graph.state === 'failed') return <Failed message={graph.message} />;
  if (graph.state === 'missing')
    return (
      <>
        <Empty title="No network yet">
          <p>
            {summary.command === 'search'
              ? 'A search finds an architecture; training it builds the network.'
              : 'The run has no graph.json.'}
          </p>
        </Empty>
        {drawing}
      </>
    );
  return (
    <>
      <Network graph={graph.value} />
      {drawing}
    </>
  );
}

function Network({ graph }: { graph: GraphFile }) {
  const stages = stagesOf(graph);
  const [chosen, setChosen] = useState<string>();
  const name = chosen ?? stages.find(({ parameters }) => parameters > 0)?.name ?? stages[0].name;
  const most = (key: 'parameters' | 'multiplyAdds' | 'bytes') => rangeOf([1, ...stages.map((stage) => stage[key])])[1];
  const [mostParameters, mostAdds, mostBytes] = [most('parameters'), most('multiplyAdds'), most('bytes')];
  return (
    <>
      <Card>
        <Tiles
          tiles={[
            ['parameters', formatCount(graph.parameters)],
            ['multiply-adds', formatCount(graph.multiplyAdds), `of a ${graph.size.join(' × ')} input`],
            [
              'outputs of all nodes',
              formatBytes(stages.reduce((sum, { bytes }) => sum + bytes, 0)),
              'single precision, one sample',
            ],
            ['nodes', String(graph.nodes.length), `${graph.classes} classes`],
          ]}
        />
      </Card>
      <Card title="Stages">
        <div class="scroll">
          <table class="numbers stages" aria-label="stages">
            <thead>
              <tr>
                <th scope="col" class="text">
                  stage
                </th>
                <th scope="col">parameters</th>
                <th scope="col">multiply-adds</th>
                <th scope="col">outputs</th>
                <th scope="col" class="wide">
                  nodes
                </th>
              </tr>
            </thead>
            <tbody>
              {stages.map((stage) => (
                <tr key={stage.name} class={stage.name === name ? 'chosen' : ''}>
                  <th scope="row" class="text">
                    <button
                      type="button"
                      class="sort"
                      aria-pressed={stage.name === name}
                      onClick={() => setChosen(stage.name)}
                    >
                      {stage.name}
                    </button>
                  </th>
                  <Amount value={stage.parameters} most={mostParameters} text={formatCount(stage.parameters)} />
                  <Amount value={stage.multiplyAdds} most={mostAdds} text={formatCount(stage.multiplyAdds)} />
                  <Amount value={stage.bytes} most={mostBytes} text={formatBytes(stage.bytes)} />
                  <td class="wide">{stage.nodes}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
      <Card title={`Nodes of ${name}`}>
        <NodeGraph graph={graph} stage={name} />
      </Card>
    </>
  );
}

const Amount = ({ value, most, text }: { value: number; most: number; text: string }) => (
  <td class="amount">
    <i style={{ width: `${(60 * value) / most}%` }} />
    <span>{text}</span>
  </td>
);
