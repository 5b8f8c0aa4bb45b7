/**
 * @file CUDA graphs: work for a device captured once and replayed as a whole, one launch instead of thousands. A replay reads the tensors of the capture
 * again, so that they take new values in place (`copyInto`).
 */
import { EngineError } from '../base/errors.ts';
import { operator } from './call.ts';
import { type Holder, keepForever, scope, Tensor } from './tensor.ts';

/** Captured work and its outputs. */
export interface CudaGraph<T> {
  /** The same tensors at every replay, with new values. */
  readonly outputs: T;
  replay(): void;
  /** Frees the graph and its outputs. */
  free(): void;
}

/** Whether work on `device` can be captured: libtorch has CUDA, and the addon was built with its headers. */
export function hasCudaGraphs(device: string): boolean {
  if (!device.startsWith('cuda')) return false;
  try {
    return operator('espalier::graph_begin') !== undefined;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

/**
 * Captures `work` without computing it: `replay` does that. Every tensor made in it belongs to the graph and has no values before.
 * Work that needs a value in between (`item`, a shape that depends on data) or draws with a generator of its own cannot be captured.
 * @throws EngineError when the device refuses; nothing is captured then, and ordinary work continues as before.
 */
export function captureGraph<T extends Holder>(work: () => T): CudaGraph<T> {
  operator('espalier::graph_begin').plain();
  let outputs: T;
  try {
    outputs = scope(work);
  } catch (error) {
    operator('espalier::graph_end').plain(false);
    throw error;
  }
  const kept = tensorsOf(outputs).map(keepForever);
  const id = operator('espalier::graph_end').plain(true);
  return {
    outputs,
    replay: () => void operator('espalier::graph_replay').plain(id),
    free() {
      operator('espalier::graph_free').plain(id);
      for (const tensor of kept) tensor.free();
    },
  };
}

function tensorsOf(value: Holder | unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(tensorsOf) : [];
}

/** Waits until a CUDA device has done everything; does nothing on others. */
export function synchronise(device: string): void {
  if (hasCudaGraphs(device)) operator('espalier::cuda_synchronise').plain();
}

/** The most bytes that tensors held on a CUDA device at once since the last call; null elsewhere. */
export function devicePeak(device: string): number | null {
  if (!hasCudaGraphs(device)) return null;
  return Number(operator('espalier::cuda_peak').plain(Number(device.split(':')[1] ?? 0), true));
}
