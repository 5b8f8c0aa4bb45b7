/** @file `espalier data check` as a user reads it: what is the same for many files is one line, and errors end with 1. Needs dist/. */
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
    expect(error).toMatch(
      /espalier: .*labels: expected masks, got 1 .txt file; polygons and boxes .* draw them into PNG files/,
    );
  });
});
