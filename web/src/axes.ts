/** @file Where things stand in a drawing of scores over costs: the part of the costs that is shown, and which names have room. Pure. */

/** A name at a point, and the box that it would take. */
export interface Label {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Costs that are nearly alike are shown from below the lowest of them, others from zero. */
export function shownCosts(lowest: number, highest: number): [low: number, high: number] {
  const spread = highest - lowest;
  return lowest > 0 && spread > 0 && lowest > highest / 2 ? [Math.max(0, lowest - spread / 2), highest] : [0, highest];
}

/** Which labels can be shown, each without covering one before it: the first ones matter most. */
export function withRoom<One extends Label>(labels: readonly One[]): Set<One> {
  const placed: One[] = [];
  const overlap = (a: Label, b: Label) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  for (const label of labels) if (!placed.some((other) => overlap(label, other))) placed.push(label);
  return new Set(placed);
}
