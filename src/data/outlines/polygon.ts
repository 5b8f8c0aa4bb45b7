/**
 * @file A polygon as the pixels inside it, exactly as the COCO API draws it: the boundary is walked on a grid five times as fine, and each place where it
 * crosses the middle of a column of pixels begins or ends a run down that column.
 * @see https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c rleFrPoly; held to pycocotools by test/data/outlines/polygon.test.ts
 */

/** The grid of the boundary is so many times as fine as the pixels. */
const SCALE = 5;

/** Steps along the boundary of a polygon on the fine grid: what drawing it costs. */
export function boundarySteps(ring: readonly number[]): number {
  let steps = 0;
  for (let j = 0, points = ring.length / 2; j < points; j++) {
    const next = (j + 1) % points;
    const dx = Math.abs(fine(ring[2 * j]) - fine(ring[2 * next]));
    const dy = Math.abs(fine(ring[2 * j + 1]) - fine(ring[2 * next + 1]));
    steps += Math.max(dx, dy) + 1;
  }
  return steps;
}

/**
 * Lengths of runs outside and inside in turn, down the columns of an image, which they fill.
 * @param ring `[x0, y0, x1, y1, ...]`, in pixels; it closes by itself, and may leave the image.
 */
export function polygonRuns(ring: readonly number[], width: number, height: number): number[] {
  const places = columnCrossings(ring, width, height).sort((a, b) => a - b);
  places.push(width * height);
  // Two crossings at one place are none.
  const runs: number[] = [];
  let last = 0;
  for (let k = 0; k < places.length; k++) {
    const length = places[k] - last;
    last = places[k];
    if (length > 0 || k === 0) runs.push(length);
    else if (++k < places.length) {
      runs[runs.length - 1] += places[k] - last;
      last = places[k];
    }
  }
  return runs;
}

/** Where the boundary crosses the middles of columns, as places counted down the columns; in no order. */
function columnCrossings(ring: readonly number[], width: number, height: number): number[] {
  const places: number[] = [];
  let [beforeX, beforeY, isFirst] = [0, 0, true];
  const visit = (x: number, y: number): void => {
    if (!isFirst && x !== beforeX) {
      const column = ((x < beforeX ? x : x - 1) + 0.5) / SCALE - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = (Math.min(y, beforeY) + 0.5) / SCALE - 0.5;
        places.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
      }
    }
    [beforeX, beforeY, isFirst] = [x, y, false];
  };
  const points = ring.length / 2;
  for (let j = 0; j < points; j++) {
    const next = (j + 1) % points;
    walk(fine(ring[2 * j]), fine(ring[2 * j + 1]), fine(ring[2 * next]), fine(ring[2 * next + 1]), visit);
  }
  return places;
}

/** Visits the points of a line in its direction; of a line and of its reverse they are the same. */
function walk(fromX: number, fromY: number, toX: number, toY: number, visit: (x: number, y: number) => void): void {
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(toY - fromY);
  const isFlat = dx >= dy;
  const flip = isFlat ? fromX > toX : fromY > toY;
  const [startX, startY, endX, endY] = flip ? [toX, toY, fromX, fromY] : [fromX, fromY, toX, toY];
  const length = Math.max(dx, dy);
  const rise = length === 0 ? 0 : (isFlat ? endY - startY : endX - startX) / length;
  for (let d = 0; d <= length; d++) {
    const t = flip ? length - d : d;
    if (isFlat) visit(startX + t, Math.trunc(startY + rise * t + 0.5));
    else visit(Math.trunc(startX + rise * t + 0.5), startY + t);
  }
}

/** Of C: half up, then towards zero. */
const fine = (value: number): number => Math.trunc(SCALE * value + 0.5);
