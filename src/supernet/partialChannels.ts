/**
 * @file Partial channels: of K equal parts of a state's channels only the first passes the operators, the others go round them, so that operators
 * compute and keep one K-th. A shuffle afterwards lets every part pass them somewhere. @paper pc-darts section 3.2
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';

/** The channels that pass the operators: all of them for one part. */
export const operatedPart = (x: Tensor, parts: number): Tensor =>
  parts === 1 ? x : op.slice(x, 1, 0, x.shape[1] / parts);

/** The channels that go round. */
export const bypassPart = (x: Tensor, parts: number): Tensor => op.slice(x, 1, x.shape[1] / parts, x.shape[1]);

/** Both together again, shuffled: channel c of part p becomes channel `c * parts + p`. */
export function joinParts(operated: Tensor, bypass: Tensor, parts: number): Tensor {
  const joined = op.concat([operated, bypass], 1);
  const [batch, channels, ...space] = joined.shape;
  const grouped = op.reshape(joined, [batch, parts, channels / parts, ...space]);
  return op.reshape(op.permute(grouped, [0, 2, 1, ...space.map((_, axis) => axis + 3)]), joined.shape);
}
