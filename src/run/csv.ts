/**
 * @file Comma-separated values (RFC 4180): one field, one table back. Numbers that are not finite numbers are their text; nothing is an empty field.
 */

/** What a field may hold. */
export type CsvValue = string | number | boolean | null | undefined;

/** One row without its newline; a field is quoted when it must be. */
export function formatCsvRow(values: readonly CsvValue[]): string {
  return values.map(formatField).join(',');
}

/** The rows of a table, all fields texts. A last row without newline is `torn`: it is not among the rows. */
export function parseCsv(text: string): { rows: string[][]; torn: boolean } {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') field += text[++i];
      else quoted = false;
    } else if (character === '"' && field === '') quoted = true;
    else if (character === ',' || character === '\n') {
      row.push(field);
      field = '';
      if (character === '\n') {
        rows.push(row);
        row = [];
      }
    } else if (character !== '\r' || text[i + 1] !== '\n') field += character;
  }
  return { rows, torn: quoted || field !== '' || row.length > 0 };
}

function formatField(value: CsvValue): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
