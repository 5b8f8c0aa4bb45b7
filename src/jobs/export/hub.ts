/**
 * @file The network of a run as a folder for a model hub: weights, architecture, model card, and the ONNX model. `espalier predict run=<folder>`
 * and `evaluate` take such a folder like a run.
 */
import { basename, join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { describeChannels } from '../../data/channels/format.ts';
import { namedRegions } from '../../data/regions/named.ts';
import { Generator } from '../../engine/device.ts';
import { CARD_FILES, SCORE_COLUMNS, type ScoreColumn, type ScoreTable, writeCard } from '../../export/card.ts';
import { isGenotype, summariseArchitecture } from '../../models/architecture.ts';
import { countNetwork } from '../../models/graph.ts';
import type { ExportConfig } from '../../run/config/schemas/export.ts';
import { describeEvaluation } from '../../run/evaluations.ts';
import { writeAtomically } from '../../run/files.ts';
import { openRunFolder } from '../../run/folder.ts';
import { recordFiles, requireFreeOutputs } from '../../run/outputs.ts';
import { loadReportData, type ReportData } from '../../run/report/data.ts';
import { writeSafetensors } from '../../run/safetensors.ts';
import { drawGenotype } from '../../space/drawing.ts';
import { formatGenotype } from '../../space/genotype.ts';
import { storeTensors } from '../checkpoint/tensors.ts';
import { runsOf } from '../ensemble/runs.ts';
import { versions } from '../machine.ts';
import { formatDescription, loadNetwork } from '../network.ts';
import { type ExportOutcome, exportOnnx } from './onnx.ts';

/** A folder that was written, and the ONNX model in it. */
export interface FolderOutcome {
  readonly folder: string;
  readonly files: readonly string[];
  readonly onnx: ExportOutcome;
}

/** Inputs for which a card counts multiply-adds when they come in any size. */
const COUNTED_SIZE = { 2: [512, 512], 3: [96, 96, 96] } as const;

/**
 * Writes the folder; other files in it stay, such as those of git. See `espalier export --help`.
 * @throws NumericError, and writes nothing, when the ONNX model differs from the engine.
 */
export async function exportFolder(config: ExportConfig, given: readonly string[] = []): Promise<FolderOutcome> {
  if (runsOf(config.run).length > 1)
    throw new ConfigError(
      `run: format=safetensors is for one run, got ${config.run}`,
      'export several as one model with format=onnx',
    );
  const folder = openRunFolder(config.run);
  const output = config.output ?? join(folder.exports, 'hub');
  requireFreeOutputs({
    outputs: Object.values(CARD_FILES).map((name) => join(output, name)),
    inputs: [...recordFiles(folder), ...given],
    inside: config.output === undefined ? folder.path : undefined,
  });
  const onnx = await exportOnnx({ ...config, output: join(output, CARD_FILES.onnx) }, given);
  const { network, description } = loadNetwork(folder, config.checkpoint, new Generator(0), 'cpu');
  const { architecture, classes, reduction, images } = description;
  const { espalier: version } = versions();
  const { rank } = network.graph;
  const size = config.size === 'dynamic' ? COUNTED_SIZE[rank] : config.size;
  const report = loadReportData(folder);
  const card = writeCard({
    name: basename(folder.path),
    license: config.license,
    method: isGenotype(architecture) ? architecture.method : architecture.network,
    isFound: isGenotype(architecture),
    summary: summariseArchitecture(architecture),
    rank,
    ...(images ? { channels: describeChannels(images) } : {}),
    classes: classes.map(({ name }) => name),
    ...(description.regions ? { regions: namedRegions(description) } : {}),
    dataset: datasetOf(report),
    scores: scoresOf(report),
    evaluations: report.evaluations.map((evaluation) => ({
      ...evaluation,
      how: describeEvaluation(evaluation),
      miou: evaluation.scores.miou,
      dice: evaluation.scores.dice,
    })),
    cost: countNetwork(
      network.graph,
      size.map((length) => Math.round(length / reduction)),
    ),
    size,
    reduction,
    command: commandOf(report),
    version,
  });
  const files: Record<string, Uint8Array | string> = {
    [CARD_FILES.card]: card,
    [CARD_FILES.weights]: writeSafetensors(storeTensors(network.parameters.entries()), { espalier: version }),
    [CARD_FILES.network]: formatDescription(description),
    ...(isGenotype(architecture)
      ? { [CARD_FILES.genotype]: formatGenotype(architecture), [CARD_FILES.drawing]: drawGenotype(architecture) }
      : {}),
  };
  for (const [name, content] of Object.entries(files)) writeAtomically(join(output, name), content);
  return { folder: output, files: [...Object.keys(files), CARD_FILES.onnx], onnx };
}

/** The last part of the path of the data: where it lies on this machine is nobody's business. */
const datasetOf = (report: ReportData): string => basename(dataOf(report));

const commandOf = (report: ReportData): string | undefined =>
  report.starts.at(-1)?.command.replaceAll(dataOf(report), datasetOf(report));

const dataOf = ({ starts }: ReportData): string => String(starts.at(-1)?.config.data ?? 'unknown');

/** per_class.csv by the names of its columns; its last row are the means. */
function scoresOf({ perClass }: ReportData): ScoreTable | undefined {
  if (perClass === undefined) return undefined;
  const [header, ...rows] = perClass;
  const isColumn = (name: string): name is ScoreColumn => Object.hasOwn(SCORE_COLUMNS, name);
  const columns = header.filter(isColumn);
  const number = (text: string | undefined) => (text === undefined || text === '' ? undefined : Number(text));
  return {
    columns,
    rows: rows.map((row) => ({
      name: row[0] ?? '',
      values: columns.map((column) => number(row[header.indexOf(column)])),
    })),
  };
}
