/**
 * @file Comma-separated values (RFC 4180): one field, one table back. Numbers that are not finite numbers are their text; nothing is an empty field.
 */

import { DataError } from './errors.ts';

/** What a field may hold. */
export type CsvValue = string | number | boolean | null | undefined;

/** One row without its newline; a field is quoted when it must be. */
export function formatCsvRow(values: readonly CsvValue[]): string {
  return values.map(formatField).join(',');
}

/** Tables of runs and data sets have fewer. */
const MOST_FIELDS = 400_000;

/**
 * The rows of a table, all fields texts. A last row without newline is `torn`: it is not among the rows. `file` is named in errors.
 * @throws DataError for more than 400,000 fields.
 */
export function parseCsv(text: string, file = 'the table'): { rows: string[][]; torn: boolean } {
  const rows: string[][] = [];
  let row: string[] = [];
  let pieces = 0;
  let at = 0;
  const count = (): void => {
    if (++pieces > MOST_FIELDS)
      throw new DataError(
        `${file}: expected at most ${MOST_FIELDS} fields, got more`,
        'is it the table that was meant?',
      );
  };
  /** What is between quotes, from behind the first one; undefined where they are never closed. */
  const quotedPart = (): string | undefined => {
    const parts: string[] = [];
    for (let end = text.indexOf('"', at); end !== -1; end = text.indexOf('"', at)) {
      count();
      parts.push(text.slice(at, end));
      at = end + 1;
      if (text[at] !== '"') return parts.join('"');
      at++;
    }
    return undefined;
  };
  const plainPart = (): string => {
    FIELD_END.lastIndex = at;
    const end = FIELD_END.exec(text)?.index ?? text.length;
    const part = text.slice(at, end);
    at = end;
    return text[end] === '\n' && part.endsWith('\r') ? part.slice(0, -1) : part;
  };
  while (at < text.length) {
    count();
    let quoted: string | undefined = '';
    if (text[at] === '"') {
      at++;
      quoted = quotedPart();
    }
    const field = quoted === undefined ? undefined : quoted + plainPart();
    // Without a newline the row is not whole.
    if (field === undefined || at >= text.length) return { rows, torn: true };
    row.push(field);
    if (text[at++] === ',') continue;
    rows.push(row);
    row = [];
  }
  return { rows, torn: row.length > 0 };
}

/** What ends a field that is not quoted. */
const FIELD_END = /[,\n]/g;

function formatField(value: CsvValue): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
