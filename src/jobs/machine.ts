/**
 * @file The machine as the settings of a command ask for it: threads, device, versions.
 */
import { availableParallelism } from 'node:os';
import { packageVersion } from '../engine/addon/locate.ts';
import { chooseDevice, engineFacts, kernelThreads, threads } from '../engine/device.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';

/** Sets threads and device as the settings say, for one of the processes of this machine; returns the device. */
export function prepareMachine(
  config: { threads: number; device: string },
  { localRank, localSize }: Pick<Parallel, 'localRank' | 'localSize'> = singleProcess,
): string {
  threads(config.threads > 0 ? config.threads : Math.max(1, Math.floor(availableParallelism() / localSize)));
  const device = chooseDevice(config.device);
  return device === 'cuda' && localSize > 1 ? `cuda:${localRank}` : device;
}

/** What the user should know about the threads of the fused kernels on this device, if anything. */
export const threadsNote = (device: string): string | undefined =>
  device === 'cpu' && kernelThreads() < threads()
    ? 'the addon was compiled without OpenMP: fused kernels run on one thread; install OpenMP and run the set-up again'
    : undefined;

/** Versions for the event log. */
export function versions(): Record<string, string> {
  return { espalier: packageVersion(), libtorch: engineFacts().version, node: process.versions.node };
}
