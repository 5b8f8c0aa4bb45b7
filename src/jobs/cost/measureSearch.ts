/**
 * @file Time and memory of one search step, measured on random pictures.
 */
import type { Generator } from '../../engine/device.ts';
import { memory } from '../../engine/device.ts';
import { canRecord, devicePeak, synchronise } from '../../engine/graph.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import type { PixelBatch } from '../../infer/batch.ts';
import { crossEntropy } from '../../nn/losses.ts';
import { replayedLosses, type Search, searchDescents, searchLoss } from '../../train/searchStep.ts';
import { computed, STEPS_BEFORE } from '../../train/step/cudaGraph.ts';
import { descendAlong } from '../../train/step/descend.ts';

/** What a search step takes: seconds of one that is not the first, and the most memory: resident bytes of the process, or of tensors on a CUDA device. */
export interface MeasuredStep {
  readonly weightSeconds: number;
  readonly architectureSeconds: number;
  /** Of all threads together. */
  readonly weightCpuSeconds: number;
  readonly architectureCpuSeconds: number;
  readonly peakBytes: number;
}

/** Runs search steps on random pictures until they are as all later ones; without `replay` a CUDA device computes each anew. */
export function measureSearchStep(
  search: Search,
  options: {
    batch: number;
    crop: readonly number[];
    inputs: number;
    classes: number;
    device: string;
    generator: Generator;
    replay?: boolean;
  },
): MeasuredStep {
  const { device, replay = true } = options;
  const { network } = search;
  const { learn, adapt } = searchDescents(search);
  const batch = randomBatch(options);
  const loss = () => searchLoss(network, batch, device, crossEntropy, { training: true });
  const replays = replay ? replayedLosses(search, device, crossEntropy) : null;
  const timed = (work: () => void): { seconds: number; cpuSeconds: number } => {
    const started = performance.now();
    const before = process.cpuUsage();
    work();
    synchronise(device);
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
  const step = () => ({
    weights: timed(() => descendAlong(learn, 0, [replays?.weights.of(batch) ?? computed(loss)])),
    architecture: timed(() =>
      descendAlong(adapt, 0, [replays?.architecture.of(batch, 1) ?? computed(() => network.objective(loss(), 1))]),
    ),
  });
  const before = canRecord(device) ? STEPS_BEFORE + 1 : 1;
  for (let i = 0; i < before; i++) step();
  const { weights, architecture } = step();
  const peakBytes = devicePeak(device) ?? memory().peakBytes;
  replays?.weights.close();
  replays?.architecture.close();
  return {
    weightSeconds: weights.seconds,
    architectureSeconds: architecture.seconds,
    weightCpuSeconds: weights.cpuSeconds,
    architectureCpuSeconds: architecture.cpuSeconds,
    peakBytes,
  };
}

function randomBatch({
  batch,
  crop,
  inputs,
  classes,
  generator,
}: Pick<Parameters<typeof measureSearchStep>[1], 'batch' | 'crop' | 'inputs' | 'classes' | 'generator'>): PixelBatch {
  return scope(() => {
    const labels = op.scale(op.rand([batch, ...crop], generator.id), classes);
    return {
      images: op.randn([batch, ...crop, inputs], generator.id).data() as Float32Array,
      labels: op.toDType(labels, 'uint8').data() as Uint8Array,
      batch,
      size: crop,
      channels: inputs,
    };
  });
}
