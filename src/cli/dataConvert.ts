/**
 * @file `espalier data convert`: writes masks of class ids and a `data.yaml` for whatever images and labels there are.
 */
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { convertToMasks, countConverted } from '../data/convert/masks.ts';
import { describeDataSet } from '../data/describe.ts';
import type { ImageSet } from '../data/types.ts';
import { onDisk, temporaryName } from '../run/files.ts';
import { createProgress } from './progress.ts';

/** Where masks are written when nothing says: beside the data, such as `street-masks`. */
export const defaultTarget = (path: string): string => {
  const folder = folderOf(path);
  return relative('.', join(dirname(folder), `${basename(folder)}-masks`));
};

/** The folder of the data: that of a file which describes them. */
const folderOf = (path: string): string =>
  resolve(statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path);

/**
 * Converts a data set that was opened from `path`; the folder appears when it is whole.
 * @throws ConfigError where `to` holds files, or lies in the data.
 */
export async function convertDataSet(dataset: ImageSet, path: string, to: string): Promise<void> {
  requireNewFolder(path, to);
  const target = resolve(to);
  const temporary = join(dirname(target), temporaryName(basename(target)));
  const total = countConverted(dataset);
  const bar = createProgress({ label: 'convert', total });
  try {
    for await (const file of convertToMasks(dataset, (done) => bar.update(done))) {
      const place = join(temporary, ...file.path.split('/'));
      onDisk(place, () => {
        mkdirSync(dirname(place), { recursive: true });
        if ('bytes' in file) writeFileSync(place, file.bytes);
        else copyFileSync(file.copyOf, place, constants.COPYFILE_FICLONE);
      });
    }
    onDisk(target, () => {
      rmSync(target, { recursive: true, force: true });
      renameSync(temporary, target);
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  bar.finish();
  process.stdout.write(`${describeDataSet(dataset)}\n`);
  for (const note of dataset.notes ?? []) process.stdout.write(`  note: ${note}\n`);
  process.stdout.write(`${total} images with masks -> ${to}\nnext: espalier data check ${to}\n`);
}

function requireNewFolder(path: string, to: string): void {
  if (existsSync(to) && readdirSync(to).length > 0)
    throw new ConfigError(`to=${to}: holds files; nothing was written`, 'name a folder that does not exist yet');
  const folder = folderOf(path);
  const way = existsSync(folder) ? relative(realpathSync(folder), resolve(to)) : '..';
  if (way.split(sep)[0] !== '..')
    throw new ConfigError(`to=${to}: lies in the data ${path}; nothing was written`, 'name a folder beside it');
}
