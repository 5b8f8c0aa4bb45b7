/**
 * @file What comes out of an ONNX model: scores, probabilities or class ids, of one network or of the mean of several.
 */
import type { Region } from '../../data/types.ts';
import { LEAST_PROBABILITY } from '../../nn/logProbabilities.ts';
import type { ModelResult } from '../../portable/metadata.ts';
import type { OnnxBuilder } from './builder.ts';

/** Names of the output of every model. */
export const OUTPUTS: Readonly<Record<ModelResult, string>> = {
  logits: 'logits',
  softmax: 'probabilities',
  sigmoid: 'probabilities',
  argmax: 'classes',
};

const scalarOf = (write: OnnxBuilder, name: string, value: number): string =>
  write.tensor(name, 'float32', [], Float32Array.of(value));

/** Adds the output of a model from its logits, or from what orders classes as they do. */
export function writeOutput(
  write: OnnxBuilder,
  logits: string,
  result: ModelResult,
  regions?: readonly Region[],
): void {
  const nodes: Record<ModelResult, () => void> = {
    logits: () => write.node('Identity', OUTPUTS.logits, [logits]),
    softmax: () => write.node('Softmax', OUTPUTS.softmax, [logits], { axis: { int: 1 } }),
    sigmoid: () => write.node('Sigmoid', OUTPUTS.sigmoid, [logits]),
    argmax: () => {
      const ids = regions
        ? writtenClasses(write, logits, regions)
        : write.node('ArgMax', 'ids', [logits], { axis: { int: 1 }, keepdims: { int: 0 } });
      write.node('Cast', OUTPUTS.argmax, [ids], { to: { int: 2 } });
    },
  };
  nodes[result]();
}

/** The mean of the softmax of several; as logits its logarithm, as the engine computes it (`nn/logProbabilities.ts`). */
export function writeMean(write: OnnxBuilder, scores: readonly string[], result: ModelResult): void {
  const sum = scores
    .map((logits) => write.node('Softmax', `${logits}.softmax`, [logits], { axis: { int: 1 } }))
    .reduce((before, term) => write.node('Add', 'sum', [before, term]));
  const mean = write.node('Mul', 'mean', [sum, scalarOf(write, 'share', 1 / scores.length)]);
  if (result === 'softmax') write.node('Identity', OUTPUTS.softmax, [mean]);
  else if (result === 'argmax') writeOutput(write, mean, result);
  else
    write.node('Log', OUTPUTS.logits, [
      write.node('Max', 'positive', [mean, scalarOf(write, 'least', LEAST_PROBABILITY)]),
    ]);
}

/** The mean of the sigmoids of several; as logits the difference of the logarithms of both sides, as the engine computes it. */
export function writeMeanOfRegions(
  write: OnnxBuilder,
  scores: readonly string[],
  result: ModelResult,
  regions: readonly Region[],
): void {
  const share = scalarOf(write, 'share', 1 / scores.length);
  const meanOf = (name: string, logits: readonly string[]): string => {
    const sum = logits
      .map((one) => write.node('Sigmoid', `${one}.sigmoid`, [one]))
      .reduce((before, term) => write.node('Add', 'sum', [before, term]));
    return write.node('Mul', name, [sum, share]);
  };
  const inside = meanOf('inside', scores);
  if (result === 'sigmoid') {
    write.node('Identity', OUTPUTS.sigmoid, [inside]);
    return;
  }
  const negative = scores.map((logits) => write.node('Neg', `${logits}.negative`, [logits]));
  const least = scalarOf(write, 'least', LEAST_PROBABILITY);
  const [own, other] = [inside, meanOf('outside', negative)].map((mean) =>
    write.node('Log', `${mean}.log`, [write.node('Max', `${mean}.positive`, [mean, least])]),
  );
  writeOutput(write, write.node('Sub', 'meanLogits', [own, other]), result, regions);
}

/** The class of the last region whose logit is above 0, as the outputs are ordered; 0 where none is. */
function writtenClasses(write: OnnxBuilder, logits: string, regions: readonly Region[]): string {
  const none = scalarOf(write, 'regions.none', 0);
  return regions.reduce((ids, { written }, i) => {
    const own = write.node('Gather', `region${i}`, [logits, write.integers(i)], { axis: { int: 1 } });
    const isInside = write.node('Greater', `isInside${i}`, [own, none]);
    return write.node('Where', `ids${i}`, [isInside, scalarOf(write, `regions.written${i}`, written), ids]);
  }, none);
}
