/** @file Small folders of images and masks, for tests of runs on data that change. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import { encodePng } from '../../src/data/images/png.ts';

/** Pixels of a side. */
export const SIDE = 40;

/** Writes `images/<name>.png` and its mask: a bright square (1) and a blue bar (2) on dark ground (0), their values by `value`. */
export function writeSample(root: string, name: string, value = (id: number): number => id): void {
  const random = createRandom([...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7));
  const [x, y, bar] = [random.integer(SIDE / 2), random.integer(SIDE / 2), random.integer(SIDE - 6)];
  const ids = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [column, row] = [i % SIDE, Math.floor(i / SIDE)];
    if (column >= x && column < x + SIDE / 2 && row >= y && row < y + SIDE / 2) return 1;
    return column >= bar && column < bar + 6 ? 2 : 0;
  });
  const colours = [
    [60, 60, 60],
    [230, 200, 60],
    [40, 80, 220],
  ];
  const data = Uint8Array.from([...ids].flatMap((id) => colours[id]));
  write(join(root, 'images', `${name}.png`), encodePng({ width: SIDE, height: SIDE, channels: 3, data }));
  const labels = ids.map((id) => value(id));
  write(join(root, 'masks', `${name}.png`), encodePng({ width: SIDE, height: SIDE, channels: 1, data: labels }));
}

/** A folder of samples `00`, `01`, ... with the names of their classes. */
export function writeFolder(
  root: string,
  count: number,
  classes = ['ground', 'disc', 'bar'],
  value?: (id: number) => number,
): void {
  for (let i = 0; i < count; i++) writeSample(root, String(i).padStart(2, '0'), value);
  write(join(root, 'data.yaml'), `classes: [${classes.join(', ')}]\n`);
}

function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
