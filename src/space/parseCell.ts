/**
 * @file The two fields of a genotype file that only Auto-DeepLab has: the path through the trellis and the cell.
 */
import { showShort as show, suggest } from '../base/text.ts';
import type { BlockInput } from './cell.ts';
import { asRecord, type Fail, isWhole } from './genotypeFields.ts';
import { DECODED_OPERATOR_NAMES, OPERATOR_NAMES, type OperatorName } from './operators.ts';
import { LEVELS } from './trellis.ts';

/** Levels that move by one at most, from level 0. */
export function parsePath(value: unknown, fail: Fail): number[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 1000)
    return fail(`path is ${show(value)}, expected 1 to 1000 levels`);
  const path = Array.from(value as unknown[]);
  path.forEach((level, i) => {
    if (!isWhole(level, 0, LEVELS - 1))
      fail(`path[${i}] is ${show(level)}, expected a level from 0 (stride 4) to 3 (stride 32)`);
    const before = i === 0 ? 0 : (path[i - 1] as number);
    if (Math.abs((level as number) - before) > 1)
      fail(
        `path goes from level ${before} to ${level} at layer ${i + 1}`,
        'a layer moves by one level at most; the stem is at level 0',
      );
  });
  return path as number[];
}

/** Blocks of two distinct inputs, none through the operator zero. */
export function parseCell(value: unknown, fail: Fail): [BlockInput, BlockInput][] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 100)
    return fail(`cell is ${show(value)}, expected 1 to 100 blocks`);
  return Array.from(value, (entry: unknown, b) => {
    const block = asRecord(entry) ?? fail(`cell[${b}] is ${show(entry)}, expected { block, inputs }`);
    if (block.block !== b + 1) fail(`cell[${b}].block is ${show(block.block)}, expected ${b + 1}`);
    if (!Array.isArray(block.inputs) || block.inputs.length !== 2)
      return fail(
        `block ${b + 1} has ${Array.isArray(block.inputs) ? block.inputs.length : 'no'} inputs, expected two`,
      );
    const inputs = Array.from(block.inputs, (item: unknown): BlockInput => {
      const input = asRecord(item) ?? fail(`block ${b + 1} has an input that is no object`);
      if (!isWhole(input.from, 0, b + 1)) fail(`block ${b + 1} reads from ${show(input.from)}, expected 0 to ${b + 1}`);
      if (input.operator === 'zero') fail(`block ${b + 1} uses the operator zero`, 'a decoded cell holds none');
      if (!OPERATOR_NAMES.includes(input.operator as OperatorName)) {
        fail(
          `block ${b + 1}: unknown operator ${show(input.operator)}`,
          suggest(show(input.operator), DECODED_OPERATOR_NAMES),
        );
      }
      return { from: input.from as number, operator: input.operator as OperatorName };
    });
    if (inputs[0].from === inputs[1].from)
      fail(`block ${b + 1} reads from ${inputs[0].from} twice`, 'the two inputs of a block are distinct');
    return [inputs[0], inputs[1]];
  });
}
