/**
 * @file Shapes to pixels, held to pycocotools: 500 random polygons and 500 run-length codes that it drew are in `masks.json`, which `recordMasks.py`
 * wrote. Where Python has the package (`ESPALIER_PYTHON` names another interpreter), it draws as many others for this test.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '@thi.ng/rle-pack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../src/data/images/png.ts';
import { drawLabels } from '../../../src/data/outlines/draw.ts';
import { polygonRuns } from '../../../src/data/outlines/polygon.ts';
import type { LabelDrawing, LabelShape } from '../../../src/data/outlines/shapes.ts';
import { readCounts } from '../../../src/data/outlines/spans.ts';

type Row = { size: [number, number]; counts: string } & ({ ring: number[] } | { runs: number[]; rows: number });

const here = import.meta.dirname;
const recorded = JSON.parse(readFileSync(join(here, 'masks.json'), 'utf8')) as Row[];

const draw = (
  [width, height]: readonly [number, number],
  shapes: LabelShape[],
  rest: Partial<LabelDrawing> = {},
): number[] => [
  ...drawLabels({ size: [width, height], background: 0, top: 'later', shapes, ...rest }, { width, height }, 'f').data,
];

function compare(rows: readonly Row[]): void {
  expect(rows.length).toBe(1000);
  for (const row of rows) {
    const [width, height] = row.size;
    const counts = readCounts(row.counts, width * height, 'f');
    if ('ring' in row) {
      expect(polygonRuns(row.ring, width, height), JSON.stringify(row)).toEqual(counts);
      const polygon = draw(row.size, [{ kind: 'polygons', rings: [row.ring], value: 1 }]);
      expect(polygon).toEqual(draw(row.size, [{ kind: 'columns', counts: row.counts, value: 1 }]));
    } else {
      expect(counts).toEqual(row.runs);
      const pixels = draw(row.size, [{ kind: 'columns', counts: row.runs, value: 1 }]);
      expect(pixels.reduce((sum, value, i) => sum + value * (1 + (i % 1009)), 0)).toBe(row.rows);
    }
  }
}

const python = process.env.ESPALIER_PYTHON ?? 'python3';
const hasPython = spawnSync(python, ['-c', 'import pycocotools.mask']).status === 0;

describe('pycocotools', () => {
  it('draws the recorded polygons and codes to the pixel', () => compare(recorded));

  it.skipIf(!hasPython)('draws others to the pixel', () => {
    const { stdout } = spawnSync(python, [join(here, 'recordMasks.py'), '2'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    compare(JSON.parse(stdout) as Row[]);
  });
});

const square = (left: number, top: number, side: number): number[] => {
  const [right, bottom] = [left + side, top + side];
  return [left, top, right, top, right, bottom, left, bottom];
};
const polygon = (value: number, ...rings: number[][]): LabelShape => ({ kind: 'polygons', rings, value });

describe('drawing', () => {
  it('puts the later shape on top, or the smaller one, and what is beneath below all', () => {
    const small = polygon(1, square(1, 1, 2));
    const large = polygon(2, square(0, 0, 4));
    const at = (shapes: LabelShape[], top: LabelDrawing['top']) => draw([4, 4], shapes, { top })[5];
    expect(at([small, large], 'later')).toBe(2);
    expect(at([small, large], 'smaller')).toBe(1);
    expect(at([polygon(3, square(0, 0, 4)), large], 'smaller')).toBe(2);
    expect(at([large, { ...small, beneath: true }], 'later')).toBe(2);
    expect(at([large, { ...small, beneath: true }], 'smaller')).toBe(2);
  });

  it('leaves the holes of codes open, and joins the polygons of one shape', () => {
    expect(draw([3, 3], [{ kind: 'columns', counts: [0, 4, 1, 4], value: 7 }])).toEqual([7, 7, 7, 7, 0, 7, 7, 7, 7]);
    expect(draw([3, 1], [polygon(5, square(0, 0, 1), square(2, 0, 1))])).toEqual([5, 0, 5]);
  });

  it('reads rows in a box, brushes and PNG masks, and cuts what leaves the image', () => {
    expect(draw([3, 2], [{ kind: 'rows', counts: [1, 2, 1], box: [1, 0, 2, 2], value: 1 }])).toEqual([
      0, 0, 1, 0, 1, 0,
    ]);
    expect(draw([3, 2], [{ kind: 'rows', counts: [0, 4], box: [2, 1, 2, 2], value: 1 }])).toEqual([0, 0, 0, 0, 0, 1]);
    const rgba = Uint8Array.from([0, 255, 127, 128], (alpha) => alpha);
    const samples = new Uint8Array(16);
    for (const [i, alpha] of rgba.entries()) samples[4 * i + 3] = alpha;
    const bytes = [...encode(samples, samples.length)];
    expect(draw([2, 2], [{ kind: 'brush', bytes, value: 9 }])).toEqual([0, 9, 0, 9]);
    const png = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) });
    const base64 = Buffer.from(png).toString('base64');
    expect(draw([2, 2], [{ kind: 'png', base64, at: [-1, 1], value: 4 }])).toEqual([0, 0, 4, 0]);
  });

  it('draws the pixels whose middles lie in an ellipse', () => {
    fc.assert(
      fc.property(
        fc.record({
          centre: fc.tuple(fc.double({ min: -3, max: 23, noNaN: true }), fc.double({ min: -3, max: 18, noNaN: true })),
          radii: fc.tuple(fc.double({ min: 0.5, max: 20, noNaN: true }), fc.double({ min: 0.5, max: 20, noNaN: true })),
          degrees: fc.double({ min: -180, max: 180, noNaN: true }),
        }),
        (ellipse) => {
          const out = draw([20, 15], [{ kind: 'ellipse', ...ellipse, value: 1 }]);
          const angle = (ellipse.degrees * Math.PI) / 180;
          for (let i = 0; i < out.length; i++) {
            const [x, y] = [(i % 20) + 0.5 - ellipse.centre[0], Math.floor(i / 20) + 0.5 - ellipse.centre[1]];
            const u = (x * Math.cos(angle) + y * Math.sin(angle)) / ellipse.radii[0];
            const v = (-x * Math.sin(angle) + y * Math.cos(angle)) / ellipse.radii[1];
            // At the boundary itself rounding decides.
            if (Math.abs(u * u + v * v - 1) > 1e-6) expect(out[i]).toBe(u * u + v * v < 1 ? 1 : 0);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes shares of the sides where it is said so', () => {
    const drawing: LabelDrawing = {
      shares: true,
      background: 3,
      top: 'later',
      shapes: [polygon(1, [0.5, 0, 1, 0, 1, 1, 0.5, 1])],
    };
    expect([...drawLabels(drawing, { width: 4, height: 1 }, 'f').data]).toEqual([3, 3, 1, 1]);
  });

  it.each<[string, LabelShape, RegExp]>([
    ['runs too short', { kind: 'columns', counts: [1, 2], value: 1 }, /runs of 4 pixels in all, got 3/],
    ['runs too long', { kind: 'columns', counts: [1, 5], value: 1 }, /run lengths from 0 to 4, got 5/],
    ['a code cut off', { kind: 'columns', counts: 'q', value: 1 }, /got NaN/],
    ['no code', { kind: 'columns', counts: '\u0001', value: 1 }, /got NaN/],
    ['far coordinates', polygon(1, [0, 0, 1e12, 0, 0, 1]), /expected polygons near their image/],
    ['no numbers', polygon(1, [0, 0, Number.NaN, 0, 0, 1]), /expected polygons near their image/],
    ['a huge brush', { kind: 'brush', bytes: [255, 255, 255, 255, 57, 0], value: 1 }, /16 bytes, got 4294967295/],
    ['a brush cut off', { kind: 'brush', bytes: [0, 0, 0, 16, 57, 0], value: 1 }, /brush mask is damaged/],
    ['a huge box', { kind: 'rows', counts: [0], box: [0, 0, 2 ** 20, 2 ** 20], value: 1 }, /expected a mask of 1 to/],
    ['no PNG', { kind: 'png', base64: 'AAAA', at: [0, 0], value: 1 }, /expected a mask within 2x2 pixels, got 0x0/],
  ])('refuses %s', (_, shape, message) => {
    expect(() => draw([2, 2], [shape])).toThrow(message);
  });

  it('refuses shapes of an image of another size', () => {
    const drawing: LabelDrawing = { size: [9, 2], background: 0, top: 'later', shapes: [] };
    expect(() => drawLabels(drawing, { width: 4, height: 1 }, 'f')).toThrow(
      /f: is about an image of 9x2, the image has 4x1/,
    );
  });
});
