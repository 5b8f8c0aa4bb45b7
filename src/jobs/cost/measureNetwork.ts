/**
 * @file Peak memory of a network, measured: in a process of its own, so that nothing else counts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EngineError } from '../../base/errors.ts';
import type { NetworkGraph } from '../../models/graph.ts';

/** What is measured. */
export interface MemoryTask {
  readonly graph: NetworkGraph;
  readonly batch: number;
  readonly size: readonly number[];
  /** Threads of an operator; 0 takes all. */
  readonly threads: number;
  readonly device: string;
  readonly kind: 'training' | 'inference';
}

/** The largest resident size over a step or an inference, above that before the network was made. */
export interface MeasuredMemory {
  readonly bytes: number;
  readonly seconds: number;
}

/** Runs the task in a fresh process. Throws `EngineError` when that process fails, as it does where the memory does not suffice. */
export async function measureMemory(task: MemoryTask): Promise<MeasuredMemory> {
  try {
    const running = promisify(execFile)(process.execPath, [childFile()], {
      maxBuffer: 2 ** 20,
      env: { ...process.env, ...EXACT_ALLOCATOR },
    });
    // On its input, not its command line: a graph may be longer than that can be.
    running.child.stdin?.end(JSON.stringify(task));
    const { stdout } = await running;
    return JSON.parse(stdout) as MeasuredMemory;
  } catch (error) {
    const { signal, stderr } = error as { signal?: string; stderr?: string };
    const reason = signal ? `ended by ${signal}` : (stderr ?? '').trim().split('\n').at(-1);
    throw new EngineError(`measuring memory failed: ${reason}`, 'take a smaller size or batch');
  }
}

/**
 * Freed memory stays with a process, and how much depends on the order of sizes: here every tensor is given back at once, so
 * that what is measured is what is needed.
 */
const EXACT_ALLOCATOR = { ESPALIER_RETURN_MEMORY: '1' };

/** The compiled file of the process, from the sources too: Node 20 runs no TypeScript. */
function childFile(): string {
  const here = fileURLToPath(new URL('./measureNetworkProcess.js', import.meta.url));
  return existsSync(here)
    ? here
    : fileURLToPath(new URL('../../../dist/jobs/cost/measureNetworkProcess.js', import.meta.url));
}
