/**
 * @file `espalier launch`: one command in several processes of this machine, which share its batches; or the script and the manifest that do so on a
 * cluster. The processes find each other by the environment that `torchrun` and others set as well.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { ConfigError, GroupError } from '../base/errors.ts';
import { STOP_SIGNALS } from '../base/signals.ts';
import { requireProcessGroups } from '../engine/group.ts';
import { type Command, readSettings } from './command.ts';
import { kubernetesManifest, slurmScript } from './manifests.ts';

const launchSettings = {
  schema: z.strictObject({
    processes: z.int().min(1).optional().meta({
      expected: 'a whole number from 1',
      description: 'processes; each computes its part of every batch; 2 by default, 1 for trials',
    }),
    port: z.int().min(1).max(65535).optional().meta({
      expected: 'a whole number from 1 to 65535',
      description: 'where the processes meet; any free one by default',
    }),
    print: z.enum(['slurm', 'kubernetes']).optional().meta({
      expected: 'slurm or kubernetes',
      description: 'print what runs the command on a cluster, instead of running it',
    }),
    trials: z.int().min(1).default(1).meta({
      expected: 'a whole number from 1',
      description: 'of print: independent runs, with seeds 0, 1, ...',
    }),
    name: z
      .string()
      .regex(/^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$/)
      .default('espalier')
      .meta({
        expected: 'small letters, digits and dashes',
        description: 'of print: name of the job, and with trials the beginning of the names of their runs',
      }),
    cores: z.int().min(1).default(4).meta({
      expected: 'a whole number from 1',
      description: 'of print: processor cores of each process',
    }),
    image: z.string().min(1).default('espalier:latest').meta({
      expected: 'an image',
      description: 'of print=kubernetes: a container in which espalier is a command',
    }),
    claim: z.string().min(1).default('espalier').meta({
      expected: 'the name of a persistent volume claim',
      description: 'of print=kubernetes: the volume that holds data and runs',
    }),
    graceSeconds: z.number().positive().default(60).meta({
      expected: 'a number above 0',
      description: 'seconds that the others have to end by themselves when one has failed',
    }),
  }),
};

export const launchCommand: Command = {
  name: 'launch',
  summary: 'run a search or training in several processes',
  usage: 'launch [processes=<number>] [print=slurm|kubernetes] [key=value ...] -- <search|train> ...',
  settings: launchSettings,
  async run(words) {
    const { config, positionals } = readSettings(launchSettings, words);
    if (positionals.length === 0)
      throw new ConfigError(
        'launch: expected a command behind --',
        'such as: espalier launch processes=2 -- search ...',
      );
    const { print, trials, graceSeconds, processes = trials > 1 ? 1 : 2 } = config;
    if (print) {
      const job = { ...config, processes, words: positionals };
      process.stdout.write(print === 'slurm' ? slurmScript(job) : kubernetesManifest(job));
      return;
    }
    if (trials > 1) throw new ConfigError('trials: a scheduler runs them', 'add print=slurm or print=kubernetes');
    // Said once here, and not by every rank.
    requireProcessGroups();
    const { port = await freePort() } = config;
    await runTogether(positionals, { processes, port, graceSeconds });
  },
};

/** How a process ended: its exit code, that of the signal where one ended it. */
interface Ended {
  readonly rank: number;
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the words of a command as all ranks of a group; sets the exit code to that of the first that failed. */
async function runTogether(
  words: readonly string[],
  { processes, port, graceSeconds }: { processes: number; port: number; graceSeconds: number },
): Promise<void> {
  const children = Array.from({ length: processes }, (_, rank) => startRank(rank, processes, port, words));
  let stopped: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    stopped = signal;
    for (const child of children) child.kill(signal);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  try {
    const ends = children.map((child, rank) => endOf(child, rank));
    const failed = await firstFailure(ends);
    if (!failed) return;
    await endOthers(children, ends, graceSeconds);
    if (stopped) {
      // A rank that others ask to stop before the signal reaches it ends as by SIGTERM.
      const isStop = STOP_SIGNALS.some((signal) => failed.code === exitCodeOf(signal));
      process.exitCode = isStop ? exitCodeOf(stopped) : failed.code;
      return;
    }
    process.exitCode = failed.code;
    const how = failed.signal ? `was ended by ${failed.signal}` : `ended with code ${failed.code}`;
    throw new GroupError(`rank ${failed.rank} of ${processes} ${how}, and the run with it`, [failed.rank]);
  } finally {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, stop);
  }
}

/** In a session of its own: a key that stops this process reaches the others through it, once. */
function startRank(rank: number, size: number, port: number, words: readonly string[]): ChildProcess {
  const place = {
    ...{ RANK: rank, LOCAL_RANK: rank, WORLD_SIZE: size, LOCAL_WORLD_SIZE: size },
    ...{ MASTER_ADDR: '127.0.0.1', MASTER_PORT: port },
  };
  const environment = Object.fromEntries(Object.entries(place).map(([name, value]) => [name, String(value)]));
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1], ...words], {
    env: { ...process.env, ...environment },
    stdio: rank === 0 ? 'inherit' : ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', (line) => process.stderr.write(`rank ${rank}: ${line}\n`));
  return child;
}

const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

async function endOf(child: ChildProcess, rank: number): Promise<Ended> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { rank, code: code ?? (signal ? exitCodeOf(signal) : 128), signal };
}

/** The first that ended badly, or nothing when all ended well. */
async function firstFailure(ends: readonly Promise<Ended>[]): Promise<Ended | undefined> {
  const failure = new Promise<Ended>((resolve) => {
    for (const end of ends) void end.then((ended) => ended.code !== 0 && resolve(ended));
  });
  return Promise.race([failure, Promise.all(ends).then((all) => all.find(({ code }) => code !== 0))]);
}

/** Lets the others end by themselves; those that do not get SIGTERM, then SIGKILL. */
async function endOthers(children: readonly ChildProcess[], ends: readonly Promise<Ended>[], graceSeconds: number) {
  const all = Promise.all(ends);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const timer = new AbortController();
    await Promise.race([
      all,
      setTimeout(1000 * graceSeconds, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  }
  await all;
}

/** A port of this machine that nobody listens at now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new GroupError('this machine gives no free port');
  return address.port;
}
