/**
 * @file Finds a libtorch to build against: the folder in LIBTORCH, a Python environment's torch, or the system's package. Knows no addon.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../base/errors.ts';
import type { Environment } from './locate.ts';

/** A libtorch with its headers. */
export interface Libtorch {
  readonly origin: 'LIBTORCH' | 'python' | 'system';
  /** The folder that holds `include/` and `lib/`; `''` for the system's own, which the compiler finds by itself. */
  readonly folder: string;
  /** Such as `1.13.1`. */
  readonly version: string;
}

const SYSTEM_FOLDERS = ['/usr', '/usr/local'] as const;
const VERSION_HEADER = join('include', 'torch', 'csrc', 'api', 'include', 'torch', 'version.h');

/**
 * The first libtorch with headers, in the order above; undefined where there is none.
 * @throws EngineError when LIBTORCH names a folder that holds none.
 */
export function findLibtorch(environment: Environment = process.env): Libtorch | undefined {
  const given = environment.LIBTORCH;
  if (given) {
    const version = versionOf(given);
    if (version !== undefined) return { origin: 'LIBTORCH', folder: given, version };
    throw new EngineError(
      `LIBTORCH=${given}: expected a folder with ${VERSION_HEADER}, got one without`,
      'set LIBTORCH to the folder of an unpacked libtorch, or unset it',
    );
  }
  const python = environment.ESPALIER_PYTHON ?? 'python3';
  const probe = spawnSync(python, ['-c', 'import torch; print(torch.__path__[0])'], { encoding: 'utf8' });
  if (probe.status === 0) {
    const folder = probe.stdout.trim();
    const version = versionOf(folder);
    if (version !== undefined) return { origin: 'python', folder, version };
  }
  for (const folder of SYSTEM_FOLDERS) {
    const version = versionOf(folder);
    if (version !== undefined) return { origin: 'system', folder: '', version };
  }
  return undefined;
}

function versionOf(folder: string): string | undefined {
  const file = join(folder, VERSION_HEADER);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  return ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1])
    .join('.');
}
