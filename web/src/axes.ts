/** @file Where things stand in a drawing of scores over costs: the part of the costs that is shown, and which names have room. Pure. */

/** What takes room, by its upper left corner. */
export interface Box {
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

/**
 * Boxes of which none covers another one or an obstacle: of each list the first one that has room, or none. The first lists matter most.
 * @param obstacles what is there anyway
 */
export function withRoom<One extends Box>(choices: readonly (readonly One[])[], obstacles: readonly Box[]): One[] {
  const placed: One[] = [];
  const overlap = (a: Box, b: Box) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  for (const places of choices) {
    const found = places.find(
      (box) => !placed.some((other) => overlap(box, other)) && !obstacles.some((other) => overlap(box, other)),
    );
    if (found) placed.push(found);
  }
  return placed;
}
