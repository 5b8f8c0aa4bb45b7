/** @file A row for every operator of the addon that computes on tensors, held to compositions of libtorch's operators. */
import { operator } from '../../../src/engine/call.ts';
import * as op from '../../../src/engine/operators.ts';
import type { Tensor } from '../../../src/engine/tensor.ts';
import { exactMeanField } from '../../../src/infer/crf/exact.ts';
import { jointNorm } from '../../../src/nn/optimisers.ts';
import {
  allLeaves,
  type CellLeaves,
  type CellShape,
  createCellLeaves,
  fusedCell,
  plainCell,
} from '../../helpers/cellReference.ts';
import { createEdgeLeaves, type EdgeShape, fusedEdgeOf, plainEdge } from '../../helpers/edgeReference.ts';
import { type Call, fullShape, type Input, ROWS, type Row, type Shape } from './rows.ts';

const isImage = ({ size }: Shape) => size.length === 2;
const forImages =
  (row: Row): Row =>
  (shape) =>
    isImage(shape) ? row(shape) : [];

const cells: Row = (shape) => {
  const { batch, channels, size } = shape;
  if (batch * size.reduce((a, b) => a * b) === 1) return [];
  return (['dense', 'separable'] as const).map((atrous): Call => {
    const cell: CellShape = { lasts: 2, batch, channels, size: size as [number, number], blocks: 2, atrous };
    const shapes = allLeaves(createCellLeaves(cell, 'float64')).map((leaf) => leaf.shape);
    const leaves = (x: readonly Tensor[]): CellLeaves => ({
      lasts: x.slice(0, 2),
      beforeLast: x[2],
      moves: x[3],
      logits: x[4],
      weights: x.slice(5),
    });
    return {
      inputs: shapes.map((one) => ({ shape: one })),
      run: (x) => [fusedCell(leaves(x), cell)],
      reference: (x) => [plainCell(leaves(x), cell)],
      rounding: 2e-3,
      decides: true,
    };
  });
};

const edges: Row = (shape) => {
  const edge = shape as EdgeShape;
  const shapes = createEdgeLeaves(edge, 'float64').map((leaf) => leaf.shape);
  return (['fast', 'balanced', 'small'] as const).map((memory) => ({
    inputs: shapes.map((one) => ({ shape: one })),
    run: (x: readonly Tensor[]) => [fusedEdgeOf(x, edge, memory)],
    reference: (x: readonly Tensor[]) => [plainEdge(x, edge)],
    rounding: 2e-3,
  }));
};

const dilated: Row = ({ batch, channels, size }) =>
  [1, 3, 7].map((rate) => ({
    inputs: [{ shape: [batch, channels, ...size] }, { shape: [4, channels, 3, 3] }],
    run: ([x, weight]: readonly Tensor[]) => [operator('espalier::dilated_convolution').one(x, weight, rate)],
    reference: ([x, weight]: readonly Tensor[]) => [
      operator('aten::convolution').one(x, weight, null, [1, 1], [rate, rate], [rate, rate], false, [0, 0], 1),
    ],
  }));

/** One image or volume, whatever the batch of the shape. The operator knows float32 only; in float64, which it is held to, libtorch computes. */
const single: Row = ({ channels, size }) =>
  [1, 2].flatMap((stride) =>
    [1, 3].map((kernel): Call => {
      const all = (value: number) => size.map(() => value);
      const padding = all((kernel - 1) / 2);
      const plain = ([x, weight, bias]: readonly Tensor[]) => [
        operator('aten::convolution').one(x, weight, bias, all(stride), padding, all(1), false, all(0), 1),
      ];
      return {
        inputs: [{ shape: [1, channels, ...size] }, { shape: [4, channels, ...all(kernel)] }, { shape: [4] }],
        run: (inputs) => {
          const [x, weight, bias] = inputs;
          if (x.dtype !== 'float32') return plain(inputs);
          return [operator('espalier::single_convolution').one(x, weight, bias, all(stride), padding, all(1))];
        },
        reference: plain,
      };
    }),
  );

/** A step of an optimiser: weights and its state lie alike, gradients anyhow. */
const step =
  (
    state: readonly Input['values'][],
    run: (tensors: readonly Tensor[]) => void,
    reference: (tensors: readonly Tensor[]) => void,
  ): Row =>
  (shape) => {
    const own = fullShape(shape);
    const changed = [0, ...state.map((_, i) => i + 2)];
    const results = (change: typeof run) => (x: readonly Tensor[]) => {
      change(x);
      return changed.map((i) => x[i]);
    };
    return [
      {
        inputs: [
          { shape: own, gaps: false },
          { shape: own },
          ...state.map((values) => ({ shape: own, values, gaps: false })),
        ],
        run: results(run),
        reference: results(reference),
        inPlace: true,
      },
    ];
  };

