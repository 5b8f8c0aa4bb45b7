/** @file A data set on disk: painted scenes as a plain folder with a `data.yaml`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng } from '../../src/data/png.ts';
import { SCENE_CLASSES } from '../../src/data/sceneClasses.ts';
import { paintScene } from '../../src/data/scenes.ts';

/** Writes `images/{train,val}` and `masks/{train,val}` of 64x48 pixels. */
export function writePictureFolder(root: string, counts: { train: number; val: number }): void {
  for (const [split, count, seed] of [
    ['train', counts.train, 1],
    ['val', counts.val, 100],
  ] as const) {
    for (const kind of ['images', 'masks']) mkdirSync(join(root, kind, split), { recursive: true });
    for (let i = 0; i < count; i++) {
      const { width, height, image, label } = paintScene(seed + i, 64, 48);
      const write = (kind: string, channels: 1 | 3, data: Uint8Array) =>
        writeFileSync(join(root, kind, split, `p${i}.png`), encodePng({ width, height, channels, data }));
      write('images', 3, image);
      write('masks', 1, label);
    }
  }
  writeFileSync(join(root, 'data.yaml'), `classes: [${SCENE_CLASSES.map(({ name }) => name).join(', ')}]\n`);
}
