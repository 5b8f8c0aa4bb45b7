/** @file Where the real data for tests lies: `ESPALIER_DATA`; tests that need it skip when it is not set. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env.ESPALIER_DATA;

export const hasRealData = root !== undefined && existsSync(root);

if (!hasRealData)
  console.log('tests on real data are skipped: set ESPALIER_DATA to the folder that holds camvid/ and formats/');

export function realData(...path: string[]): string {
  return join(root ?? '/', ...path);
}
