/** @file Temporary folders for tests, removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A new empty folder for a test; it goes when the test ends. */
export function temporaryFolder(): string {
  const { path, remove } = create();
  onTestFinished(remove);
  return path;
}

/** A new empty folder for all tests of a file or of a `describe`; it goes after them. */
export function sharedFolder(): string {
  const { path, remove } = create();
  afterAll(remove);
  return path;
}

function create(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'espalier-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
