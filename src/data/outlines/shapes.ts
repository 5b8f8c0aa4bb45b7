/**
 * @file Labels that are not pixels but shapes, as annotation tools keep them: plain data that crosses to a worker thread. `draw.ts` makes pixels of them.
 */

/** An area of an image. Coordinates are x, y of its upper left corner in pixels: the first pixel spans from 0 to 1. */
export type Outline =
  /** The union of polygons, each `[x0, y0, x1, y1, ...]`; inside is where a line from outside crosses it an odd number of times. */
  | { kind: 'polygons'; rings: number[][] }
  /** An ellipse, turned clockwise about its centre. */
  | { kind: 'ellipse'; centre: [x: number, y: number]; radii: [x: number, y: number]; degrees: number }
  /** Lengths of runs, outside and inside in turn, down the columns of the whole image: COCO's, as numbers or as its text. */
  | { kind: 'columns'; counts: readonly number[] | string }
  /** The same along the rows of a box, as CVAT writes masks. */
  | { kind: 'rows'; counts: readonly number[]; box: [left: number, top: number, width: number, height: number] }
  /** Bytes of Label Studio's brush: RGBA of the whole image in the code of `@thi.ng/rle-pack`; inside is an alpha of 128 or more. */
  | { kind: 'brush'; bytes: readonly number[] }
  /** A PNG in base64 at a place of the image, as labelme writes masks; inside is what is not 0. */
  | { kind: 'png'; base64: string; at: [left: number, top: number] }
  /** A mask file of the size of the image; inside is what is not 0. */
  | { kind: 'file'; path: string };

/** An outline and the label value of what is inside. */
export type LabelShape = Outline & {
  value: number;
  /** Drawn before all others, which cover it: a crowd of COCO. */
  beneath?: boolean;
};

/** The labels of an image as shapes. */
export interface LabelDrawing {
  /** The size of the image that the annotation states; default that of the image. */
  size?: [width: number, height: number];
  /** The coordinates of polygons are shares of the sides, 0 to 1. */
  shares?: boolean;
  /** The label value where there is no shape. */
  background: number;
  /** What lies on top where shapes overlap: the later one, or that of fewer pixels (of equal ones the later). */
  top: 'later' | 'smaller';
  shapes: LabelShape[];
}
