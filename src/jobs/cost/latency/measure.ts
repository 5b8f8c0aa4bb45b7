/**
 * @file Milliseconds of an inference, measured: the median of repeats after a warm-up, on as many threads as were set. Of whole networks and of their
 * units, by the engine or by onnxruntime on the exported file.
 */
import { createHash } from 'node:crypto';
import { noGrad } from '../../../engine/autograd.ts';
import { Generator } from '../../../engine/device.ts';
import * as op from '../../../engine/operators.ts';
import { scope, type Tensor } from '../../../engine/tensor.ts';
import { writeOnnx } from '../../../export/onnx/model.ts';
import type { NetworkGraph } from '../../../models/graph.ts';
import { type LatencyTable, latencyModel } from '../../../models/latency/predict.ts';
import { type LatencyTarget, latencyUnits, unitKey } from '../../../models/latency/units.ts';
import { createNetwork } from '../../../models/network.ts';
import { ParameterSet } from '../../../nn/parameters.ts';
import { sessionOptions } from '../../../portable/node.ts';
import { loadRuntime } from '../../../portable/runtime.ts';
import { storeTensors } from '../../checkpoint/tensors.ts';
import { versions } from '../../machine.ts';

const FEWEST_REPEATS = 5;
/** Of an inference of a second or more. */
const FEWEST_SLOW_REPEATS = 3;
const MOST_REPEATS = 30;
/** Repeats end when so many milliseconds were measured, within these numbers: of a unit, and of a network. */
const ENOUGH_MS = { unit: 60, network: 250 } as const;
const COOLING_BYTES = 8 * 2 ** 20;

/** Milliseconds of one inference of one input of `size`, the median of repeats. The caller sets the threads of the engine. */
export async function measureLatency(
  graph: NetworkGraph,
  size: readonly number[],
  target: LatencyTarget,
  threads: number,
  what: keyof typeof ENOUGH_MS = 'network',
): Promise<number> {
  const parameters = new ParameterSet({ generator: new Generator(0).id, device: 'cpu' });
  try {
    const network = createNetwork(graph, parameters);
    const [input] = graph.nodes;
    const shape = [1, input.kind === 'input' ? input.channels : 1, ...size];
    if (target === 'engine')
      return await typicalOf(
        async () =>
          scope(() => {
            if (what === 'unit') coolCaches();
            // Behind the first operator of a network channels are last in memory.
            const images = what === 'unit' ? zerosWithChannelsLast(shape) : op.zeros(shape, 'float32', 'cpu');
            const started = performance.now();
            noGrad(() => network.forward(images, { training: false }));
            return performance.now() - started;
          }),
        what,
      );
    const bytes = writeOnnx(
      {
        graph,
        tensors: storeTensors(parameters.entries()),
        classes: Array.from({ length: graph.classes }, (_, id) => ({ name: `class ${id}`, colour: [0, 0, 0] })),
        reduction: 1,
      },
      { size, batch: 1, precision: 'float32', normalise: false, result: 'logits', version: versions().espalier },
    );
    const runtime = await loadRuntime();
    const session = await runtime.InferenceSession.create(bytes, {
      ...sessionOptions(threads),
      // A unit gives another size than the file of a whole network says: that is no warning here.
      logSeverityLevel: 3,
    });
    const images = new runtime.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
    try {
      return await typicalOf(async () => {
        if (what === 'unit') {
          coolCaches();
          // What the operator before it wrote is near.
          (images.data as Float32Array).fill(0);
        }
        const started = performance.now();
        await session.run({ [session.inputNames[0]]: images });
        return performance.now() - started;
      }, what);
    } finally {
      await session.release();
    }
  } finally {
    parameters.free();
  }
}

/** Larger than the caches nearest to a core, smaller than what a whole network reads. */
const COOLING = new Float32Array(COOLING_BYTES / 4);

/** Fills the caches with something else: in a network an operator's weights were last read one inference ago. */
function coolCaches(): void {
  for (let i = 0; i < COOLING.length; i += 16) COOLING[i] += 1;
}

