import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericError } from '../../src/base/errors.ts';
import { decodeCell, strongestPredecessors } from '../../src/decode/cell.ts';
import { edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { OPERATOR_NAMES, type OperatorName } from '../../src/space/operators.ts';

const flat = (blocks: number): number[][] => Array.from({ length: edgeCount(blocks) }, () => Array(8).fill(0));
const column = (name: OperatorName) => OPERATOR_NAMES.indexOf(name);
const alphas = fc.array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 8, maxLength: 8 }), {
  minLength: edgeCount(4),
  maxLength: edgeCount(4),
});

describe('the decoded cell', () => {
  it('keeps the two largest probabilities of an operator other than zero', () => {
    fc.assert(
      fc.property(alphas, fc.nat(3), (alpha, block) => {
        const strengths = Array.from({ length: block + 2 }, (_, from) => {
          const weights = alpha[edgeIndex(block, from)].map(Math.exp);
          const total = weights.reduce((a, b) => a + b, 0);
          return Math.max(...weights.slice(0, 7)) / total;
        });
        const kept = strongestPredecessors(alpha, block);
        expect(kept[0].from).toBeLessThan(kept[1].from);
        for (const { from, strength } of kept) expect(strength).toBeCloseTo(strengths[from], 12);
        const weakest = Math.min(kept[0].strength, kept[1].strength);
        strengths.forEach((strength, from) => {
          if (!kept.some((one) => one.from === from)) expect(strength).toBeLessThanOrEqual(weakest + 1e-12);
        });
      }),
    );
  });

  it('counts zero in the softmax: an edge that is mostly zero is weak, and zero is never returned', () => {
    const alpha = flat(2);
    alpha[edgeIndex(1, 0)][column('zero')] = 9;
    alpha[edgeIndex(1, 0)][column('skip')] = 8;
    alpha[edgeIndex(1, 1)][column('sep5x5')] = 1;
    alpha[edgeIndex(1, 2)][column('atrous3x3')] = 2;
    expect(decodeCell(alpha, 2)[1]).toEqual([
      { from: 1, operator: 'sep5x5' },
      { from: 2, operator: 'atrous3x3' },
    ]);
    for (const row of alpha) row[column('zero')] = 1e6;
    for (const inputs of decodeCell(alpha, 2)) for (const { operator } of inputs) expect(operator).not.toBe('zero');
  });

  it('never holds zero, however large its logit', () => {
    fc.assert(
      fc.property(alphas, (alpha) => {
        for (const row of alpha) row[column('zero')] += 10;
        const operators = decodeCell(alpha, 4).flatMap((inputs) => inputs.map(({ operator }) => operator));
        expect(operators).not.toContain('zero');
      }),
    );
  });

  it('still ranks predecessors when zero has nearly all probability', () => {
    const alpha = flat(2);
    for (const row of alpha) row[column('zero')] = 5000;
    alpha[edgeIndex(1, 1)][column('skip')] = 3;
    alpha[edgeIndex(1, 2)][column('sep3x3')] = 4;
    expect(decodeCell(alpha, 2)[1].map(({ from }) => from)).toEqual([1, 2]);
  });

  it('gives ties to the earlier operator and the earlier predecessor', () => {
    expect(decodeCell(flat(3), 3)).toEqual(
      Array(3).fill([
        { from: 0, operator: 'sep3x3' },
        { from: 1, operator: 'sep3x3' },
      ]),
    );
  });

  it('keeps each operator with its own predecessor, whichever is stronger', () => {
    const decode = (first: number, second: number) => {
      const alpha = flat(1);
      alpha[0][column('maxPool3x3')] = first;
      alpha[1][column('atrous5x5')] = second;
      return decodeCell(alpha, 1)[0];
    };
    expect(decode(1, 5)).toEqual(decode(5, 1));
    expect(decode(1, 5)).toEqual([
      { from: 0, operator: 'maxPool3x3' },
      { from: 1, operator: 'atrous5x5' },
    ]);
  });

  it('refuses logits that are no numbers', () => {
    const alpha = flat(1);
    alpha[1][2] = Number.NaN;
    expect(() => decodeCell(alpha, 1)).toThrow(NumericError);
  });
});
