import { encode } from '@thi.ng/rle-pack';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../src/data/images/png.ts';
import { IMAGE } from '../../helpers/imageSets.ts';
import { type Files, image, json, namesOf, open, points, rows, samples, square } from './annotationSets.ts';

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
