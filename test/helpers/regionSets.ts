/** @file Data with nested regions, as tests write them: tumours as balls in volumes of nnU-Net, cells as discs in a folder of images. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import { encodePng } from '../../src/data/images/png.ts';
import { createNiftiHeader, encodeNifti } from '../../src/data/nifti/encode.ts';
import { writeFiles } from './imageSets.ts';

/** Label values from the outside in, as BraTS has them; 0 is the background. */
export const VALUES = [1, 2, 4] as const;

/** The regions of BraTS in the words of nnU-Net. */
export const TUMOUR = {
  labels: { background: 0, 'whole tumour': [1, 2, 4], 'tumour core': [2, 4], 'enhancing tumour': 4 },
  regions_class_order: [1, 2, 4],
};

/** How many shells hold a point at `distance` from the middle of a shape of radius `radius`: 0 outside, 3 in the middle. */
const depthOf = (distance: number, radius: number): number => Math.max(0, Math.ceil(3 * (1 - distance / radius)));

const labelAt = (depth: number): number => (depth === 0 ? 0 : VALUES[depth - 1]);

/** `dataset.json` of nnU-Net with two modalities, and so many cases of `side`^3 voxels; further keys of the description over these. */
export function writeTumours(root: string, count: number, side = 16, description: object = TUMOUR): void {
  for (const name of ['imagesTr', 'labelsTr']) mkdirSync(join(root, name), { recursive: true });
  const channels = { channel_names: { 0: 'FLAIR', 1: 'T1' }, file_ending: '.nii.gz', numTraining: count };
  writeFileSync(join(root, 'dataset.json'), JSON.stringify({ ...channels, ...description }));
  const affine = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1.5, 0],
    [0, 0, 0, 1],
  ] as const;
  const shape = [side, side, side] as const;
  for (let i = 0; i < count; i++) {
    const random = createRandom(i, 0x7007);
    const middle = shape.map(() => side * (0.4 + 0.2 * random.uniform()));
    const radius = side * (0.3 + 0.1 * random.uniform());
    const depths = Uint8Array.from({ length: side ** 3 }, (_, voxel) => {
      const at = [Math.floor(voxel / side ** 2), Math.floor(voxel / side) % side, voxel % side];
      return depthOf(Math.hypot(...at.map((place, axis) => place - middle[axis])), radius);
    });
    const seen = (step: number) => Float32Array.from(depths, (depth) => step * depth + 0.2 * random.uniform());
    const write = (path: string, type: 'float32' | 'uint8', data: Float32Array | Uint8Array) =>
      writeFileSync(join(root, path), encodeNifti(createNiftiHeader({ shape: [...shape], affine, type }), data));
    write(`imagesTr/case${i}_0000.nii.gz`, 'float32', seen(1));
    write(`imagesTr/case${i}_0001.nii.gz`, 'float32', seen(-0.5));
    write(`labelsTr/case${i}.nii.gz`, 'uint8', depths.map(labelAt));
  }
}

/** Text of a `data.yaml` with nested regions. */
export const CELLS = `classes: {0: background, 1: membrane, 2: plasma, 4: nucleus}
ignore: 9
regions:
  cell: [membrane, plasma, nucleus]
  inside: [2, 4]
  nucleus: nucleus
`;

/** Images of a disc each, with a line of pixels that do not count, split by folders. */
export function writeCells(root: string, counts: { train: number; val: number }, side = 32, yaml = CELLS): void {
  const files: Record<string, string | Uint8Array> = { 'data.yaml': yaml };
  for (const [split, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) {
      const random = createRandom(i, split === 'train' ? 1 : 2);
      const middle = [0, 1].map(() => side * (0.35 + 0.3 * random.uniform()));
      const radius = side * (0.3 + 0.1 * random.uniform());
      const image = new Uint8Array(3 * side ** 2);
      const labels = new Uint8Array(side ** 2);
      for (let pixel = 0; pixel < side ** 2; pixel++) {
        const [y, x] = [Math.floor(pixel / side), pixel % side];
        const depth = depthOf(Math.hypot(y - middle[0], x - middle[1]), radius);
        labels[pixel] = y === 0 ? 9 : labelAt(depth);
        for (let c = 0; c < 3; c++) image[3 * pixel + c] = 60 * depth + Math.floor(30 * random.uniform());
      }
      const size = { width: side, height: side };
      files[`images/${split}/${split}${i}.png`] = encodePng({ ...size, channels: 3, data: image });
      files[`masks/${split}/${split}${i}.png`] = encodePng({ ...size, channels: 1, data: labels });
    }
  }
  writeFiles(root, files);
}
