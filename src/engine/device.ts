/**
 * @file Where and with how much the engine computes: device choice, threads, seeded generators, memory statistics.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { operator } from './call.ts';
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** `auto` is CUDA where libtorch has it and a device is present, else the CPU. Throws `ConfigError` for CUDA without a device. */
export function chooseDevice(wanted: string): string {
  const { cuda } = native().about();
  if (wanted === 'auto') return cuda ? 'cuda' : 'cpu';
  if (!/^(cpu|mps|cuda(:\d+)?)$/.test(wanted))
    throw new ConfigError(`unknown device "${wanted}"`, 'use auto, cpu, cuda, cuda:<n> or mps');
  if (wanted.startsWith('cuda') && !cuda)
    throw new ConfigError(`device "${wanted}" was asked for, but libtorch sees no CUDA device`, 'use device=cpu');
  return wanted;
}

/** Sets (if given) and returns the number of threads of one operator. */
export function threads(count?: number): number {
  return native().threads(count ?? null);
}

/** The threads of a fused kernel: those of `threads`, or one where the addon was built without OpenMP. */
export function kernelThreads(): number {
  return operator('espalier::kernel_threads').plain() as number;
}

/** Whether fused kernels can multiply in bfloat16 here: the processor has tiles for it (AMX). */
export function hasBfloat16Tiles(): boolean {
  return operator('espalier::bfloat16_tiles').plain() as boolean;
}

/** libtorch's version, and how many tensors this thread holds. */
export function engineFacts(): { version: string; cuda: boolean; liveTensors: number } {
  const { version, cuda, live } = native().about();
  return { version, cuda, liveTensors: live };
}

/** Resident bytes of this process: now, and the largest so far where the system reports it (Linux). */
export function memory(): { residentBytes: number; peakBytes: number } {
  const residentBytes = process.memoryUsage.rss();
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (match) return { residentBytes, peakBytes: Number(match[1]) * 1024 };
  } catch {
    // Not Linux: getrusage below.
  }
  return { residentBytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

/** A seeded source of random numbers for operators; its state can be stored and set again. */
export class Generator {
  /** @internal */
  readonly id: number;

  constructor(seed: number, device = 'cpu') {
    this.id = native().createGenerator(device, seed);
  }

  /** The state as a uint8 tensor. */
  state(): Tensor {
    return new Tensor(native().generatorState(this.id));
  }

  restore(state: Tensor): void {
    native().setGeneratorState(this.id, state.handle);
  }
}
