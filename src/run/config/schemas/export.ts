/**
 * @file The settings of `espalier export`.
 */
import { z } from 'zod';
import { checkpoint, machine, networkBudget } from './common.ts';
import { choice, optionalText, setting, switched, text, whole } from './fields.ts';

/** Settings of `espalier export`. */
export const exportSchema = z.strictObject({
  run: text('run to export; several between commas: one model of the mean of their probabilities'),
  preset: optionalText(
    'a named set of settings to start from; web: bytes in, class ids out, with the arithmetic of both in the graph, and weights stored in 16 bits',
  ),
  format: choice(
    ['onnx', 'safetensors'],
    'onnx',
    'onnx: one file to run anywhere; safetensors: a folder for a model hub, with weights, model card and ONNX',
  ),
  output: optionalText('file (onnx) or folder (safetensors); in export/ of the run by default'),
  checkpoint,
  size: setting(
    z.union([z.literal('dynamic'), z.array(z.int().min(1)).min(2).max(3)]).default('dynamic'),
    'dynamic, [height, width] or [depth, height, width]',
    'size of the input; dynamic takes any',
  ),
  batch: setting(
    z.union([z.literal('dynamic'), z.int().min(1)]).default('dynamic'),
    'dynamic or a whole number from 1',
    'images at a time; dynamic takes any number',
  ),
  precision: choice(
    ['float32', 'float16', 'int8'],
    'float32',
    'precision of the weights and the computation; int8: of convolutions of images, their ranges found on training images',
  ),
  calibration: whole(1, 32, 'of precision=int8: training images that give the ranges of its values'),
  weights: choice(
    ['float32', 'float16'],
    'float32',
    'of precision=float32: how weights are stored; float16 halves the file, and they become float32 when it is loaded',
  ),
  normalise: switched(
    false,
    'the model takes bytes [batch, height, width, 3] instead of [batch, 3, height, width] in [-1, 1]',
  ),
  result: choice(
    ['logits', 'softmax', 'sigmoid', 'argmax'],
    'logits',
    'output: scores, probabilities (softmax of classes, sigmoid of regions) or class ids',
  ),
  budget: networkBudget.budget,
  target: networkBudget.target,
  license: setting(z.string().min(1).default('unknown'), 'a string', 'license of the weights, for the model card'),
  threads: machine.threads,
});

/** Trusted settings, defaults filled in. */
export type ExportConfig = z.output<typeof exportSchema>;
