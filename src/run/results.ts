/**
 * @file `results.csv`: one row an epoch, for spreadsheets. The first row fixes the columns; a resumed run drops the rows of epochs it does again.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { type CsvValue, formatCsvRow, parseCsv } from '../base/csv.ts';
import { DataError } from '../base/errors.ts';
import { showShort, suggest } from '../base/text.ts';
import { readTextFile } from '../base/textFile.ts';
import { onDisk, writeAtomically } from './files.ts';

/** One row: the epoch and any scores. */
export type ResultRow = { readonly epoch: number } & Readonly<Record<string, CsvValue>>;

/** An open results file. */
export interface Results {
  /** Columns so far; empty before the first row. */
  readonly columns: readonly string[];
  /**
   * Adds a row. A column that is missing in the row is left empty.
   *
   * @throws DataError when the row has a column that the first row had not.
   */
  append(row: ResultRow): void;
}

/**
 * Opens `results.csv`, creating nothing before the first row. A torn last row is dropped.
 *
 * @param resumedEpoch the last epoch that counts as done; rows after it are dropped. By default all stay.
 */
export function openResults(path: string, resumedEpoch: number = Number.POSITIVE_INFINITY): Results {
  let columns = keepUntil(path, resumedEpoch);
  return {
    get columns() {
      return columns;
    },
    append(row) {
      if (columns.length === 0) {
        columns = Object.keys(row);
        writeAtomically(path, `${formatCsvRow(columns)}\n${formatCsvRow(Object.values(row))}\n`);
        return;
      }
      const unknown = Object.keys(row).find((key) => !columns.includes(key));
      if (unknown !== undefined) {
        throw new DataError(`${path}: expected a column of the first row, got "${unknown}"`, suggest(unknown, columns));
      }
      const line = `${formatCsvRow(columns.map((column) => row[column]))}\n`;
      onDisk(path, () => appendFileSync(path, line));
    },
  };
}

/** The rows of a results file by column, all texts; an absent file has none. */
export function readResults(path: string): Record<string, string>[] {
  if (!existsSync(path)) return [];
  const [header = [], ...rows] = parseCsv(readTextFile(path), path).rows;
  return rows.map((row) => Object.fromEntries(header.map((column, index) => [column, row[index] ?? ''])));
}

/** Rewrites the file without what does not count, and returns its columns. */
function keepUntil(path: string, lastEpoch: number): string[] {
  if (!existsSync(path)) return [];
  const { rows, torn } = parseCsv(readTextFile(path), path);
  if (rows.length === 0) return [];
  const [header, ...body] = rows;
  const epoch = header.indexOf('epoch');
  if (epoch < 0) throw new DataError(`${path}: expected a column "epoch", got ${showShort(header)}`);
  const kept = body.filter((row) => Number(row[epoch]) <= lastEpoch);
  if (torn || kept.length < body.length) {
    writeAtomically(path, `${[header, ...kept].map(formatCsvRow).join('\n')}\n`);
  }
  return header;
}
