/**
 * @file Annotations of tools, each as its format is documented: COCO, CVAT for images 1.1, Label Studio, labelme, YOLO segmentation. What is drawn, what
 * lies on top, which split and which classes there are.
 */

import { join } from 'node:path';
import { encode } from '@thi.ng/rle-pack';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { fileSizes } from '../../../src/data/sampleFiles.ts';
import type { DataSet, Sample } from '../../../src/data/types.ts';
import { IMAGE, writeFiles } from '../../helpers/imageSets.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

type Files = Record<string, string | Uint8Array>;

/** An image of 4 x 4 pixels. */
const image = (value = 9): Uint8Array =>
  encodePng({ width: 4, height: 4, channels: 3, data: new Uint8Array(48).fill(value) });
const json = (value: unknown): string => JSON.stringify(value);

async function open(files: Files, path = ''): Promise<DataSet> {
  const root = temporaryFolder();
  writeFiles(root, files);
  return openDataSet(join(root, path));
}

const samples = ({ splits }: DataSet): Sample[] =>
  [...splits.train, ...splits.val].sort((a, b) => (a.id < b.id ? -1 : 1));
const namesOf = ({ classes }: DataSet): string[] => classes.map(({ name }) => name);
/** The labels of a sample, a row a text. */
async function rows(dataset: DataSet, place = 0): Promise<string[]> {
  if (dataset.rank !== 2) throw new Error('expected images');
  const { width, label } = await loadSample(dataset, samples(dataset)[place]);
  const text = [...label].map((id) => (id === 255 ? '-' : String(id))).join('');
  return text.match(new RegExp(`.{${width}}`, 'g')) as string[];
}

/** A square as polygon. */
const square = (left: number, top: number, side: number): number[] => {
  const [right, bottom] = [left + side, top + side];
  return [left, top, right, top, right, bottom, left, bottom];
};
const points = (ring: number[]): number[][] => ring.flatMap((x, i) => (i % 2 === 0 ? [[x, ring[i + 1]]] : []));

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

