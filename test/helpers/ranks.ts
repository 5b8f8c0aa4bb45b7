/** @file Programs as the ranks of one group on this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { hasProcessGroups } from '../../src/engine/group.ts';

/** Whether ranks can meet; where this build has no process groups a plain line says so, and tests of them skip. */
export const hasGroups = hasProcessGroups();
if (!hasGroups) console.log('skipped: this build has no process groups (the headers of Gloo were not found)');

/** How a rank came to its end. */
export interface EndedRank {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly error: string;
  readonly seconds: number;
}

/** A port that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Where a rank runs. */
interface RankPlace {
  readonly size: number;
  readonly port: number;
  /** Its working folder. */
  readonly cwd?: string;
  /** What rank 0 is reached by. */
  readonly host?: string;
  /** Words before those of Node, such as `ip netns exec <name>`. */
  readonly within?: readonly string[];
}

/** Starts one rank of a group. */
export function startRank(
  rank: number,
  { size, port, cwd, host = '127.0.0.1', within = [] }: RankPlace,
  words: readonly string[],
) {
  const place = {
    RANK: rank,
    LOCAL_RANK: rank,
    WORLD_SIZE: size,
    LOCAL_WORLD_SIZE: size,
    MASTER_ADDR: host,
    MASTER_PORT: port,
  };
  const texts = Object.fromEntries(Object.entries(place).map(([name, value]) => [name, String(value)]));
  const started = performance.now();
  const [command, ...rest] = [...within, process.execPath, ...words];
  const child = spawn(command, rest, { cwd, env: { ...process.env, ...texts } });
  let [out, error] = ['', ''];
  child.stdout.on('data', (part) => {
    out += part;
  });
  child.stderr.on('data', (part) => {
    error += part;
  });
  const ended = once(child, 'close').then(([code, signal]): EndedRank => {
    return { code, signal, out, error, seconds: (performance.now() - started) / 1000 };
  });
  return { child, ended };
}

/** Runs the same program as all ranks of a group to their ends. */
export async function runRanks(size: number, words: readonly string[]): Promise<EndedRank[]> {
  const port = await freePort();
  return Promise.all(Array.from({ length: size }, (_, rank) => startRank(rank, { size, port }, words).ended));
}
