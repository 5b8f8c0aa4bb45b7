/**
 * @file `espalier export`: the network of a run as a file that runs elsewhere, or as a folder for a model hub.
 */
import { formatBytes } from '../base/text.ts';
import { exportFolder } from '../jobs/export/hub.ts';
import { describeQuantisation } from '../jobs/export/int8.ts';
import { describeParity, type ExportOutcome, exportOnnx } from '../jobs/export/onnx.ts';
import { settings } from '../run/config/presets.ts';
import type { ExportConfig } from '../run/config/schemas/export.ts';
import { refuseUnused, type UnusedSettings } from '../run/config/unused.ts';
import { type Command, printJson, readSettings } from './command.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'write the network of a run as ONNX, checked against the engine, or as a folder for a model hub',
  usage:
    'export run=<run> [preset=web] [format=onnx|safetensors] [size=[513,513]] [precision=float16|int8] [normalise=true] [result=argmax] [output=<file|folder>] [--json]',
  settings: settings.export,
  needsEngine: () => true,
  async run(words) {
    const { config, flags, keys, given } = readSettings(settings.export, words, ['json']);
    if (config.format === 'onnx') refuseUnused(keys, [UNUSED_IN_ONNX]);
    if (config.precision !== 'float32') refuseUnused(keys, [unusedWeights(config.precision)]);
    if (config.precision !== 'int8') refuseUnused(keys, [UNUSED_CALIBRATION]);
    if (config.budget.latencyMs === undefined)
      refuseUnused(keys, [{ keys: ['target'], because: 'it is of budget.latencyMs', instead: 'set that too' }]);
    await FORMATS[config.format](config, given, flags.json);
  },
};

const UNUSED_IN_ONNX: UnusedSettings = {
  keys: ['license'],
  because: 'it is for the model card, which format=onnx does not write',
  instead: 'set format=safetensors',
};

const unusedWeights = (precision: 'float16' | 'int8'): UnusedSettings => ({
  keys: ['weights'],
  because: `with precision=${precision} weights are stored in ${precision === 'int8' ? 8 : 16} bits`,
});

const UNUSED_CALIBRATION: UnusedSettings = {
  keys: ['calibration'],
  because: 'only models of 8 bits are calibrated',
  instead: 'set precision=int8',
};

const FORMATS: Record<ExportConfig['format'], (config: ExportConfig, given: string[], json: boolean) => Promise<void>> =
  {
    async onnx(config, given, json) {
      const outcome = await exportOnnx(config, given);
      if (json) printJson(outcome);
      else process.stdout.write(describeOnnx(outcome));
    },
    async safetensors(config, given, json) {
      const outcome = await exportFolder(config, given);
      const { folder, files, onnx } = outcome;
      if (json) printJson(outcome);
      else process.stdout.write(`${folder}: ${files.join(', ')}\n${describeOnnx(onnx)}`);
    },
  };

function describeOnnx({ file, bytes, metadata, parity, quantisation, samples, latency }: ExportOutcome): string {
  const { size, precision, weights, result } = metadata;
  const sizes = size === 'dynamic' ? 'any size' : `size ${size.join(' x ')}`;
  return (
    `${file}: ${formatBytes(bytes)}, ${sizes}, ${precision}${weights ? ` with weights in ${weights}` : ''}, ${result}\n` +
    `parity with the engine on ${samples.join(', ')}: ${describeParity(parity, metadata)}\n` +
    (quantisation ? `8 bits: ${describeQuantisation(quantisation)}\n` : '') +
    `${latency.ms.toFixed(1)} ms an input of ${latency.size.join(' x ')} in onnxruntime on ${latency.threads} thread${latency.threads === 1 ? '' : 's'}\n`
  );
}
