import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { fileSizes } from '../../../src/data/sampleFiles.ts';
import { IMAGE } from '../../helpers/imageSets.ts';
import { type Files, image, json, namesOf, open, rows, samples, square } from './annotationSets.ts';

describe('COCO', () => {
  const categories = [
    { id: 18, name: 'dog' },
    { id: 3, name: 'car' },
  ];
  const coco = (names: readonly string[], annotations: object[], rest: object = {}): string =>
    json({
      images: names.map((file_name, id) => ({ id, file_name, width: 4, height: 4 })),
      annotations: annotations.map((one, id) => ({ id, image_id: 0, category_id: 18, iscrowd: 0, ...one })),
      categories,
      ...rest,
    });

  it('draws polygons, both run-length codes and crowds; the smaller area lies on top, crowds beneath', async () => {
    const dataset = await open({
      'a.png': image(),
      'b.png': image(),
      'c.json': coco(
        ['a.png', 'b.png'],
        [
          { segmentation: [square(1, 1, 1)] },
          { category_id: 3, segmentation: [square(0, 0, 3)] },
          { iscrowd: 1, segmentation: { size: [4, 4], counts: [0, 16] } },
          { image_id: 1, segmentation: { size: [4, 4], counts: '06:' } },
          { image_id: 1, category_id: 3, segmentation: [square(3, 0, 1), square(3, 2, 1)] },
        ],
      ),
    });
    expect([dataset.layout, ...namesOf(dataset)]).toEqual(['coco', 'background', 'dog', 'car']);
    expect(await rows(dataset, 0)).toEqual(['2221', '2121', '2221', '1111']);
    expect(await rows(dataset, 1)).toEqual(['1102', '1100', '1002', '1000']);
  });

  it('has the split of its files, as the published data set and Roboflow have it', async () => {
    const parts = (train: string, val: string, list: (split: string) => string): Files => ({
      [`${train}/1.png`]: image(),
      [`${val}/2.png`]: image(),
      [list(train)]: coco(['1.png'], [{ segmentation: [square(0, 0, 2)] }]),
      [list(val)]: coco(['2.png'], [{ segmentation: [square(0, 0, 2)] }]),
    });
    for (const files of [
      {
        ...parts('train2017', 'val2017', (split) => `annotations/instances_${split}.json`),
        'annotations/captions_val2017.json': json({ images: [], annotations: [{ image_id: 1, caption: 'x' }] }),
      },
      parts('train', 'valid', (split) => `${split}/_annotations.coco.json`),
    ]) {
      const { layout, splits, splitRule } = await open(files);
      expect([layout, splits.train.length, splits.val.length, splitRule]).toEqual(['coco', 1, 1, undefined]);
    }
  });

  it('has the classes that a data.yaml names, in its order; other labels are background', async () => {
    const files: Files = {
      'images/a.png': image(),
      'images/b.png': image(),
      'data.yaml': 'classes: [car, background]\n',
      'c.json': coco(
        ['a.png', 'b.png'],
        [{ segmentation: [square(0, 0, 1)] }, { category_id: 3, segmentation: [square(1, 0, 1)] }],
      ),
    };
    const dataset = await open(files);
    expect(namesOf(dataset)).toEqual(['car', 'background']);
    expect((await rows(dataset))[0]).toBe('1011');
    expect(dataset.notes).toContainEqual(expect.stringMatching(/labels that data.yaml does not name .*: dog \(1\)/));
    expect(await open(files, 'data.yaml')).toMatchObject({ classesFrom: 'data.yaml', layout: 'coco' });
  });

  it('opens a file, and finds the images by what their paths end with', async () => {
    const dataset = await open(
      {
        'images/x/a.png': image(),
        'images/y/a.png': image(),
        'annotations/instances.json': coco(
          ['C:\\data\\x\\a.png', '/home/me/y/a.png'],
          [{ segmentation: [square(0, 0, 1)] }],
        ),
      },
      'annotations/instances.json',
    );
    expect(samples(dataset).map(({ id }) => id)).toEqual(['x/a', 'y/a']);
  });

  it.each<[string, Files, RegExp]>([
    [
      'missing images',
      { 'a.png': image(), 'c.json': coco(['a.png', 'b.png'], []) },
      /1 of 2 annotated images are not below .*names b.png/,
    ],
    [
      'two images of one name',
      { 'x/a.png': image(), 'y/a.png': image(), 'c.json': coco(['a.png'], []) },
      /a.png may be .*x\/a.png or .*y\/a.png/,
    ],
    [
      'an image annotated twice',
      { 'a.png': image(), 'b.json': coco(['a.png'], []), 'c.json': coco(['a.png'], []) },
      /is annotated twice/,
    ],
    [
      'an unknown category',
      { 'a.png': image(), 'c.json': coco(['a.png'], [{ category_id: 5, segmentation: [[]] }]) },
      /category 5, which is not listed/,
    ],
    ['no form', { 'a.png': image(), 'c.json': '{"images": [], "annotations": [' }, /c.json: no valid JSON/],
    [
      'another form',
      { 'a.png': image(), 'c.json': '{"images": [{"id": 1}], "annotations": []}' },
      /c.json: expected an export of COCO, at images.0.file_name/,
    ],
    [
      'a prototype',
      { 'a.png': image(), 'c.json': '{"images": [], "annotations": [], "__proto__": {}}' },
      /the key "__proto__" is not allowed/,
    ],
  ])('refuses %s', async (_, files, message) => {
    await expect(open(files)).rejects.toThrow(message);
  });

  it('is drawn when it is loaded: an image of another size, and damaged codes, are errors of that sample', async () => {
    const dataset = await open({
      'a.png': IMAGE,
      'b.png': image(),
      'c.json': coco(['a.png', 'b.png'], [{ image_id: 1, segmentation: { size: [4, 4], counts: [3] } }]),
    });
    const { problems } = await checkDataSet(dataset);
    expect(
      problems
        .filter(({ severity }) => severity === 'error')
        .map(({ message }) => message)
        .sort(),
    ).toEqual(['expected runs of 16 pixels in all, got 3', 'is about an image of 4x4, the image has 2x1']);
  });

  it('are drawn on the upright image, unless they state the sides of the stored one', async () => {
    const turned = async (width: number, height: number, orientation: number): Promise<Buffer> =>
      sharp(new Uint8Array(3 * width * height), { raw: { width, height, channels: 3 } })
        .withMetadata({ orientation })
        .png()
        .toBuffer();
    const labelled = async (file: Buffer, width: number, height: number): Promise<string[]> =>
      rows(
        await open({
          ...{ 'a.png': file, 'b.png': image() },
          'c.json': json({
            images: [
              { id: 0, file_name: 'a.png', width, height },
              { id: 1, file_name: 'b.png' },
            ],
            annotations: [{ image_id: 0, category_id: 18, segmentation: [square(0, 0, 1)] }],
            categories,
          }),
        }),
      );
    // Orientation 6 is turned clockwise: what was the upper left corner is the upper right one.
    expect(await labelled(await turned(3, 2, 6), 2, 3)).toEqual(['10', '00', '00']);
    expect(await labelled(await turned(3, 2, 6), 3, 2)).toEqual(['01', '00', '00']);
    expect(await labelled(await turned(2, 2, 3), 2, 2)).toEqual(['10', '00']);
  });

  it('changes the recorded size of a sample when its shapes change, and not when those of others do', async () => {
    const sizes = async (side: number) => {
      const shapes = [{ segmentation: [square(0, 0, side)] }, { image_id: 1, segmentation: [square(0, 0, 1)] }];
      return samples(
        await open({ 'a.png': image(), 'b.png': image(), 'c.json': coco(['a.png', 'b.png'], shapes) }),
      ).map(fileSizes);
    };
    const [[firstBefore, secondBefore], [firstAfter, secondAfter]] = [await sizes(1), await sizes(1.25)];
    expect(firstAfter).not.toEqual(firstBefore);
    expect(secondAfter).toEqual(secondBefore);
  });
});
