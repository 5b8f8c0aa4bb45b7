/** @file What a check says of samples that show the same, of sequences across a split, and of rare classes. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

const SIDE = 40;

/** An image of 8 x 8 grey blocks of random brightness, which a step changes a little. */
function frame(scene: number, step = 0): Uint8Array {
  const random = createRandom(scene);
  const blocks = Array.from({ length: 64 }, () => 20 + random.integer(200));
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let i = 0; i < SIDE * SIDE; i++)
    data.fill(blocks[Math.floor(i / SIDE / 5) * 8 + Math.floor((i % SIDE) / 5)] + step, 3 * i, 3 * i + 3);
  return encodePng({ width: SIDE, height: SIDE, channels: 3, data });
}

const label = (disc: number): Uint8Array =>
  encodePng({
    width: SIDE,
    height: SIDE,
    channels: 1,
    data: Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i < disc ? 1 : 0)),
  });

async function check(images: Record<string, Uint8Array>, { disc = 800, yaml = '' } = {}) {
  const root = temporaryFolder();
  for (const [name, image] of Object.entries(images))
    writeFiles(root, { [`images/${name}.png`]: image, [`masks/${name}.png`]: label(disc) });
  writeFiles(root, { 'data.yaml': `classes: [ground, disc]\n${yaml}` });
  return checkDataSet(await openDataSet(root));
}

describe('samples of equal pixels', () => {
  it('are one problem a group, and worse across splits', async () => {
    const { problems } = await check({
      ...{ 'train/a': frame(1), 'train/b': frame(2), 'train/c': frame(2), 'train/d': frame(2) },
      ...{ 'val/e': frame(1), 'val/f': frame(3) },
    });
    expect(problems).toEqual([
      {
        severity: 'warning',
        file: expect.stringMatching(/val.e.png$/),
        message: expect.stringMatching(/^shows the same pixels as .*train.a.png, which is trained on$/),
        fix: expect.stringMatching(/take it out of one split/),
      },
      {
        severity: 'warning',
        file: expect.stringMatching(/train.c.png$/),
        message: expect.stringMatching(/^shows the same pixels as .*train.b.png$/),
        fix: expect.stringMatching(/remove one of them/),
        others: [expect.stringMatching(/train.d.png$/)],
      },
    ]);
  });
});

describe('sequences', () => {
  const frames = (sceneOf: (n: number) => number, stepOf: (n: number) => number) =>
    Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`clip${Math.floor(n / 10)}_${n % 10}`, frame(sceneOf(n), stepOf(n))]),
    );

  it('across the split are advice, with the words that keep them together', async () => {
    const video = frames(
      (n) => Math.floor(n / 10),
      (n) => n % 10,
    );
    const { advice, problems } = await check(video);
    expect(problems).toEqual([]);
    expect(advice).toEqual([
      expect.stringMatching(
        /^sequences: \d+ of \d+ val images look like a neighbour by name that is trained on, such as clip\d_\d and clip\d_\d: .*`groups: /,
      ),
    ]);
    expect((await check(video, { yaml: "groups: '^(clip.)'\nvalShare: 0.5\n" })).advice).toEqual([]);
  });

  it('are not seen in numbered images of different things', async () => {
    expect(
      (
        await check(
          frames(
            (n) => n + 1,
            () => 0,
          ),
        )
      ).advice,
    ).toEqual([]);
  });
});

it('names rare classes, and the settings that weight them up', async () => {
  const { advice } = await check({ a: frame(1), b: frame(2) }, { disc: 8 });
  expect(advice).toEqual([expect.stringMatching(/^rare: disc \(0.50 %\); classWeights=sqrt .* ohem=0.25/)]);
});
