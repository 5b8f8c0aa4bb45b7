/**
 * @file Which stages of a network are trained, and how fast: `freeze`, `encoderRate` and `layerDecay`.
 */
import { ConfigError } from '../../base/errors.ts';
import type { NetworkGraph } from '../../models/graph.ts';
import { encoderStages, stageOfTensor, stagesOf } from '../../models/stages.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';

/** In `freeze`, all stages of the encoder. */
const ENCODER = 'encoder';

/**
 * The stages that keep their weights, and the statistics of their norms.
 * @throws ConfigError for a stage that the network does not have, where all are named, and without `from`.
 */
export function frozenStages({ freeze, from }: Pick<TrainConfig, 'freeze' | 'from'>, graph: NetworkGraph): Set<string> {
  if (freeze.length === 0) return new Set();
  if (from === undefined)
    throw new ConfigError(
      'freeze without from: these stages would keep their initial values',
      'name the run to start from',
    );
  const stages = stagesOf(graph);
  const unknown = freeze.find((stage) => stage !== ENCODER && !stages.includes(stage));
  if (unknown !== undefined)
    throw new ConfigError(
      `freeze: the network has no stage "${unknown}"`,
      `its stages are ${stages.join(', ')}; ${ENCODER} stands for those before the head`,
    );
  const frozen = new Set(freeze.flatMap((stage) => (stage === ENCODER ? encoderStages(graph) : [stage])));
  if (stages.every((stage) => frozen.has(stage)))
    throw new ConfigError('freeze: all stages of the network are named', 'leave one to be trained');
  return frozen;
}

/**
 * The factor of the learning rate for each tensor, in (0, ...): in the encoder `encoderRate`, times `layerDecay` for the last of its stages and once more for
 * each before it; elsewhere 1. Undefined where all are 1.
 */
export function learningRates(
  { encoderRate, layerDecay }: Pick<TrainConfig, 'encoderRate' | 'layerDecay'>,
  graph: NetworkGraph,
): ((name: string) => number) | undefined {
  if (encoderRate === 1 && layerDecay === 1) return undefined;
  const encoder = encoderStages(graph);
  const stageOf = stageOfTensor(graph);
  return (name) => {
    const place = encoder.indexOf(stageOf(name));
    return place < 0 ? 1 : encoderRate * layerDecay ** (encoder.length - place);
  };
}
