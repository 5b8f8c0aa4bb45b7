/** @file Programs as the ranks of one group on this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

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

/** Starts one rank; `environment` is added to what says its place. */
export function startRank(
  rank: number,
  { size, port, cwd, host = '127.0.0.1' }: { size: number; port: number; cwd?: string; host?: string },
  words: readonly string[],
  environment: Record<string, string> = {},
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
  const child = spawn(process.execPath, words, { cwd, env: { ...process.env, ...texts, ...environment } });
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
export async function runRanks(size: number, words: readonly string[], cwd?: string): Promise<EndedRank[]> {
  const port = await freePort();
  const place = { size, port, ...(cwd ? { cwd } : {}) };
  return Promise.all(Array.from({ length: size }, (_, rank) => startRank(rank, place, words).ended));
}
