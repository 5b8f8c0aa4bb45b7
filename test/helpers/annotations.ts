/** @file Annotations of images of 2 x 1 pixels, by each tool as its format is documented: the second pixel of every image is a `disc`. */

/** Tools whose annotations are layouts. */
export const ANNOTATED = ['coco', 'cvat', 'label-studio', 'labelme', 'yolo'] as const;

/** The files of a tool for images below `images/`, by their names without ending. */
export function annotate(
  tool: (typeof ANNOTATED)[number],
  names: readonly string[],
  ending: string,
): Record<string, string> {
  const files = names.map((name) => `${name}${ending}`);
  const json = (value: unknown): string => JSON.stringify(value);
  switch (tool) {
    case 'coco':
      return {
        'annotations.json': json({
          info: {},
          images: files.map((file_name, id) => ({ id, file_name, width: 2, height: 1 })),
          annotations: files.map((_, id) => ({
            ...{ id, image_id: id, category_id: 7, iscrowd: 0, area: 1, bbox: [1, 0, 1, 1] },
            segmentation: id === 0 ? [[1, 0, 2, 0, 2, 1, 1, 1]] : { size: [1, 2], counts: [1, 1] },
          })),
          categories: [{ id: 7, name: 'disc', supercategory: '' }],
        }),
      };
    case 'cvat':
      return {
        'annotations.xml': `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels><label><name>disc</name><color>#fa3253</color><type>any</type></label></labels></task></meta>
  ${files
    .map(
      (name, id) => `<image id="${id}" name="${name}" width="2" height="1">
    <${id === 0 ? 'polygon points="1.00,0.00;2.00,0.00;2.00,1.00;1.00,1.00"' : 'mask rle="0, 1" left="1" top="0" width="1" height="1"'} label="disc" source="manual" occluded="0" z_order="0"></${id === 0 ? 'polygon' : 'mask'}>
  </image>`,
    )
    .join('\n')}
</annotations>`,
      };
    case 'label-studio':
      return {
        'project-1.json': json(
          files.map((name, id) => ({
            ...{ id, data: { image: name.includes('?') ? name : `/data/upload/1/0a1b2c3d-${name}` } },
            annotations: [
              {
                ...{ id, was_cancelled: false, ground_truth: false },
                result: [
                  {
                    ...{ id: 'r', type: 'polygonlabels', from_name: 'label', to_name: 'image' },
                    ...{ original_width: 2, original_height: 1, image_rotation: 0 },
                    value: {
                      points: [
                        [50, 0],
                        [100, 0],
                        [100, 100],
                        [50, 100],
                      ],
                      closed: true,
                      polygonlabels: ['disc'],
                    },
                  },
                ],
              },
            ],
          })),
        ),
      };
    case 'labelme':
      return Object.fromEntries(
        names.map((name) => [
          `images/${name}.json`,
          json({
            ...{ version: '5.4.1', flags: {} },
            shapes: [
              {
                ...{ label: 'disc', group_id: null, description: '', shape_type: 'polygon', flags: {}, mask: null },
                points: [
                  [1, 0],
                  [2, 0],
                  [2, 1],
                  [1, 1],
                ],
              },
            ],
            ...{ imagePath: `${name}${ending}`, imageData: null, imageHeight: 1, imageWidth: 2 },
          }),
        ]),
      );
    case 'yolo':
      return Object.fromEntries(names.map((name) => [`labels/${name}.txt`, '1 0.5 0 1 0 1 1 0.5 1\n']));
  }
}
