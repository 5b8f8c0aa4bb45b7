/**
 * @file The built page, held in memory: requests are looked up in a table, so no request can name a file.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { DataError } from '../base/errors.ts';

/** One file of the page. */
export interface WebFile {
  readonly content: Buffer;
  readonly type: string;
  /** For the header `cache-control`. */
  readonly caching: string;
}

/** Files by the path of their address. */
export type WebFiles = ReadonlyMap<string, WebFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** Reads the built page. @throws DataError when it was not built. */
export function loadWebFiles(folder: string): WebFiles {
  if (!existsSync(join(folder, 'index.html')))
    throw new DataError(`${folder}: holds no page`, 'build it: npm run build:web');
  const files = new Map<string, WebFile>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const path = `/${name.replaceAll('\\', '/')}`;
    // The names of assets change with their content.
    const caching = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    files.set(path, { content: readFileSync(join(folder, name)), type, caching });
  }
  return files;
}
