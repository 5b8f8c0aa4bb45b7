/**
 * @file Milliseconds of an inference, measured: the median of repeats after a warm-up, on as many threads as were set. Of whole networks and of their
 * units, by the engine or by onnxruntime on the exported file.
 */
import { noGrad } from '../../../engine/autograd.ts';
import { Generator } from '../../../engine/device.ts';
import * as op from '../../../engine/operators.ts';
import { scope } from '../../../engine/tensor.ts';
import { writeOnnx } from '../../../export/onnx/model.ts';
import type { NetworkGraph } from '../../../models/graph.ts';
import {
  type LatencyTable,
  type LatencyTarget,
  latencyUnits,
  predictLatency,
  unitKey,
} from '../../../models/latency.ts';
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
/** Repeats end when so many milliseconds were measured, within these numbers. */
const ENOUGH_MS = 60;

/** Milliseconds of one inference of one input of `size`, the median of repeats. The caller sets the threads of the engine. */
export async function measureLatency(
  graph: NetworkGraph,
  size: readonly number[],
  target: LatencyTarget,
  threads: number,
): Promise<number> {
  const parameters = new ParameterSet({ generator: new Generator(0).id, device: 'cpu' });
  try {
    const network = createNetwork(graph, parameters);
    const [input] = graph.nodes;
    const shape = [1, input.kind === 'input' ? input.channels : 1, ...size];
    if (target === 'engine')
      return await medianOf(async () =>
        scope(() => {
          const images = op.zeros(shape, 'float32', 'cpu');
          const started = performance.now();
          noGrad(() => network.forward(images, { training: false }));
          return performance.now() - started;
        }),
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
      return await medianOf(async () => {
        const started = performance.now();
        await session.run({ [session.inputNames[0]]: images });
        return performance.now() - started;
      });
    } finally {
      await session.release();
    }
  } finally {
    parameters.free();
  }
}

async function medianOf(run: () => Promise<number>): Promise<number> {
  await run();
  await run();
  const times: number[] = [];
  let sum = 0;
  const fewest = (): number => (sum >= 1000 * times.length && sum > 0 ? FEWEST_SLOW_REPEATS : FEWEST_REPEATS);
  while (times.length < fewest() || (sum < ENOUGH_MS && times.length < MOST_REPEATS)) {
    const ms = await run();
    times.push(ms);
    sum += ms;
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

/** A network to make a table of. */
export interface MeasuredNetwork {
  readonly graph: NetworkGraph;
  readonly size: readonly number[];
}

/**
 * Adds the units of `networks` to a table, measuring those that are not in it, and sets its scale by the networks as a whole.
 * `onUnit` gets the number of units done and in all; an aborted `signal` ends it with what was measured.
 */
export async function extendTable(
  table: LatencyTable,
  networks: readonly MeasuredNetwork[],
  target: LatencyTarget,
  threads: number,
  onUnit: (done: number, total: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<LatencyTable> {
  const wanted = new Map(
    networks.flatMap(({ graph, size }) =>
      latencyUnits(graph, size, target).map((unit) => [unitKey(unit), unit] as const),
    ),
  );
  const missing = [...wanted].filter(([key]) => !Object.hasOwn(table.units, key));
  const units: Record<string, LatencyTable['units'][string]> = { ...table.units };
  for (const [i, [key, unit]] of missing.entries()) {
    if (signal?.aborted) return { units, scale: table.scale };
    const ms = await measureLatency(unit.graph, unit.size, target, threads);
    units[key] = { kind: unit.kind, work: unit.work, ms };
    onUnit(i + 1, missing.length);
  }
  const ratios: number[] = [];
  for (const { graph, size } of networks) {
    if (signal?.aborted) break;
    const whole = await measureLatency(graph, size, target, threads);
    ratios.push(whole / predictLatency({ units, scale: 1 }, graph, size, target));
  }
  const scale = ratios.length > 0 ? ratios.sort((a, b) => a - b)[ratios.length >> 1] : table.scale;
  return { units, scale };
}