describe('CVAT', () => {
  const cvat = (images: string, labels = ['car', 'dog']): string =>
    `<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><job><labels>${labels
      .map((name, i) => `<label><name>${name}</name><color>#00000${i + 1}</color><type>any</type></label>`)
      .join('')}</labels></job></meta>${images}</annotations>`;
  const frame = (name: string, shapes: string, rest = ''): string =>
    `<image id="0" name="${name}" ${rest} width="4" height="4">${shapes}</image>`;

  it('draws polygons, boxes, ellipses and masks by z_order', async () => {
    const dataset = await open({
      'images/a.png': image(),
      'images/b & c.png': image(),
      'annotations.xml': cvat(
        frame(
          'a.png',
          `<polygon label="dog" points="0,0;2,0;2,2;0,2" z_order="2"></polygon>
           <box label="car" xtl="0" ytl="0" xbr="4" ybr="1" z_order="1"></box>
           <mask label="car" rle="1, 2, 1" left="2" top="2" width="2" height="2" z_order="0"></mask>
           <points label="car" points="1,1"></points>`,
        ) + frame('b &amp; c.png', '<ellipse label="car" cx="2" cy="2" rx="2" ry="1" rotation="90"></ellipse>'),
      ),
    });
    expect([dataset.layout, ...namesOf(dataset)]).toEqual(['cvat', 'background', 'car', 'dog']);
    expect(dataset.classes[2].colour).toEqual([0, 0, 2]);
    expect(await rows(dataset, 0)).toEqual(['2211', '2200', '0001', '0010']);
    expect(await rows(dataset, 1)).toEqual(['0110', '0110', '0110', '0110']);
    expect(dataset.notes).toEqual([expect.stringMatching(/not drawn: 1 points shapes without an area/)]);
  });

  it('has the split of its subsets', async () => {
    const { splits, extra } = await open({
      ...Object.fromEntries(['a', 'b', 'c'].map((name) => [`images/${name}.png`, image()])),
      'annotations.xml': cvat(
        [
          ['a', 'Train'],
          ['b', 'Validation'],
          ['c', 'Test'],
        ]
          .map(([name, part]) => frame(`${name}.png`, '', `subset="${part}"`))
          .join(''),
      ),
    });
    expect([splits.train, splits.val, extra?.test].map((part) => part?.map(({ id }) => id))).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
  });

  it.each<[string, string, RegExp]>([
    [
      'videos',
      '<annotations><meta/><track id="0"/></annotations>',
      /holds tracks of a video; export as "CVAT for images 1.1"/,
    ],
    ['damage', `${cvat(frame('a.png', ''))}<`, /no valid XML/],
    ['entities', `<!DOCTYPE x [<!ENTITY a "b">]>${cvat('')}`, /got a document type/],
    [
      'a polygon of texts',
      cvat(frame('a.png', '<polygon label="car" points="a,b;c,d;e,f"/>')),
      /a polygon has points that are none/,
    ],
    ['a box without sides', cvat(frame('a.png', '<box label="car" xtl="0"/>')), /a box has no ytl/],
    ['an image without sides', cvat('<image name="a.png"/>'), /image a.png has no width and height/],
  ])('refuses %s', async (_, text, message) => {
    await expect(open({ 'a.png': image(), 'annotations.xml': text })).rejects.toThrow(message);
  });
});

describe('Label Studio', () => {
  const region = (type: string, value: object, label?: string): object => ({
    ...{ id: Math.random().toString(36), type, from_name: 'label', to_name: 'image' },
    ...{ original_width: 4, original_height: 4, image_rotation: 0 },
    value: { ...value, ...(label === undefined ? {} : { [type]: [label] }) },
  });
  const task = (name: string, result: object[], rest: object = {}): object => ({
    ...{ id: 1, data: { image: name, text: 'seen.png' } },
    annotations: [
      { was_cancelled: true, result: [] },
      { was_cancelled: false, ground_truth: false, result },
    ],
    ...rest,
  });

  it('draws polygons, brushes, rectangles and ellipses; later regions lie on top', async () => {
    const rgba = new Uint8Array(64);
    for (const pixel of [12, 13]) rgba[4 * pixel + 3] = 255;
    const dataset = await open({
      'a.png': image(),
      'b c.png': image(),
      'x.json': json([
        task('/data/upload/7/00ff00ff-a.png', [
          region('polygonlabels', { points: points(square(0, 0, 50)), closed: true }, 'cell'),
          region('rectanglelabels', { x: 25, y: 25, width: 75, height: 25, rotation: 0 }, 'rim'),
          region('brushlabels', { format: 'rle', rle: [...encode(rgba, rgba.length)] }, 'cell'),
          region('choices', { choices: ['good'] }),
        ]),
        task('s3://bucket/b%20c.png?x=1', [
          region('rectanglelabels', { x: 50, y: 0, width: 50, height: 25, rotation: 90 }, 'rim'),
          region('ellipselabels', { x: 75, y: 50, radiusX: 25, radiusY: 50, rotation: 0 }, 'cell'),
        ]),
        task('c.png', [], { annotations: [] }),
      ]),
    });
    expect([dataset.layout, ...namesOf(dataset)]).toEqual(['label-studio', 'background', 'cell', 'rim']);
    expect(await rows(dataset, 0)).toEqual(['1100', '1222', '0000', '1100']);
    expect(await rows(dataset, 1)).toEqual(['0211', '0211', '0011', '0011']);
    expect(dataset.notes).toEqual([
      expect.stringMatching(/not drawn: 1 regions without a label/),
      expect.stringMatching(/not drawn: 1 tasks without an annotation/),
    ]);
  });

  it('prefers the ground truth of several annotations', async () => {
    const part = (left: number, ground_truth: boolean) => ({
      ground_truth,
      result: [region('polygonlabels', { points: points(square(left, 0, 25)) }, 'cell')],
    });
    const dataset = await open({
      'a.png': image(),
      'b.png': image(),
      'x.json': json(
        ['a', 'b'].map((name) => task(`${name}.png`, [], { annotations: [part(0, false), part(75, true)] })),
      ),
    });
    expect((await rows(dataset))[0]).toBe('0001');
  });

  it('refuses a region that was drawn on a turned image', async () => {
    const turned = { ...region('polygonlabels', { points: points(square(0, 0, 50)) }, 'cell'), image_rotation: 90 };
    await expect(open({ 'a.png': image(), 'x.json': json([task('a.png', [turned])]) })).rejects.toThrow(
      /a.png was turned by 90 degrees/,
    );
  });
});

describe('labelme', () => {
  const labelme = (shapes: object[], imagePath = 'a.png'): string =>
    json({ version: '5.4.1', flags: {}, shapes, imagePath, imageData: null, imageHeight: 4, imageWidth: 4 });
  const shape = (label: string, shape_type: string, ring: number[], rest: object = {}): object => ({
    ...{ label, shape_type, points: points(ring), group_id: null, flags: {} },
    ...rest,
  });

  it('draws polygons, rectangles, circles and masks; later shapes lie on top, __ignore__ does not count', async () => {
    const mask = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 1) });
    const dataset = await open({
      'a.png': image(),
      'b.png': image(),
      'a.json': labelme([
        shape('cat', 'polygon', square(0, 0, 2)),
        shape('_background_', 'rectangle', [2, 1, 1, 0]),
        shape('__ignore__', 'rectangle', [0, 3, 4, 4]),
        shape('cat', 'mask', [2, 1, 4, 2], { mask: Buffer.from(mask).toString('base64') }),
        shape('cat', 'line', [0, 0, 4, 4]),
      ]),
      'b.json': labelme([shape('dog', 'circle', [2, 2, 3, 2])], '..\\old\\renamed.png'),
    });
    expect([dataset.layout, ...namesOf(dataset)]).toEqual(['labelme', '_background_', 'cat', 'dog']);
    expect(await rows(dataset, 0)).toEqual(['1000', '1101', '0000', '----']);
    expect(await rows(dataset, 1)).toEqual(['0000', '0220', '0220', '0000']);
    expect(dataset.notes).toEqual([expect.stringMatching(/not drawn: 1 line shapes without an area/)]);
  });

  it('has the split of its folders, and says which images have no annotation', async () => {
    const { splits, notes } = await open({
      ...Object.fromEntries(['train/a', 'train/c', 'val/a'].map((name) => [`${name}.png`, image()])),
      'train/a.json': labelme([shape('cat', 'polygon', square(0, 0, 2))]),
      'val/a.json': labelme([]),
    });
    expect([splits.train, splits.val].map((part) => part.map(({ id }) => id))).toEqual([['train/a'], ['val/a']]);
    expect(notes).toEqual([
      expect.stringMatching(/1 image has no annotation/),
      expect.stringMatching(/1 of 2 images have no shape/),
    ]);
  });
});

describe('YOLO', () => {
  const line = (number: number, ring: number[]): string => [number, ...ring.map((value) => value / 4)].join(' ');
  const files: Files = {
    ...Object.fromEntries(['train/a', 'train/b', 'val/c'].map((name) => [`images/${name}.png`, image()])),
    'labels/train/a.txt': `${line(0, square(1, 1, 1))}\n${line(1, square(0, 0, 3))}\n`,
    'labels/val/c.txt': `${line(1, square(0, 0, 1))}\n1 0.5 0.5 0.1 0.1\n`,
  };

  it('draws polygons, the smaller on top; an image without a file is background', async () => {
    for (const yaml of [
      'names: [car, dog]\nnc: 2\ntrain: images/train\nval: images/val\n',
      'names:\n  0: car\n  1: dog\ntrain: train.txt\nval: val.txt\n',
    ]) {
      const dataset = await open({ ...files, 'data.yaml': yaml });
      expect([dataset.layout, ...namesOf(dataset)]).toEqual(['yolo', 'background', 'car', 'dog']);
      expect(samples(dataset).map(({ id }) => id)).toEqual(['train/a', 'train/b', 'val/c']);
      expect(await rows(dataset, 0)).toEqual(['2220', '2120', '2220', '0000']);
      expect(new Set(await rows(dataset, 1))).toEqual(new Set(['0000']));
      expect(dataset.notes).toEqual([
        expect.stringMatching(/1 of 3 images have no shape/),
        expect.stringMatching(/not drawn: 1 boxes/),
      ]);
    }
  });

  it('has the names of classes.txt, or numbers', async () => {
    expect(namesOf(await open({ ...files, 'classes.txt': 'car\ndog\n' }))).toEqual(['background', 'car', 'dog']);
    expect(namesOf(await open(files))).toEqual(['background', 'class 0', 'class 1']);
    await expect(open({ ...files, 'classes.txt': 'car\n' })).rejects.toThrow(/class 1 has no name, of 1/);
  });

  it.each<[string, string, RegExp]>([
    ['boxes', '0 0.5 0.5 0.1 0.1\n', /expected polygons, got 1 boxes; .* export polygons/],
    ['pixels', '0 10 10 20 10 20 20\n', /a.txt:1: expected a class and the points of a polygon from 0 to 1/],
    ['half a point', '0 0.1 0.1 0.2 0.1 0.2 0.2 0.3\n', /a.txt:1: expected/],
    ['texts', 'car 0.1 0.1 0.2 0.1 0.2 0.2\n', /a.txt:1: expected/],
  ])('refuses %s', async (_, text, message) => {
    await expect(open({ 'images/a.png': image(), 'images/b.png': image(), 'labels/a.txt': text })).rejects.toThrow(
      message,
    );
  });
});

it('takes masks where both masks and polygons are there', async () => {
  const files: Files = Object.fromEntries(
    ['a', 'b'].flatMap((name) => [
      [`images/${name}.png`, IMAGE],
      [`masks/${name}.png`, encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 1) })],
    ]),
  );
  expect(
    (await open({ ...files, 'annotations.json': json({ images: [], annotations: [], categories: [] }) })).layout,
  ).toBe('folder');
});
