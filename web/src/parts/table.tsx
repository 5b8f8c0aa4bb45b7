/** @file A table that sorts by the column whose head is pressed. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { grouped } from '../compare.ts';

/** One column. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What it is sorted by; rows without it come last. Absent: not sortable. */
  readonly key?: (row: Row) => number | string | undefined;
  readonly isText?: boolean;
  /** Left out on a phone. */
  readonly isWide?: boolean;
}

interface TableProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly idOf: (row: Row) => string;
  /** Name of the first sorted column, and whether its largest values come first. */
  readonly sortedBy?: { readonly name: string; readonly descending: boolean };
  readonly label: string;
  readonly rowClass?: (row: Row) => string;
  /** Rows of one group stand together under its name, where there are several. */
  readonly groupOf?: (row: Row) => string;
  /** How a group is shown. Default: as it is. */
  readonly nameOfGroup?: (group: string) => string;
}

export function SortedTable<Row>(props: TableProps<Row>) {
  const { columns, rows, idOf, sortedBy, label, rowClass, groupOf, nameOfGroup = (group) => group } = props;
  const [order, setOrder] = useState(sortedBy);
  const key = columns.find(({ name }) => name === order?.name)?.key;
  const sorted = key ? [...rows].sort((a, b) => compare(key(a), key(b), order?.descending ?? false)) : rows;
  const groups = groupOf ? grouped(sorted, groupOf) : [['', sorted] as const];
  const press = (name: string) => setOrder({ name, descending: order?.name === name ? !order.descending : true });
  const sortOf = (name: string) => (order?.name !== name ? 'none' : order.descending ? 'descending' : 'ascending');
  const classOf = ({ isText, isWide }: Column<Row>) => `${isText ? 'text' : ''} ${isWide ? 'wide' : ''}`;
  return (
    <div class="scroll">
      <table class="numbers" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={classOf(column)} aria-sort={column.key && sortOf(column.name)}>
                {column.key ? (
                  <button type="button" class="sort" onClick={() => press(column.name)}>
                    {column.name}
                    <span aria-hidden="true">
                      {{ none: '', ascending: ' ↑', descending: ' ↓' }[sortOf(column.name)]}
                    </span>
                  </button>
                ) : (
                  column.name
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.flatMap(([group, own]) => [
            ...(groups.length > 1
              ? [
                  <tr key={`group ${group}`} class="group">
                    <th scope="rowgroup" class="text" colSpan={columns.length}>
                      {nameOfGroup(group)}
                    </th>
                  </tr>,
                ]
              : []),
            ...own.map((row) => (
              <tr key={idOf(row)} class={rowClass?.(row)}>
                {columns.map((column) => (
                  <td key={column.name} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )),
          ])}
        </tbody>
      </table>
    </div>
  );
}

function compare(a: number | string | undefined, b: number | string | undefined, descending: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order =
    typeof a === 'number' && typeof b === 'number'
      ? a - b
      : String(a).localeCompare(String(b), 'en', { numeric: true });
  return descending ? -order : order;
}
