/** @file `espalier data check` as a user reads it: what is the same for many files is one line, and errors end with 1. Needs dist/. */
import { readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/images/png.ts';
import { runCommand } from '../helpers/cli.ts';
import { IMAGE, mask, writeFiles } from '../helpers/imageSets.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

describe('data check', () => {
  it('prints sixty equal problems as one line with a count and examples', () => {
    const root = temporaryFolder();
    writeFiles(root, { 'data.yaml': 'classes: [ground, disc]\n' });
    for (let i = 10; i < 70; i++) writeFiles(root, { [`images/${i}.png`]: IMAGE, [`masks/${i}.png`]: mask(0, 7) });
    writeFiles(root, {
      'images/a.png': IMAGE,
      'masks/a.png': mask(0, 1),
      'images/b.png': IMAGE,
      'masks/b.png': mask(0, 1),
    });
    const { out, code } = runCommand(root, ['data', 'check', '.']);
    expect(code).toBe(1);
    expect(out).toMatch(/layout folder, 2 classes from data.yaml\n/);
    expect(out).toMatch(/\n1 problem:\n/);
    expect(out.match(/label values 7/g)).toHaveLength(1);
    expect(out).toMatch(
      /error: .*masks\/\d\d.png label values 7 belong to none of the 2 classes \(the same in 59 more, such as .*masks\/\d\d.png\); name them under `classes`/,
    );
  });

  it('says what to write where nothing can be opened', () => {
    const root = temporaryFolder();
    writeFiles(root, { 'images/a.png': IMAGE, 'labels/a.txt': '0 0.1 0.1 0.2 0.2\n' });
    const { error, code } = runCommand(root, ['data', 'check', '.']);
    expect(code).toBe(1);
    expect(error).toMatch(/espalier: .*: expected polygons, got 1 boxes; .* export polygons/);
  });
});

describe('what a check ends with', () => {
  const set = (root: string, sides: readonly number[]): void => {
    for (const [n, side] of sides.entries()) {
      const noise = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * (n + 7) * 31) % 251);
      const half = Uint8Array.from({ length: side * side }, (_, i) => Number(i > (side * side) / 2));
      writeFiles(root, {
        [`a set/images/${n}.png`]: encodePng({ width: side, height: side, channels: 3, data: noise }),
        [`a set/masks/${n}.png`]: encodePng({ width: side, height: side, channels: 1, data: half }),
      });
    }
  };

  it('is the next command, with what fits small and few images, and the time', () => {
    const root = temporaryFolder();
    set(root, [50, 48, 50, 52]);
    const { out } = runCommand(root, ['data', 'check', 'a set']);
    expect(out).toMatch(
      /advice: half of the images have at most 50x50 pixels: the coarsest level of a search \(stride 32\) has 2x2 cells/,
    );
    expect(out).toMatch(/scale=1 crop=\[33,33\] fits them/);
    expect(out).toMatch(/next: espalier auto data='a set' minutes=60 budget.multiplyAdds=0.5e9\n/);
    expect(out).toMatch(
      / {2}or {2}espalier search data='a set' preset=small scale=1 crop=\[33,33\] epochs=\d+\n {2}about 3 min on one core/,
    );
  });

  it('is the check again where there are errors, and one line for problems that differ in numbers only', () => {
    const root = temporaryFolder();
    set(root, [50, 48, 50, 52]);
    for (let n = 0; n < 4; n++)
      writeFiles(root, { [`a set/masks/${n}.png`]: mask(...Array.from({ length: n + 1 }, () => 1)) });
    const { out, code } = runCommand(root, ['data', 'check', 'a set']);
    expect(code).toBe(1);
    expect(out.match(/, its image /g)).toHaveLength(2);
    expect(out).toMatch(/is \dx1, its image \d+x\d+ \(similar in 3 more, such as .*png is \dx1, its image/);
    expect(out).toMatch(/next: correct the errors, then {2}espalier data check 'a set'\n$/);
  });
});

describe('data convert', () => {
  const coco = JSON.stringify({
    images: ['a.png', 'b.png'].map((file_name, id) => ({ id, file_name, width: 2, height: 1 })),
    categories: [{ id: 1, name: 'disc' }],
    annotations: [0, 1].map((id) => ({ id, image_id: id, category_id: 1, segmentation: [[1, 0, 2, 0, 2, 1, 1, 1]] })),
  });

  it('writes masks and a data.yaml that a check accepts, and overwrites nothing', () => {
    const root = temporaryFolder();
    writeFiles(root, { 'set/a.png': IMAGE, 'set/b.png': IMAGE, 'set/coco.json': coco });
    const { out, code } = runCommand(root, ['data', 'convert', 'set/coco.json']);
    expect(out).toMatch(
      /layout coco: 2 classes .*\n2 images with masks -> set-masks\nnext: espalier data check set-masks\n/,
    );
    expect(code).toBe(0);
    expect(readdirSync(join(root, 'set-masks'), { recursive: true }).map(String).sort()).toEqual(
      ['data.yaml', 'images', 'images/a.png', 'images/b.png', 'masks', 'masks/a.png', 'masks/b.png'].map(normalize),
    );
    expect(readdirSync(root).sort()).toEqual(['set', 'set-masks']);
    expect(runCommand(root, ['data', 'check', 'set-masks']).code).toBe(0);
    for (const [words, message] of [
      [['set'], /to=set-masks: holds files; nothing was written/],
      [['set', 'to=set/masks'], /to=set\/masks: lies in the data set; nothing was written/],
      [['set', 'limit=2'], /data convert: limit has no effect/],
      [['phantoms'], /holds volumes/],
    ] as const) {
      const refused = runCommand(root, ['data', 'convert', ...words]);
      expect(refused.error).toMatch(message);
      expect(refused.code).toBeGreaterThan(0);
    }
  });

  it('leaves nothing behind where a sample cannot be read', () => {
    const root = temporaryFolder();
    writeFiles(root, { 'set/a.png': IMAGE, 'set/b.png': 'no image', 'set/coco.json': coco });
    expect(runCommand(root, ['data', 'convert', 'set']).error).toMatch(/b.png: is no PNG/);
    expect(readdirSync(root)).toEqual(['set']);
  });
});
