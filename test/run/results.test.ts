/** @file Results: columns of the first row, escaping, and resuming. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCsvRow, parseCsv } from '../../src/base/csv.ts';
import { DataError } from '../../src/base/errors.ts';
import { openResults, readResults } from '../../src/run/results.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

describe('results', () => {
  it('keep the columns of the first row', () => {
    const path = join(temporaryFolder(), 'results.csv');
    const results = openResults(path);
    expect(existsSync(path)).toBe(false);
    results.append({ epoch: 0, loss: 1.5, note: 'a, "b"' });
    results.append({ note: null, epoch: 1 });
    expect(readFileSync(path, 'utf8')).toBe('epoch,loss,note\n0,1.5,"a, ""b"""\n1,,\n');
    expect(() => results.append({ epoch: 2, lost: 1 })).toThrow(DataError);
    expect(() => results.append({ epoch: 2, lost: 1 })).toThrow(/got "lost"; did you mean "loss"/);
  });

  it('drop on resume the epochs that are done again, and a torn row', () => {
    const path = join(temporaryFolder(), 'results.csv');
    const results = openResults(path);
    for (let epoch = 0; epoch < 5; epoch++) results.append({ epoch, loss: epoch / 2 });
    appendFileSync(path, '5,2.');
    const again = openResults(path, 2);
    expect(again.columns).toEqual(['epoch', 'loss']);
    again.append({ loss: 9, epoch: 3 });
    expect(readResults(path)).toEqual([
      { epoch: '0', loss: '0' },
      { epoch: '1', loss: '0.5' },
      { epoch: '2', loss: '1' },
      { epoch: '3', loss: '9' },
    ]);
    openResults(path);
    expect(readResults(path)).toHaveLength(4);
    expect(readResults(`${path}.absent`)).toEqual([]);
  });
});

describe('csv', () => {
  it('comes back as it was', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'ü') });
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), (rows) => {
        const text = rows.map((row) => `${formatCsvRow(row)}\n`).join('');
        expect(parseCsv(text)).toEqual({ rows, torn: false });
      }),
    );
  });
});
