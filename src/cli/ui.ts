/**
 * @file `espalier ui`: the dashboard over a folder of runs, live and finished ones alike, until it is stopped.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, DataError } from '../base/errors.ts';
import { STOP_SIGNALS } from '../base/signals.ts';
import { isBasePath, isHostName } from '../server/guard.ts';
import { serveDashboard } from '../server/serve.ts';
import { type Command, readSettings } from './command.ts';

const DEFAULT_PORT = 4173;

const uiSettings = {
  schema: z.strictObject({
    host: z.string().min(1).default('127.0.0.1').meta({
      expected: 'an address of this machine',
      description: 'where to listen; beyond this machine a token is required',
    }),
    port: z
      .int()
      .min(0)
      .max(65535)
      .optional()
      .meta({
        expected: 'a whole number from 0 to 65535',
        description: `port; ${DEFAULT_PORT} or the next free one by default, 0 takes any`,
      }),
    token: z.string().min(8).optional().meta({
      expected: 'a string of at least 8 characters',
      description: 'required by every page; generated where one is needed',
    }),
    hosts: z
      .union([z.string().transform((names) => names.split(',').map((name) => name.trim())), z.array(z.string())])
      .pipe(z.array(z.string().refine(isHostName)).min(1))
      .optional()
      .meta({
        expected: 'names or addresses without ports, separated by commas',
        description: 'further names it is opened under: of the machine around a container, of a reverse proxy',
      }),
    proxy: z.boolean().default(false).meta({
      expected: 'true or false',
      description: 'trust X-Forwarded-Host, -Proto and -Prefix: only where every request passes your proxy',
    }),
    base: z.string().refine(isBasePath).optional().meta({
      expected: 'a path such as /lab',
      description: 'path below which a proxy asks for it, where the proxy does not take it away',
    }),
  }),
};

export const uiCommand: Command = {
  name: 'ui',
  summary: 'dashboard of all runs in the browser',
  usage: 'ui [runs] [port=<number>] [host=127.0.0.1] [token=<text>] [hosts=<names>] [proxy=true] [base=<path>]',
  settings: uiSettings,
  async run(words) {
    const { config, positionals } = readSettings(uiSettings, words);
    if (positionals.length > 1) throw new ConfigError(`ui: expected one folder of runs, got ${positionals.join(', ')}`);
    const [root = 'runs'] = positionals;
    if (!existsSync(root)) throw new DataError(`${root}: no such folder`, 'make a run first: espalier demo');
    const { host, port, token, hosts, proxy, base } = config;
    // Before its address is printed: a signal at that moment would end the process by it.
    const stopped = new Promise<void>((resolve) => {
      for (const signal of STOP_SIGNALS) process.once(signal, resolve);
    });
    const dashboard = await serveDashboard({
      root,
      web: fileURLToPath(new URL('../web', import.meta.url)),
      host,
      port: port ?? DEFAULT_PORT,
      searchPort: port === undefined,
      ...{ hosts, proxy, base, token },
    });
    const also = dashboard.urls.map((url) => `also as ${url}\n`).join('');
    process.stdout.write(`dashboard of ${root}: ${dashboard.url}\n${also}stop it with Ctrl-C\n`);
    await stopped;
    await dashboard.close();
  },
};
