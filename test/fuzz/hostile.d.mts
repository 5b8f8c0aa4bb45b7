/** Types of `hostile.mjs`. */
import type { ParserRow } from './parsers.mjs';

export function hostileTo(row: ParserRow, all?: boolean): [name: string, make: () => Uint8Array][];
