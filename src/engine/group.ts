/**
 * @file The processes of one run as a group with collectives on tensors: libtorch's own process groups. Every process calls the same
 * collectives in the same order; what they mean for a training is not known here.
 */
import { setTimeout } from 'node:timers/promises';
import { ConfigError, EngineError, GroupError } from '../base/errors.ts';
import { operator } from './call.ts';
import { native } from './native.ts';
import { fromArray, keepForever, type Tensor } from './tensor.ts';

/** Where a process stands in its group, and where the group meets. */
export interface GroupPlace {
  /** From 0; rank 0 is the one that all others meet at. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** The same among the processes of this machine. */
  readonly localRank: number;
  readonly localSize: number;
  readonly host: string;
  readonly port: number;
  /** Whether the launcher itself answers at that port, as `torchrun` does; else rank 0 does. */
  readonly served: boolean;
  /** Which start of the run this is, where a launcher starts it again. */
  readonly attempt: string;
}

/** How long the processes of a group wait for each other. */
export interface GroupPatience {
  /** Seconds until all must have joined, and the most that one collective may take; default 1800. */
  readonly patienceSeconds?: number;
  /** Seconds without a sign of life after which a process counts as lost; default 15. */
  readonly silenceSeconds?: number;
}

/** A collective that has begun: it continues while this process computes. */
export interface Collective {
  /** Blocks until it is done. @throws GroupError that names the ranks that are missing. */
  wait(): void;
  /** The same for those who have other things to do. */
  done(): Promise<void>;
}

/** Seconds of the all-reduce of gradients. */
export interface GradientCost {
  /** In which this process did nothing else. */
  readonly spent: number;
  /** In which some collective was under way. */
  readonly underWay: number;
  /** Of these, those before the backward pass had ended. */
  readonly hidden: number;
}

/** The group that this process is in. Tensors are contiguous and on the CPU. */
export interface Group {
  readonly place: GroupPlace;
  /** Adds the tensors of all ranks up, in place. */
  sum(tensor: Tensor): Collective;
  /** The largest over all ranks of each element, in place. */
  maximum(tensor: Tensor): Collective;
  /** Makes the tensor that of rank `root`, in place. */
  broadcast(tensor: Tensor, root?: number): Collective;
  /** The tensors of all ranks, which are of one shape; filled when the collective is done. */
  gather(tensor: Tensor): { readonly parts: readonly Tensor[]; readonly collective: Collective };
  /** Done when every rank has called it. */
  barrier(): Collective;
  /** The sum over all ranks as a new tensor of any layout; differentiable, and blocking in both directions. */
  summed(tensor: Tensor): Tensor;
  /**
   * The gradients of `loss` with respect to `inputs`, added to what `before` has of them, as means over all ranks; null where the loss does not depend on
   * an input. Inputs are all-reduced in buckets of so many, in their order, each as soon as it is there: those that are reached first should come first.
   * The same inputs are null on every rank.
   */
  meanGradients(
    loss: Tensor,
    inputs: readonly Tensor[],
    before: readonly (Tensor | null)[],
    packs: readonly number[],
  ): (Tensor | null)[];
  /** What `meanGradients` cost so far. */
  gradientCost(): GradientCost;
  /** Leaves; with a reason the other ranks end with it as well. Without one, rank 0 waits until all have left. */
  leave(reason?: string): void;
}

/** The place that the environment gives this process: `RANK` of `WORLD_SIZE`, at `MASTER_ADDR` and `MASTER_PORT`; null for a single process. */
export function placeInGroup(environment: Readonly<Record<string, string | undefined>>): GroupPlace | null {
  const read = (name: string, minimum: number, fallback?: number): number => {
    const text = environment[name];
    const value = text === undefined || text === '' ? fallback : Number(text);
    if (value === undefined)
      throw new ConfigError(`WORLD_SIZE is set, ${name} is not`, 'start it with espalier launch');
    if (!Number.isInteger(value) || value < minimum)
      throw new ConfigError(`${name}: expected a whole number from ${minimum}, got "${text}"`);
    return value;
  };
  const size = read('WORLD_SIZE', 1, 1);
  if (size === 1) return null;
  const rank = read('RANK', 0);
  if (rank >= size) throw new ConfigError(`RANK: expected a number below WORLD_SIZE=${size}, got ${rank}`);
  const host = environment.MASTER_ADDR;
  if (!host) throw new ConfigError('WORLD_SIZE is set, MASTER_ADDR is not', 'start it with espalier launch');
  return {
    rank,
    size,
    localRank: read('LOCAL_RANK', 0, 0),
    localSize: read('LOCAL_WORLD_SIZE', 1, slurmTasksHere(environment)),
    host,
    port: read('MASTER_PORT', 1),
    served: environment.TORCHELASTIC_USE_AGENT_STORE === 'True',
    attempt: environment.TORCHELASTIC_RESTART_COUNT ?? '0',
  };
}

