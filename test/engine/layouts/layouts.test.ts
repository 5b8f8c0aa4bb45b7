/**
 * @file Every operator in every memory layout: values and gradients against those in contiguous float64, for one sample and two, one channel and more, one
 * pixel, odd and even sizes, images and volumes. The loop goes over the registries of operators and fails where one has no row.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../../src/engine/autograd.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { type DType, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { FUSED_ROWS } from './fusedRows.ts';
import { DENSE, LAYOUTS, type Layout, laidOut, valuesIn } from './layouts.ts';
import { type Call, type Input, NAMED_ROWS, ROWS, type Row, type Shape } from './rows.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const SHAPES: readonly Shape[] = [
  [1, 1],
  [5, 7],
  [4, 6],
  [1, 1, 1],
  [3, 5, 3],
  [2, 4, 6],
].flatMap((size) => [1, 2].flatMap((batch) => [1, 3].map((channels) => ({ batch, channels, size }))));

/** Operators of the addon that compute nothing on tensors of this process alone. */
const NOT_COMPUTING = /^(group|graph|cuda)_|^(bfloat16_tiles|instruction_set|kernel_threads)$/;

/** All matches of the first group in the files of a folder. */
function namesIn(folder: string, pattern: RegExp, except?: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile() && file.name !== except)
    .map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name]) => name)))].sort();
}

describe('there is a row', () => {
  it('for every operator of operators.ts', () => {
    expect(Object.keys(ROWS).sort()).toEqual(Object.keys(op).sort());
  });

  it('for every operator of the addon', () => {
    const names = namesIn('native', /\.def\(\s*"(\w+)\(/g).filter((name) => !NOT_COMPUTING.test(name));
    expect(names.length).toBeGreaterThan(8);
    expect(Object.keys(FUSED_ROWS).sort()).toEqual(names);
  });

  it('for every other operator that is called by its name', () => {
    const names = namesIn('src', /operator\(\s*'(aten::[\w.]+)'/g, 'operators.ts');
    expect(names.filter((name) => !(name in NAMED_ROWS))).toEqual([]);
  });
});

/** Values for an input, the same at every call; contiguous float64. */
function valuesOf({ shape, values }: Input, seed: number): Tensor {
  const drawn = op.randn(shape, new Generator(seed).id, 'float64');
  if (values === 'positive') return op.addNumber(op.abs(drawn), 0.5);
  if (values === 'labels') return op.toDType(op.clamp(op.abs(drawn), 0, 2), 'int64');
  // As float32 has them, so that no ReLU decides otherwise.
  return op.toDType(op.toDType(drawn, 'float32'), 'float64');
}

const isReal = (x: Tensor) => x.dtype.startsWith('float') || x.dtype === 'bfloat16';

/** Results, then the gradients of all inputs, for gradients of the results made by `gradientFor`. */
function everything(
  call: Call,
  run: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  gradientFor: (result: Tensor, i: number) => Tensor,
): (Tensor | null)[] {
  if (call.inPlace) return noGrad(() => [...run(inputs)]);
  const leaves = inputs.filter(isReal).map((x) => requireGradient(x));
  const results = run(inputs);
  const outputs = results.filter((result) => result.requiresGradient);
  if (outputs.length === 0) return [...results];
  return [...results, ...gradients(outputs, leaves, { gradients: outputs.map(gradientFor) })];
}

/** The largest difference, as a share of the largest value or of 1. */
function differenceOf(a: Tensor | null, b: Tensor | null): number {
  if (a === null || b === null) return a === b ? 0 : Number.POSITIVE_INFINITY;
  if (a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY;
  const [x, y] = [a, b].map((one) => op.toDType(one, 'float64').numbers());
  let [largest, difference] = [1, 0];
  for (const [i, value] of y.entries()) {
    largest = Math.max(largest, Math.abs(value));
    const distance = Math.abs(x[i] - value);
    if (!(distance <= difference)) difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
  }
  return difference / largest;
}

/** The layout of an input where all have this one. */
function layoutOf({ gaps = true, shared = true }: Input, layout: Layout): Layout {
  return (gaps || DENSE.includes(layout)) && (shared || layout !== 'expanded') ? layout : 'channelsLast';
}

/** What differs, in words. Values differ only where a layout is the constant one: then what is expected is computed anew. */
function differences(call: Call, name: string, shape: Shape): string[] {
  const found: string[] = [];
  const reference = call.reference ?? ((x) => call.run(x, 'float64'));
  const contiguous = (x: Tensor) => op.detach(op.clone(op.contiguous(x)));
  const gradientLayouts = call.inPlace ? (['contiguous'] as const) : LAYOUTS;
  const drawn = (layout: Layout) => (result: Tensor, k: number) =>
    valuesIn(layout, valuesOf({ shape: result.shape }, 200 + k));
  scope(() => {
    const expectations = new Map<string, (Tensor | null)[]>();
    for (const layout of LAYOUTS.filter((one) => !call.decides || one !== 'expanded')) {
      const own = (k: number) => layoutOf(call.inputs[k], layout);
      const values = call.inputs.map((input, k) => valuesIn(own(k), valuesOf(input, 100 + k)));
      for (const gradientLayout of gradientLayouts) {
        const key = `${layout === 'expanded'} ${gradientLayout === 'expanded'}`;
        const expected =
          expectations.get(key) ?? everything(call, reference, values.map(contiguous), drawn(gradientLayout));
        expectations.set(key, expected);
        const check = (dtype: DType) => {
          const inputs = values.map((x, k) => op.detach(laidOut(own(k), isReal(x) ? op.toDType(x, dtype) : x)));
          const gradientFor = (result: Tensor, k: number) =>
            laidOut(gradientLayout, op.toDType(drawn(gradientLayout)(result, k), result.dtype));
          const got = everything(call, (x) => call.run(x, dtype), inputs, gradientFor);
          got.forEach((tensor, k) => {
            const difference = differenceOf(tensor, expected[k]);
            if (difference < (dtype === 'float64' ? 1e-9 : (call.rounding ?? 1e-5))) return;
            const where = `[${[shape.batch, shape.channels, ...shape.size]}], ${layout}, gradient ${gradientLayout}`;
            found.push(
              `${name}, ${dtype}, ${where}: value ${k} of ${got.length} differs by ${difference.toExponential(1)}`,
            );
          });
        };
        scope(() => check('float32'));
        if (layout === gradientLayout || call.inPlace) scope(() => check('float64'));
      }
    }
  });
  return found;
}

const rows: readonly (readonly [string, Row])[] = [
  ...Object.entries(ROWS),
  ...Object.entries(NAMED_ROWS),
  ...Object.entries(FUSED_ROWS)
    .filter(([, row]) => !Object.values(ROWS).includes(row))
    .map(([name, row]) => [`espalier::${name}`, row] as const),
];

describe('in every layout, shape and rank', () => {
  it.each(rows)(
    '%s is what it is in contiguous float64, and so are its gradients',
    (name, row) => {
      const found = SHAPES.flatMap((shape) =>
        row(shape).flatMap((call, i) => differences(call, `call ${i} of ${name}`, shape)),
      );
      expect(found.slice(0, 20)).toEqual([]);
    },
    300_000,
  );
});
