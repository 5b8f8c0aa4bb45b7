/**
 * @file `espalier measure`: the latency table of this machine, from which milliseconds of networks are predicted.
 */
import { z } from 'zod';
import { extendTable } from '../jobs/cost/latency/measure.ts';
import { processorName, saveTable, tableToExtend, threadsOf } from '../jobs/cost/latency/table.ts';
import { prepareMachine } from '../jobs/machine.ts';
import { readArchitecture } from '../jobs/readArchitecture.ts';
import { buildArchitecture, isGenotype } from '../models/architecture.ts';
import { latencyModel } from '../models/latency/predict.ts';
import { LATENCY_TARGETS } from '../models/latency/units.ts';
import { fitWidth } from '../models/width.ts';
import { type Command, printJson, readSettings, stoppable, watchRun } from './command.ts';

const measureSettings = {
  schema: z.strictObject({
    target: z
      .enum(LATENCY_TARGETS)
      .default('engine')
      .meta({ expected: LATENCY_TARGETS.join(' or '), description: 'what runs the networks' }),
    archs: z
      .union([z.string().transform((names) => names.split(',').map((name) => name.trim())), z.array(z.string())])
      .default(['random:1', 'auto-deeplab-s', 'unet', 'deeplabv3plus'])
      .meta({ expected: 'architectures, separated by commas', description: 'networks whose operators are measured' }),
    size: z.array(z.int().min(1)).min(2).max(3).optional().meta({
      expected: '[height, width] or [depth, height, width]',
      description: 'input of the networks; 129 x 129 or 32 x 32 x 32 by default',
    }),
    classes: z.int().min(1).default(11).meta({ expected: 'a whole number from 1', description: 'number of classes' }),
    multiplyAdds: z.array(z.number().positive()).min(1).default([0.1e9, 0.3e9, 1e9]).meta({
      expected: 'a list of numbers above 0',
      description: 'widths in use: multiply-adds that they are solved for',
    }),
    threads: z.int().min(0).default(0).meta({ expected: 'a whole number from 0', description: 'threads; 0 takes all' }),
  }),
};

export const measureCommand: Command = {
  name: 'measure',
  summary: 'measure the latency of operators on this machine, to predict that of networks',
  usage:
    'measure target=engine|onnxruntime [threads=1] [archs=unet,random:1] [size=[height,width]] [multiplyAdds=[0.1e9,1e9]] [--json]',
  settings: measureSettings,
  needsEngine: () => true,
  async run(words) {
    const { config, flags } = readSettings(measureSettings, words, ['json']);
    const { target, archs, classes, multiplyAdds } = config;
    const threads = threadsOf(config.threads);
    prepareMachine({ threads, device: 'cpu' });
    const networks = archs.flatMap((name) => {
      const architecture = readArchitecture(name);
      const rank = isGenotype(architecture) ? architecture.rank : config.size?.length === 3 ? 3 : 2;
      const size = config.size ?? DEFAULT_SIZE[rank];
      const options = { rank, inputs: rank === 3 ? 1 : 3, classes };
      return multiplyAdds.map((limit) => ({
        size,
        graph: buildArchitecture(architecture, fitWidth(architecture, options, { multiplyAdds: limit }, size).options),
      }));
    });
    const known = tableToExtend(target, threads);
    const watcher = watchRun('measure');
    const measure = (signal: AbortSignal) =>
      extendTable(
        known,
        networks,
        target,
        threads,
        (done, total) => watcher.progress(done / total, `${done} of ${total}`),
        signal,
      );
    const table = await stoppable(measure).finally(watcher.finish);
    const file = saveTable(target, threads, table);
    const facts = { file, target, threads, processor: processorName(), operators: Object.keys(table.units).length };
    const { factors } = latencyModel(table);
    if (flags.json) printJson({ ...facts, factors });
    else
      process.stdout.write(
        `${facts.operators} operators on ${facts.processor}, ${threads} thread${threads === 1 ? '' : 's'}: ${file}\n` +
          `a network takes as long as its operators alone times ${factors[2].toFixed(2)} (images), ${factors[3].toFixed(2)} (volumes)\n`,
      );
  },
};

const DEFAULT_SIZE = { 2: [129, 129], 3: [32, 32, 32] } as const;
