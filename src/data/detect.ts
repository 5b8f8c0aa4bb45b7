/**
 * @file Opens a data set by path: recognises the layout of a folder, reads a `data.yaml`, or makes the embedded scenes and phantoms by
 * their name.
 */
import { stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { DataError } from '../base/errors.ts';
import { ade20k } from './layouts/ade20k.ts';
import { camvid } from './layouts/camvid.ts';
import { cityscapes } from './layouts/cityscapes.ts';
import { decathlon } from './layouts/decathlon.ts';
import { loadDescription } from './layouts/description.ts';
import { folder, openDescribed } from './layouts/folder.ts';
import type { Layout, OpenOptions } from './layouts/layout.ts';
import { nnunet } from './layouts/nnunet.ts';
import { voc } from './layouts/voc.ts';
import { createSceneSet, parseSceneName } from './scenes/sceneSet.ts';
import type { DataSet } from './types.ts';
import { createPhantomSet, parsePhantomName } from './volumes/phantomSet.ts';

/** The known layouts in the order they are tried: the more particular first. */
export const LAYOUTS: readonly Layout[] = [cityscapes, voc, ade20k, camvid, nnunet, decathlon, folder];

/**
 * Opens a data set: a folder, a `data.yaml` (of any name), `scenes` (`scenes:256x192` for another size), or `phantoms`
 * (`phantoms:48x48x32`).
 * Reads names, lists and, where nothing names the classes, masks. Throws a `DataError` that says what was looked for.
 */
export async function openDataSet(path: string, options: OpenOptions = {}): Promise<DataSet> {
  const scenes = parseSceneName(path);
  if (scenes !== undefined) return createSceneSet(scenes);
  const phantoms = parsePhantomName(path);
  if (phantoms !== undefined) return createPhantomSet(phantoms);
  const root = resolve(path);
  const found = await stat(root).catch(() => undefined);
  if (found === undefined) {
    throw new DataError(
      `${path}: no such folder or file`,
      'give a folder, a data.yaml, or `scenes` or `phantoms` for the embedded data',
    );
  }
  if (found.isFile()) {
    if (!['.yaml', '.yml'].includes(extname(root))) {
      throw new DataError(`${path}: expected a folder or a .yaml file`, 'give the folder that holds the pictures');
    }
    const description = await loadDescription(root);
    return openDescribed(resolve(dirname(root), description.path ?? '.'), description, options);
  }
  for (const layout of LAYOUTS) {
    if (await layout.matches(root)) return layout.open(root, options);
  }
  const sought = LAYOUTS.map((layout) => `${layout.name} (${layout.looksFor})`).join('; ');
  throw new DataError(`${path}: no known layout`, `looked for ${sought}`);
}