const [MOMENTUM, DECAY, RATE, SCALE] = [0.9, 0.01, 0.1, 0.5];
const sgd = step(
  ['normal'],
  ([w, g, v]) => void operator('espalier::sgd_step').plain([w], [g], [v], MOMENTUM, DECAY, RATE, SCALE),
  ([w, g, v]) => {
    op.copyInto(v, op.add(op.scale(v, MOMENTUM), op.add(op.scale(g, SCALE), op.scale(w, DECAY))));
    op.addInto(w, op.scale(v, -RATE));
  },
);

const [BETA1, BETA2, EPSILON, SHRINK, CORRECTION] = [0.9, 0.99, 1e-3, 0.02, 0.7];
const adam = step(
  ['normal', 'positive'],
  ([w, g, m, v]) =>
    void operator('espalier::adam_step').plain(
      ...[[w], [g], [m], [v], BETA1, BETA2, EPSILON, DECAY, SHRINK, RATE, CORRECTION, SCALE],
    ),
  ([w, g, m, v]) => {
    const grad = op.add(op.scale(g, SCALE), op.scale(w, DECAY));
    op.copyInto(m, op.add(op.scale(m, BETA1), op.scale(grad, 1 - BETA1)));
    op.copyInto(v, op.add(op.scale(v, BETA2), op.scale(op.multiply(grad, grad), 1 - BETA2)));
    const root = op.addNumber(op.scale(op.power(v, 0.5), 1 / CORRECTION), EPSILON);
    op.copyInto(w, op.subtract(op.scale(w, 1 - SHRINK), op.scale(op.divide(m, root), RATE)));
  },
);

const [ITERATIONS, APPEARANCE, SMOOTHNESS] = [2, { weight: 2, intensity: 1.5 }, { weight: 1, position: 1.2 }] as const;
/** Without its lattice held to sums over all pairs; with it, which is an approximation, to itself in contiguous float64. */
const meanField: Row = ({ batch, channels, size }) =>
  [0, APPEARANCE.weight].map((weight): Call => {
    const sides = (position: number) => size.map(() => position);
    const filtered = ([probabilities, image]: readonly Tensor[]) =>
      operator('espalier::mean_field')
        .many(
          ...[op.detach(probabilities), op.detach(image), ITERATIONS],
          ...[[weight, APPEARANCE.intensity, ...sides(3)], [SMOOTHNESS.weight, ...sides(SMOOTHNESS.position)], false],
        )
        .slice(0, 1) as Tensor[];
    const exact = ([probabilities, image]: readonly Tensor[]) => [
      exactMeanField(op.detach(probabilities), op.detach(image), {
        iterations: ITERATIONS,
        appearance: { ...APPEARANCE, weight, position: sides(3) },
        smoothness: { ...SMOOTHNESS, position: sides(SMOOTHNESS.position) },
      }).marginals,
    ];
    return {
      inputs: [{ shape: [batch, 4, ...size], values: 'positive' }, { shape: [batch, channels, ...size] }],
      run: filtered,
      reference: weight === 0 ? exact : filtered,
    };
  });

/** Rows by the name that the addon registers, without `espalier::`. */
export const FUSED_ROWS: Readonly<Record<string, Row>> = {
  relaxed_cell: forImages(cells),
  relaxed_edge: edges,
  dilated_convolution: forImages(dilated),
  single_convolution: single,
  // Called through `operators.ts`, whose rows hold them to compositions.
  separable_convolution: ROWS.separableConvolution,
  batch_norm: ROWS.batchNorm,
  batch_norm_running: ROWS.batchNorm,
  instance_norm: ROWS.instanceNorm,
  resize: ROWS.resize,
  mean_field: meanField,
  sgd_step: sgd,
  adam_step: adam,
  joint_norm: (shape) => [
    {
      inputs: [{ shape: fullShape(shape) }, { shape: fullShape(shape) }],
      run: (x) => [op.full([1], jointNorm(x.map(op.detach)), 'float64')],
      reference: (x) =>
        [op.reshape(op.power(x.map((one) => op.sum(op.multiply(one, one))).reduce(op.add), 0.5), [1])].map(op.detach),
    },
  ],
};
