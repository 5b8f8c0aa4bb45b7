/**
 * @file Which samples of a folder belong together: by `groups:` of its `data.yaml`, or by a CSV file that says so without being asked.
 */
import { readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { parseCsv } from '../../base/csv.ts';
import { DataError } from '../../base/errors.ts';
import { suggest } from '../../base/text.ts';
import { readTextFile } from '../../base/textFile.ts';
import type { GroupsOf } from './pattern.ts';

/** A column of a CSV file in the folder of the data set; `file` is the column of the files. */
export interface GroupTable {
  readonly csv: string;
  readonly column: string;
  readonly file?: string | undefined;
}

/** What `groups:` of a `data.yaml` says. */
export interface GroupRule {
  readonly groupsOf?: GroupsOf;
  readonly groupTable?: GroupTable;
}

/** Names of columns that are understood without a word. */
const FILE_COLUMNS = ['file', 'image', 'picture', 'name', 'id'];
const GROUP_COLUMNS = ['group', 'patient', 'case', 'subject', 'sequence', 'slide'];

/**
 * The group of every id that has one, or undefined where nothing is said. Without a rule a CSV file in the folder with a column `file` and a column `group`
 * (or the like) is read.
 * @throws DataError for a file or column that is not there.
 */
export async function readGroups(
  root: string,
  ids: readonly string[],
  { groupsOf, groupTable }: GroupRule = {},
): Promise<Record<string, string> | undefined> {
  if (groupsOf) {
    const groups = groupsOf(ids);
    return Object.fromEntries(ids.map((id, i) => [id, groups[i]]));
  }
  if (groupTable) {
    const path = join(root, groupTable.csv);
    const table = await loadCsv(path);
    const { column, file = FILE_COLUMNS.find((name) => table.header.includes(name)) ?? FILE_COLUMNS[0] } = groupTable;
    for (const name of [column, file])
      if (!table.header.includes(name))
        throw new DataError(`${path}: no column "${name}"`, suggest(name, table.header));
    return byColumn(ids, table, file, column);
  }
  const files = (await readdir(root)).filter((name) => name.endsWith('.csv')).sort();
  for (const name of files) {
    const table = await loadCsv(join(root, name)).catch(() => undefined);
    const file = FILE_COLUMNS.find((column) => table?.header.includes(column));
    const column = GROUP_COLUMNS.find((group) => table?.header.includes(group));
    if (!table || file === undefined || column === undefined) continue;
    const groups = byColumn(ids, table, file, column);
    if (Object.keys(groups).length > 0) return groups;
  }
  return undefined;
}

/** Files are found by their name without folder and ending, since a table rarely has the ids. */
function byColumn(
  ids: readonly string[],
  { header, rows }: Table,
  file: string,
  column: string,
): Record<string, string> {
  const [at, groupAt] = [header.indexOf(file), header.indexOf(column)];
  const byStem = new Map(rows.map((row) => [parse(row[at] ?? '').name, row[groupAt]]));
  return Object.fromEntries(
    ids.flatMap((id) => {
      const group = byStem.get(id.slice(id.lastIndexOf('/') + 1));
      return group === undefined || group === '' ? [] : [[id, group]];
    }),
  );
}

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

async function loadCsv(path: string): Promise<Table> {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read`, 'name a CSV file inside the folder of the data set');
  }
  // The last line of a table that is written by hand may have no end.
  const { rows: all } = parseCsv(`${text}\n`, path);
  const [header = [], ...rows] = all.map((row) => row.map((cell) => cell.trim())).filter((row) => row.join('') !== '');
  return { header, rows };
}
