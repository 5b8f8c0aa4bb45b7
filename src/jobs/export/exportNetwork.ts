/**
 * @file `espalier export` for programs: one file, or the folder of a model hub.
 */
import { type Layer, parseConfig } from '../../run/config/config.ts';
import type { ExportSettings } from '../../run/config/given.ts';
import { settings } from '../../run/config/presets.ts';
import { exportFolder, type FolderOutcome } from './hub.ts';
import { type ExportOutcome, exportOnnx } from './onnx.ts';

/** `exportNetwork` as it is called: an ONNX file, or with `format: 'safetensors'` the folder of a model hub. */
interface ExportNetwork {
  (given: ExportSettings & { readonly format: 'safetensors' }): Promise<FolderOutcome>;
  (given: ExportSettings & { readonly format?: 'onnx' }): Promise<ExportOutcome>;
}

/**
 * The network of a run as a file or a folder that runs elsewhere: settings as on the command line.
 * @throws NumericError, and writes nothing, when the model differs from the engine by more than rounding
 */
export const exportNetwork = ((given: ExportSettings) => {
  const config = parseConfig(settings.export, [given as Layer]);
  return config.format === 'safetensors' ? exportFolder(config) : exportOnnx(config);
}) as ExportNetwork;