/** Tasks of this node, where Slurm started the process: the list by nodes is like `4(x2),3`. */
function slurmTasksHere(environment: Readonly<Record<string, string | undefined>>): number {
  const counts = (environment.SLURM_STEP_TASKS_PER_NODE ?? '').split(',').flatMap((part) => {
    const [tasks, nodes = 1] = part.split(/[(x)]+/, 2).map(Number);
    return Array<number>(nodes || 1).fill(tasks);
  });
  return counts[Number(environment.SLURM_NODEID ?? 0)] || 1;
}

/**
 * Joins the group; returns when all ranks have.
 * @throws GroupError naming the ranks that did not come; EngineError where this build has no process groups.
 */
export function joinGroup(
  place: GroupPlace,
  { patienceSeconds = 1800, silenceSeconds = 15 }: GroupPatience = {},
): Group {
  const { rank, size, host, port, served, attempt } = place;
  const join = groupOperator('join');
  withGroupErrors(() =>
    join(host, port, rank, size, rank === 0 && !served, `espalier/${attempt}`, patienceSeconds, silenceSeconds),
  );
  const begin = (kind: string, tensors: readonly Tensor[], root = 0): Collective =>
    collectiveOf(withGroupErrors(() => groupOperator('begin')(kind, tensors, root)) as number);
  return {
    place,
    sum: (tensor) => begin('sum', [tensor]),
    maximum: (tensor) => begin('max', [tensor]),
    broadcast: (tensor, root) => begin('broadcast', [tensor], root),
    gather(tensor) {
      const parts = Array.from({ length: size }, () => operator('aten::zeros_like').one(tensor));
      return { parts, collective: begin('gather', [tensor, ...parts]) };
    },
    barrier: () => begin('barrier', []),
    summed: (tensor) => withGroupErrors(() => operator('espalier::group_sum').one(tensor)),
    meanGradients: (loss, inputs, before, packs) =>
      withGroupErrors(() => operator('espalier::group_gradients').many(loss, inputs, before, packs)),
    gradientCost() {
      const [spent, underWay, hidden] = operator('espalier::group_figures').one().numbers();
      return { spent, underWay, hidden };
    },
    leave: (reason = '') => void groupOperator('leave')(reason),
  };
}

/** Bytes of each rank, which may differ in number, in the order of ranks. */
export async function gatherBytes(group: Group, bytes: Uint8Array): Promise<Uint8Array[]> {
  const sizes = group.gather(keepForever(fromArray(Float64Array.of(bytes.length), [1])));
  await sizes.collective.done();
  const lengths = sizes.parts.map((part) => part.item());
  const padded = new Uint8Array(Math.max(1, ...lengths));
  padded.set(bytes);
  const { parts, collective } = group.gather(keepForever(fromArray(padded, [padded.length])));
  await collective.done();
  return parts.map((part, rank) => (part.data() as Uint8Array).subarray(0, lengths[rank]));
}

function collectiveOf(id: number): Collective {
  return {
    wait: () => void withGroupErrors(() => groupOperator('wait')(id)),
    async done() {
      // Asking now and then leaves the few threads of Node to files and images.
      while (!withGroupErrors(() => groupOperator('done')(id))) await setTimeout(1);
    },
  };
}

/** @throws EngineError where this build has no process groups. */
export function requireProcessGroups(): void {
  groupOperator('join');
}

/** Whether this build has process groups. */
export function hasProcessGroups(): boolean {
  try {
    requireProcessGroups();
    return true;
  } catch {
    return false;
  }
}

function groupOperator(name: string): ReturnType<typeof operator>['plain'] {
  // An addon that does not load says so itself.
  native();
  try {
    return operator(`espalier::group_${name}`).plain;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(
      'this build has no process groups: its libtorch has none, or the headers of Gloo were not found',
      'on Debian and Ubuntu: apt-get install libgloo-dev, remove build/native, and npm run setup',
    );
  }
}

/** Refusals of a group that broke are errors of the group, with the ranks that are missing. */
function withGroupErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof EngineError) || !error.message.startsWith('espalier::group_')) throw error;
    const missing = String(groupOperator('missing')() ?? '');
    const message = error.message.slice(error.message.indexOf('): ') + 3);
    throw new GroupError(message, missing === '' ? [] : missing.split(',').map(Number));
  }
}
