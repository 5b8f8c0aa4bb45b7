import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng } from '../../src/data/images/png.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { createSceneSet } from '../../src/data/scenes/sceneSet.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import type { DataSet } from '../../src/data/types.ts';

/** A handful of small scenes. */
export const smallScenes = (train: number, val: number): DataSet =>
  createSceneSet({ width: 64, height: 48, train, val });

/** A data set on disk: scenes of 64 x 48 in the plain layout, 6 to train and 2 to validate. */
export function writeSceneFolder(folder: string): void {
  for (const [split, count, seed] of [
    ['train', 6, 1],
    ['val', 2, 100],
  ] as const) {
    for (const kind of ['images', 'masks']) mkdirSync(join(folder, kind, split), { recursive: true });
    for (let i = 0; i < count; i++) {
      const { width, height, image, label } = paintScene(seed + i, 64, 48);
      const write = (kind: string, channels: 1 | 3, data: Uint8Array) =>
        writeFileSync(join(folder, kind, split, `p${i}.png`), encodePng({ width, height, channels, data }));
      write('images', 3, image);
      write('masks', 1, label);
    }
  }
  writeFileSync(join(folder, 'data.yaml'), `classes: [${SCENE_CLASSES.map(({ name }) => name).join(', ')}]\n`);
}
