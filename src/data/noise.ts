/**
 * @file Value noise in the plane: a random number on every whole-number point, smooth in between. For the textures of the scenes.
 */
import type { Random } from '../base/random.ts';

/** Creates a noise function with values in [0, 1); it repeats every 64 units. */
export function createNoise(random: Random): (x: number, y: number) => number {
  const table = new Float32Array(64 * 64);
  for (let i = 0; i < table.length; i++) table[i] = random.uniform();
  return (x, y) => {
    const x0 = Math.floor(x);
    const y0 = Math.floor(y);
    const fx = x - x0;
    const fy = y - y0;
    const u = fx * fx * (3 - 2 * fx);
    const v = fy * fy * (3 - 2 * fy);
    const left = x0 & 63;
    const right = (x0 + 1) & 63;
    const upper = (y0 & 63) << 6;
    const lower = ((y0 + 1) & 63) << 6;
    const a = table[upper | left];
    const b = table[upper | right];
    const c = table[lower | left];
    const d = table[lower | right];
    const top = a + (b - a) * u;
    return top + (c + (d - c) * u - top) * v;
  };
}
