/** @file The drawn confusion matrix: shares of rows, all names, safe and whole SVG. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import { createConfusion } from '../../src/metrics/confusion.ts';
import { drawConfusion } from '../../src/metrics/drawConfusion.ts';

const matrixOf = (rows: number[][]) => {
  const matrix = createConfusion(rows.length);
  matrix.counts.set(rows.flat());
  return matrix;
};

describe('drawConfusion', () => {
  it('writes the shares of each row in per cent', () => {
    const svg = drawConfusion(
      ['a', 'b', 'none'],
      matrixOf([
        [3, 1, 0],
        [1, 999, 0],
        [0, 0, 0],
      ]),
    );
    expect(svg).toContain('a predicted as b: 25.00 % (1)');
    expect(svg).toContain('none predicted as a: no labels (0)');
    const cells = [...svg.matchAll(/pointer-events[^>]*>([^<]+)</g)].map(([, value]) => value);
    expect(cells).toEqual(['75', '25', '&gt;99']);
    expect([...svg.matchAll(/<rect x=/g)]).toHaveLength(9);
  });

  it('escapes names and is rendered at its size', async () => {
    const names = ['<script>alert(1)</script>', '"quoted" & \u0000'];
    const svg = drawConfusion(
      names,
      matrixOf([
        [1, 0],
        [0, 1],
      ]),
    );
    expect(svg).not.toContain('<script');
    const { width, height } = await sharp(Buffer.from(svg)).metadata();
    expect(svg).toContain(`viewBox="0 0 ${width} ${height}"`);
  });

  it('leaves the numbers out when there are too many classes', () => {
    const names = Array.from({ length: 150 }, (_, i) => `class ${i}`);
    const matrix = createConfusion(150);
    for (let c = 0; c < 150; c++) matrix.counts[c * 151] = 10;
    expect(drawConfusion(names, matrix)).not.toContain('pointer-events');
  });

  it('refuses another number of names', () => {
    expect(() => drawConfusion(['a'], createConfusion(2))).toThrow(ShapeError);
  });
});
