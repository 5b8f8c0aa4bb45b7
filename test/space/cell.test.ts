import { describe, expect, it } from 'vitest';
import { blocksOf, cellStructureCount, edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { OPERATOR_NAMES, OPERATORS } from '../../src/space/operators.ts';

describe('the cell', () => {
  it('has 20 edges and 160 logits at 5 blocks', () => {
    expect([1, 2, 3, 4, 5].map(edgeCount)).toEqual([2, 5, 9, 14, 20]);
    expect(edgeCount(5) * OPERATOR_NAMES.length).toBe(160);
  });

  it('numbers the edges by block, then predecessor, without a gap', () => {
    const edges = [0, 1, 2, 3, 4].flatMap((block) =>
      Array.from({ length: block + 2 }, (_, from) => edgeIndex(block, from)),
    );
    expect(edges).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('finds the blocks of a number of edges, and none for other numbers', () => {
    for (let blocks = 1; blocks <= 20; blocks++) expect(blocksOf(edgeCount(blocks))).toBe(blocks);
    for (const edges of [0, 1, 3, 4, 19, 21, -2, Number.NaN]) expect(blocksOf(edges)).toBeUndefined();
  });

  it('has as many structures as the paper says', () => {
    expect(cellStructureCount(5, 8)).toBe(556_627_761_561_600n);
    expect(cellStructureCount(1, 8)).toBe(256n);
  });

  it('lists the operators in the order of the tables, zero last', () => {
    expect(OPERATOR_NAMES).toEqual([
      'sep3x3',
      'sep5x5',
      'atrous3x3',
      'atrous5x5',
      'avgPool3x3',
      'maxPool3x3',
      'skip',
      'zero',
    ]);
    expect(OPERATORS.atrous5x5).toEqual({ kind: 'atrous', kernel: 5 });
  });
});
