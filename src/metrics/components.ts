/**
 * @file The largest connected component of a class: what is kept when islands of a prediction are thought to be errors.
 */

/** Which voxels touch: those that share a face (4 in images), or also an edge or a corner (8 in images). */
export type Connectivity = 6 | 26;

/**
 * Labels in which every component of `wanted` but its largest is 0 (background); of equally large ones the first in the array stays.
 * @param labels class ids, row by row, the last axis fastest; unchanged.
 * @param shape lengths of the axes, slowest first, 2 or 3.
 */
export function keepLargestComponent(
  labels: Uint8Array,
  shape: readonly number[],
  wanted: number,
  connectivity: Connectivity = 26,
): Uint8Array {
  const [depth, height, width] = [...Array<number>(3 - shape.length).fill(1), ...shape];
  const steps = neighbourSteps(connectivity);
  /** 0 where nobody was yet, else the number of the component. */
  const component = new Int32Array(labels.length);
  const queue = new Int32Array(labels.length);
  let largest = { id: 0, size: 0 };
  let count = 0;
  for (let seed = 0; seed < labels.length; seed++) {
    if (labels[seed] !== wanted || component[seed] !== 0) continue;
    component[seed] = ++count;
    queue[0] = seed;
    let size = 1;
    for (let next = 0; next < size; next++) {
      const voxel = queue[next];
      const x = voxel % width;
      const y = Math.floor(voxel / width) % height;
      const z = Math.floor(voxel / (width * height));
      for (const [dz, dy, dx] of steps) {
        const [nz, ny, nx] = [z + dz, y + dy, x + dx];
        if (nz < 0 || ny < 0 || nx < 0 || nz >= depth || ny >= height || nx >= width) continue;
        const neighbour = (nz * height + ny) * width + nx;
        if (labels[neighbour] !== wanted || component[neighbour] !== 0) continue;
        component[neighbour] = count;
        queue[size++] = neighbour;
      }
    }
    if (size > largest.size) largest = { id: count, size };
  }
  return labels.map((label, voxel) => (label === wanted && component[voxel] !== largest.id ? 0 : label));
}

function neighbourSteps(connectivity: Connectivity): (readonly [number, number, number])[] {
  const one = [-1, 0, 1];
  const all = one.flatMap((dz) => one.flatMap((dy) => one.map((dx) => [dz, dy, dx] as const)));
  const faces = connectivity === 6 ? 1 : 3;
  return all.filter((step) => {
    const moved = step.filter((part) => part !== 0).length;
    return moved > 0 && moved <= faces;
  });
}
