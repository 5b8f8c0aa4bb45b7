/**
 * @file What a file of an annotation tool says, whatever the tool: images by the names that it has for them, and shapes by the names of their labels.
 */

import type { LabelDrawing, Outline } from '../../outlines/shapes.ts';
import type { Colour } from '../../types.ts';

/** An outline and the name of its label. */
export type NamedShape = Outline & { label: string; beneath?: boolean };

/** One image with its shapes, in the order in which they are drawn. */
export interface AnnotatedImage {
  /** The image as the tool names it: a name, a path of another machine, an address. */
  image: string;
  size?: [width: number, height: number];
  /** The part of the data that the tool assigns it to, such as `Train`. */
  subset?: string;
  shapes: NamedShape[];
}

/** What one file says. */
export interface Annotations {
  images: AnnotatedImage[];
  /** The labels that the tool knows, in its order; those that occur in shapes and not here follow. */
  labels: string[];
  /** Colours of labels for people. */
  colours?: Record<string, Colour>;
  top: LabelDrawing['top'];
  shares?: boolean;
  /** What was left aside, and how often. */
  skipped: Record<string, number>;
}

/** Labels that mean the background. */
export const BACKGROUND = /^_*background_*$/i;

/** Counts what is left aside, by what it is. */
export function skip(annotations: Annotations, what: string, count = 1): void {
  annotations.skipped[what] = (annotations.skipped[what] ?? 0) + count;
}

/** A rectangle as a polygon, turned clockwise about a point. */
export function rectangle(
  [left, top, right, bottom]: readonly [number, number, number, number],
  degrees = 0,
  [aboutX, aboutY]: readonly [number, number] = [left, top],
): number[] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const corners = [left, top, right, top, right, bottom, left, bottom];
  if (degrees === 0) return corners;
  const turned: number[] = [];
  for (let i = 0; i < corners.length; i += 2) {
    const [x, y] = [corners[i] - aboutX, corners[i + 1] - aboutY];
    turned.push(aboutX + x * cos - y * sin, aboutY + x * sin + y * cos);
  }
  return turned;
}