const zerosWithChannelsLast = ([batch, channels, ...size]: readonly number[]): Tensor =>
  op.permute(op.zeros([batch, ...size, channels], 'float32', 'cpu'), [
    0,
    size.length + 1,
    ...size.map((_, i) => i + 1),
  ]);

/** The median of repeats; of a unit, which is run for a short time only, the lower quartile: other work on the machine only adds. */
async function typicalOf(run: () => Promise<number>, what: keyof typeof ENOUGH_MS): Promise<number> {
  await run();
  await run();
  const times: number[] = [];
  let sum = 0;
  const fewest = (): number => (sum >= 1000 * times.length && sum > 0 ? FEWEST_SLOW_REPEATS : FEWEST_REPEATS);
  while (times.length < fewest() || (sum < ENOUGH_MS[what] && times.length < MOST_REPEATS)) {
    const ms = await run();
    times.push(ms);
    sum += ms;
  }
  return times.sort((a, b) => a - b)[times.length >> (what === 'unit' ? 2 : 1)];
}

/** A network to make a table of. */
export interface MeasuredNetwork {
  readonly graph: NetworkGraph;
  readonly size: readonly number[];
}

/**
 * Adds `networks` and their units to a table; units that it has are not measured again. Networks are measured before and after the units, and the shorter
 * time counts: other work on a machine only adds. `onStep` gets the number of measurements done and in all; an aborted `signal` ends it with what was
 * measured.
 */
export async function extendTable(
  table: LatencyTable,
  networks: readonly MeasuredNetwork[],
  target: LatencyTarget,
  threads: number,
  onStep: (done: number, total: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<LatencyTable> {
  const parts = networks.map(({ graph, size }) => latencyUnits(graph, size, target));
  const wanted = new Map(parts.flat().map((unit) => [unitKey(unit), unit] as const));
  const missing = [...wanted].filter(([key]) => !Object.hasOwn(table.units, key));
  const units: Record<string, LatencyTable['units'][string]> = { ...table.units };
  const total = 2 * networks.length + missing.length;
  let done = 0;
  const step = async (graph: NetworkGraph, size: readonly number[], what: keyof typeof ENOUGH_MS): Promise<number> => {
    const ms = await measureLatency(graph, size, target, threads, what);
    onStep(++done, total);
    return ms;
  };
  const callMs = table.callMs || (await measureCall(target, threads));
  const before: number[] = [];
  for (const { graph, size } of networks) {
    if (signal?.aborted) return table;
    before.push(await step(graph, size, 'network'));
  }
  for (const [key, { graph, size, kind, shape }] of missing) {
    if (signal?.aborted) return { ...table, units, callMs };
    units[key] = { kind, shape, ms: await step(graph, size, 'unit') };
  }
  const { unitMs } = latencyModel({ units, networks: {}, callMs });
  const measured: Record<string, LatencyTable['networks'][string]> = { ...table.networks };
  for (const [i, { graph, size }] of networks.entries()) {
    if (signal?.aborted) break;
    const name = createHash('sha256').update(parts[i].map(unitKey).join('\n')).digest('hex').slice(0, 16);
    const sumMs = parts[i].reduce((sum, unit) => sum + unitMs(unit), 0);
    measured[name] = { rank: graph.rank, sumMs, ms: Math.min(before[i], await step(graph, size, 'network')) };
  }
  return { units, networks: measured, callMs };
}

/** What a call of the runtime takes beside its operators: that of one ReLU of one number. The engine's operators are calls also in a network. */
async function measureCall(target: LatencyTarget, threads: number): Promise<number> {
  if (target === 'engine') return 0;
  const nodes: NetworkGraph['nodes'] = [
    { kind: 'input', channels: 1, inputs: [], stage: '', name: 'input' },
    { kind: 'relu', inputs: [0], stage: '', name: 'relu' },
  ];
  return measureLatency({ rank: 2, classes: 1, nodes }, [1, 1], target, threads, 'unit');
}
