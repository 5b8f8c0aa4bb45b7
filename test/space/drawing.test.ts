/** @file Drawings: whole and safe SVG, every operator and move is there, and no label lies on another or under a line. */
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ArchitectureError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import { drawCell, drawGenotype, drawPath, drawTrellis } from '../../src/space/drawing.ts';
import { type AutoDeepLabGenotype, createGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { publishedGenotype } from '../../src/space/published.ts';
import { trellisEdges, trellisNodes } from '../../src/space/trellis.ts';

const genotypes = fc
  .record({ layers: fc.integer({ min: 1, max: 20 }), blocks: fc.integer({ min: 1, max: 9 }), seed: fc.nat() })
  .map(({ layers, blocks, seed }) => randomGenotype({ layers, blocks, filters: 8 }, createRandom(seed, 1)));

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;
const attribute = (tag: string, name: string) => Number(new RegExp(` ${name}="([^"]+)"`).exec(tag)?.[1]);

interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function rectangles(svg: string): Rectangle[] {
  return [...svg.matchAll(/<rect x=[^>]*>/g)].map(([tag]) => {
    const [x, y] = [attribute(tag, 'x'), attribute(tag, 'y')];
    return { left: x, right: x + attribute(tag, 'width'), top: y, bottom: y + attribute(tag, 'height') };
  });
}

/** The straight pieces of the wires and taps. */
function segments(svg: string): Rectangle[] {
  const spans = (points: number[][]) =>
    points.slice(1).map(([x, y], i) => ({
      left: Math.min(x, points[i][0]),
      right: Math.max(x, points[i][0]),
      top: Math.min(y, points[i][1]),
      bottom: Math.max(y, points[i][1]),
    }));
  const lines = [...svg.matchAll(/<line [^>]*>/g)].flatMap(([tag]) =>
    spans([
      [attribute(tag, 'x1'), attribute(tag, 'y1')],
      [attribute(tag, 'x2'), attribute(tag, 'y2')],
    ]),
  );
  const paths = [...svg.matchAll(/ d="([^"]+)"/g)].flatMap(([, d]) =>
    spans([...d.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])),
  );
  return [...lines, ...paths];
}

const overlap = (a: Rectangle, b: Rectangle) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Whether a line runs through the inside of a rectangle; touching its border is what lines are for. */
const pierces = (line: Rectangle, { left, right, top, bottom }: Rectangle) =>
  line.right > left + 0.5 && line.left < right - 0.5 && line.bottom > top + 0.5 && line.top < bottom - 0.5;

describe('drawCell', () => {
  it('shows every operator by name, without overlaps and without lines through them', () => {
    fc.assert(
      fc.property(genotypes, (genotype) => {
        const svg = drawCell(genotype);
        for (const { inputs } of genotype.cell)
          for (const { operator } of inputs) expect(svg).toContain(`>${operator}<`);
        const boxes = rectangles(svg);
        expect(boxes).toHaveLength(3 * genotype.blocks + 3);
        for (const [i, box] of boxes.entries()) {
          expect(boxes.slice(i + 1).filter((other) => overlap(box, other))).toEqual([]);
          expect(segments(svg).filter((line) => pierces(line, box))).toEqual([]);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has a tap for every input', () => {
    const genotype = publishedGenotype(20);
    expect(count(drawCell(genotype), /<circle /g)).toBe(10);
    expect(count(drawCell(genotype), /stroke-dasharray/g)).toBe(0);
  });
});

describe('drawPath', () => {
  it('shows every node and move, the path in colour', () => {
    fc.assert(
      fc.property(genotypes, (genotype) => {
        const svg = drawPath(genotype);
        expect(count(svg, /<line /g)).toBe(trellisEdges(genotype.layers).length);
        expect(count(svg, /<circle /g)).toBe(trellisNodes(genotype.layers).length);
        expect(count(svg, /<line [^>]*stroke="#c2410c"/g)).toBe(genotype.layers);
        expect(count(svg, /<circle [^>]*fill="#c2410c"/g)).toBe(genotype.layers);
      }),
      { numRuns: 50 },
    );
  });
});

describe('drawTrellis', () => {
  const path = [0, 1];
  const moves = [
    [
      [0, 0.25, 0.75],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ],
    [
      [0, 1, 0],
      [0.5, 0.125, 0.375],
      [0, 0, 0],
      [0, 0, 0],
    ],
  ];

  it('draws moves as thick as they are probable', () => {
    const svg = drawTrellis(moves, path);
    const widths = [
      ...svg.matchAll(/stroke-width="([\d.]+)"[^>]*><title>layer (\d), stride (\d+) to (\d+): ([\d.]+)/g),
    ];
    expect(widths).toHaveLength(trellisEdges(2).length);
    for (const [, width, , , , probability] of widths)
      expect(Number(width)).toBeCloseTo(Math.max(0.4, 10 * Number(probability)), 1);
    expect(count(svg, /<line [^>]*stroke="#c2410c"/g)).toBe(2);
  });

  it('refuses moves of another number of layers', () => {
    expect(() => drawTrellis(moves, [0])).toThrow(ArchitectureError);
  });
});

describe('every drawing', () => {
  const hostile = createGenotype({
    ...publishedGenotype(20),
    cell: publishedGenotype(20).cell.map(({ inputs }) => inputs),
    provenance: { '<script>': `"&'</svg><script>alert(1)</script>\u0000\u0008\ud800`, long: 'x y '.repeat(2000) },
  });
  const drawings: [string, (genotype: AutoDeepLabGenotype) => string][] = [
    ['drawPath', drawPath],
    ['drawCell', drawCell],
    ['drawGenotype', drawGenotype],
  ];

  it.each(drawings)('%s stands alone and is rendered by sharp at its size', async (_, draw) => {
    for (const genotype of [
      publishedGenotype(20),
      hostile,
      randomGenotype({ layers: 1, blocks: 1, filters: 1 }, createRandom(1, 1)),
    ]) {
      const svg = draw(genotype);
      expect(svg).not.toMatch(/<script|href|<style|<image|url\(/);
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
      const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) as RegExpExecArray;
      const picture = await sharp(Buffer.from(svg)).raw().toBuffer({ resolveWithObject: true });
      expect([picture.info.width, picture.info.height]).toEqual([Number(width), Number(height)]);
      // Numbers of the drawing stay on the card.
      for (const { left, right, top, bottom } of rectangles(svg)) {
        expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
        expect(right).toBeLessThanOrEqual(Number(width));
        expect(bottom).toBeLessThanOrEqual(Number(height));
      }
    }
  });

  it.each(drawings)('%s gives the same text for the same genotype', (_, draw) => {
    expect(draw(publishedGenotype(20))).toBe(draw(publishedGenotype(20)));
  });

  it('names the numbers and the origin of the genotype', () => {
    const svg = drawGenotype(publishedGenotype(20));
    expect(svg).toContain('12 layers, 5 blocks, 20 filters');
    expect(svg).toContain('arXiv 1901.02985');
    expect(drawGenotype(hostile)).toContain('&lt;script&gt;');
  });
});
