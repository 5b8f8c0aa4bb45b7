/**
 * @file `espalier mlflow`: sends a run to an MLflow server, at once or while it runs. A process of its own: the run does not wait for it, and a server
 * that is away costs nothing.
 */
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { openRunFolder } from '../run/folder.ts';
import { sendToMlflow } from '../run/followers/mlflowClient.ts';
import { type Command, printJson, readSettings } from './command.ts';

const mlflowSettings = {
  schema: z.strictObject({
    run: z.string().min(1).meta({ expected: 'a string', description: 'run to send' }),
    server: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({
        expected: 'an address such as http://localhost:5000',
        description: 'server; the environment variable MLFLOW_TRACKING_URI by default',
      }),
    experiment: z
      .string()
      .min(1)
      .max(500)
      .default('espalier')
      .meta({ expected: 'a string', description: 'experiment, which is made where it is not there' }),
    everySeconds: z.number().min(1).default(10).meta({
      expected: 'a number from 1',
      description: 'with --follow: time between two looks at the log',
    }),
  }),
};

export const mlflowCommand: Command = {
  name: 'mlflow',
  summary: 'send a run to an MLflow server',
  usage: 'mlflow run=<run> [server=http://localhost:5000] [experiment=espalier] [--follow] [--json]',
  settings: mlflowSettings,
  async run(words) {
    const fallback = process.env.MLFLOW_TRACKING_URI;
    const { config, flags } = readSettings(mlflowSettings, words, ['follow', 'json']);
    const folder = openRunFolder(config.run);
    const target = {
      server: config.server ?? fallback ?? 'http://localhost:5000',
      experiment: config.experiment,
      ...authorization(process.env),
    };
    for (;;) {
      const outcome = await sendToMlflow(folder, target);
      if (flags.json) printJson(outcome);
      else if (outcome.events > 0)
        process.stdout.write(`${target.server}: ${outcome.events} events of ${folder.path} as run ${outcome.runId}\n`);
      if (!flags.follow || outcome.ended) return;
      await setTimeout(1000 * config.everySeconds);
    }
  },
};

/** What MLflow's own clients read from the environment. */
function authorization(environment: NodeJS.ProcessEnv): { authorization?: string } {
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
  } = environment;
  if (token) return { authorization: `Bearer ${token}` };
  if (user) return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
  return {};
}
