/** @file `espalier data check` as a user reads it: what is the same for many files is one line, and errors end with 1. Needs dist/. */
import { readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
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
