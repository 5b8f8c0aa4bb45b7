/**
 * @file The dashboard listening: address, port and token, and an orderly end.
 */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { ConfigError } from '../base/errors.ts';
import { createApp } from './app.ts';
import { createToken, hostsOf, isLoopback } from './guard.ts';
import { createRunIndex } from './runIndex.ts';
import { createWatch } from './watch.ts';
import { loadWebFiles } from './webFiles.ts';

/** How the dashboard is served. */
export interface ServeOptions {
  /** Folder of runs, or one run. */
  readonly root: string;
  /** Folder of the built page. */
  readonly web: string;
  /** Address to listen on; beyond this machine a token is required. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whether another port may be taken when this one is in use: the next one, up to 20 further. */
  readonly searchPort: boolean;
  /** Required of every request; made up when it is needed and missing. */
  readonly token?: string;
  /** Further names and addresses under which it is asked for, without port: of the machine around a container, of a proxy. */
  readonly hosts?: readonly string[];
  /** Whether to trust the X-Forwarded headers of a proxy that all requests pass. Default: false. */
  readonly proxy?: boolean;
  /** Path below which a proxy asks for it, such as `/lab`. Default: the root. */
  readonly base?: string;
}

/** A dashboard that is being served. */
export interface Dashboard {
  /** What to open, with the token where one is needed. */
  readonly url: string;
  /** The same under each of the further names. */
  readonly urls: readonly string[];
  readonly port: number;
  readonly token: string | undefined;
  close(): Promise<void>;
}

const FURTHER_PORTS = 20;

/** Starts the dashboard. @throws ConfigError when it cannot listen there. */
export async function serveDashboard(options: ServeOptions): Promise<Dashboard> {
  const { root, host, hosts = [], proxy = false } = options;
  const base = (options.base ?? '').replace(/\/$/, '');
  // Who has a further name for it, or a proxy before it, opens it beyond this machine.
  const isOpen = !isLoopback(host) || hosts.length > 0 || proxy;
  const token = options.token ?? (isOpen ? createToken() : undefined);
  const watch = createWatch(createRunIndex(root));
  const names = [...hostsOf(host), ...hosts.map((name) => name.toLowerCase())];
  const web = loadWebFiles(options.web);
  const app = createApp({ root, watch, web, hosts: names, proxy, base, ...(token ? { token } : {}) });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const port = await listen(server, options);
  const name = host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  const end = `${base}/${token === undefined ? '' : `?token=${token}`}`;
  return {
    url: `http://${name}:${port}${end}`,
    // Behind a proxy the port is the proxy's.
    urls: hosts.map((further) => (proxy ? `https://${further}${end}` : `http://${further}:${port}${end}`)),
    port,
    token,
    close: () =>
      new Promise((resolve) => {
        watch.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, { host, port, searchPort }: ServeOptions): Promise<number> {
  for (let candidate = port; ; candidate++) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(candidate, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : candidate;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && searchPort && candidate < Math.min(port + FURTHER_PORTS, 65535)) continue;
      const advice =
        code === 'EADDRINUSE' ? 'take another one: port=<number>' : 'give an address of this machine: host=127.0.0.1';
      throw new ConfigError(`cannot listen on ${host}:${candidate} (${code ?? (error as Error).message})`, advice);
    }
  }
}
