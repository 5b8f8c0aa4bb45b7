import { describe, expect, it } from 'vitest';
import { type Architecture, buildArchitecture } from '../../src/models/architecture.ts';
import { inferShapes } from '../../src/models/graph.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { dintsUnet } from '../../src/space/dints/unet.ts';
import { drawGenotype } from '../../src/space/drawing.ts';
import { formatGenotype, type Genotype, parseGenotype } from '../../src/space/genotype.ts';
import { stemStrides } from '../../src/space/start.ts';
import { uPath } from '../../src/space/trellis.ts';

const find = (name: string) => findArchitecture(name) as Architecture;

/** Size of the first features of the trellis or of the finest level of a U-Net. */
function finest(name: string, rank: 2 | 3, size: readonly number[], stage: RegExp): readonly number[] {
  const graph = buildArchitecture(find(name), { inputs: 1, classes: 2, rank });
  const shapes = inferShapes(graph, size);
  expect(shapes.at(-1)).toEqual({ channels: 2, size });
  return shapes[graph.nodes.findLastIndex((node) => stage.test(node.stage))].size;
}

describe('the start stride', () => {
  it.each([1, 2, 4])('%i of every family is the stride of the finest features', (start) => {
    const strided = (size: readonly number[]) => size.map((side) => Math.ceil(side / start));
    expect(finest(`unet:start=${start}`, 2, [97, 130], /^down0/)).toEqual(strided([97, 130]));
    expect(finest(`resunet:start=${start}`, 3, [33, 64, 47], /^down0/)).toEqual(strided([33, 64, 47]));
    expect(finest(`dints-unet:start=${start}`, 2, [128, 64], /^layer8/)).toEqual(strided([128, 64]));
    expect(finest(`auto-deeplab-s:start=${start}`, 2, [97, 129], /^stem$/)).toEqual(strided([97, 129]));
  });

  it('of volumes may be another one along each axis', () => {
    expect(finest('unet:start=4:startDepth=1', 3, [16, 64, 40], /^down0/)).toEqual([16, 16, 10]);
    expect(finest('dints-unet:start=2:startDepth=1', 3, [32, 64, 32], /^layer8/)).toEqual([32, 32, 16]);
    expect(stemStrides([1, 2, 4], 3, 2)).toEqual([
      [1, 1, 2],
      [1, 2, 2],
    ]);
    expect(stemStrides(4, 2, 3)).toEqual([2, 1, 2]);
    expect(() => buildArchitecture(find('unet:startDepth=2'), { inputs: 1, classes: 2, rank: 2 })).toThrow(
      /startDepth is for volumes/,
    );
  });

  it('is a field of genotype files that says nothing where it is the standard one', () => {
    for (const [name, standard] of [
      ['random:2:5x3', 4],
      ['dints-random:1:4x3', 2],
    ] as const) {
      const genotype = find(name) as Genotype;
      expect(formatGenotype(genotype)).not.toContain('start');
      expect(find(`${name}:start=${standard}`)).toEqual(genotype);
      const other = find(`${name}:start=1`) as Genotype;
      expect(other.start).toBe(1);
      expect(parseGenotype(formatGenotype(other), 'file')).toEqual(other);
      expect(drawGenotype(other)).toContain('>stride 1<');
    }
    const volume = find('dints-random:1:4x3:start=1x2x2') as Genotype;
    expect(volume.start).toEqual([1, 2, 2]);
    expect(parseGenotype(formatGenotype(volume), 'file')).toEqual(volume);
    expect(find('dints-random:1:4x3:start=2x2x2')).toEqual(find('dints-random:1:4x3'));
    for (const bad of ['3', '0', 'x', '', '1x2', '1x2x3', '1x2x2x2'])
      expect(() => findArchitecture(`dints-random:1:4x3:start=${bad}`), bad).toThrow(/start is .*, expected 1, 2 or 4/);
  });
});

describe('U-shaped paths', () => {
  it('go down and come back', () => {
    expect(uPath(12)).toEqual([0, 1, 1, 2, 2, 3, 3, 2, 2, 1, 1, 0]);
    expect(uPath(5, 3)).toEqual([0, 1, 2, 1, 0]);
    expect(uPath(1)).toEqual([0]);
    for (let layers = 1; layers < 40; layers++)
      for (const deepest of [0, 1, 2, 3]) {
        const path = uPath(layers, deepest);
        expect(path).toHaveLength(layers);
        expect(Math.max(...path)).toBe(Math.min(deepest, Math.floor((layers - 1) / 2)));
        path.slice(1).forEach((level, i) => {
          expect(Math.abs(level - path[i])).toBeLessThanOrEqual(1);
        });
      }
  });

  it.each([2, 3, 4, 5] as const)(
    'through the trellis of DiNTS, of %i levels, is a genotype that its parser takes',
    (levels) => {
      for (const rank of [2, 3] as const) {
        const genotype = dintsUnet({ rank, levels, filters: 16 });
        expect(parseGenotype(formatGenotype(genotype), 'file')).toEqual(genotype);
        expect(genotype.layers).toBe(2 * levels);
        expect(genotype.topology.flat().filter(({ operator }) => operator === 'conv3')).toHaveLength(3 * levels - 1);
      }
    },
  );

  it('of four levels waits with skips for what comes back', () => {
    const { topology } = dintsUnet({ rank: 3, levels: 4, filters: 16 });
    const layers = topology.map((edges) =>
      edges.map(({ from, to, operator }) => (operator === 'skip' ? `${from}` : `${from}>${to}`)).join(' '),
    );
    expect(layers).toEqual([
      '0>0 0>1',
      '0 1>1 1>2',
      '0 1 2>2 2>3',
      '0 1 2 3>3',
      '0 1 2 3>2',
      '0 1 2>1',
      '0 1>0',
      '0>0',
    ]);
  });
});
