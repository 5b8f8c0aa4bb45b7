/**
 * @file Seeded random numbers for everything outside libtorch: splits, crops, scenes. The same seed and stream give the same numbers on every machine.
 */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Uniform whole number in [0, limit). */
  integer(limit: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
}

/** Creates the stream of `seed` and any further whole numbers (epoch, index, ...): different keys give independent streams. */
export function createRandom(seed: number, ...stream: number[]): Random {
  let key = mix(seed | 0, 0x9e3779b9);
  for (const part of stream) key = mix(key ^ (part | 0), 0x85ebca6b);
  const generator = xoroshiro128plus(key);
  const uniform = () => (generator.next() >>> 0) / 4294967296;
  return {
    uniform,
    integer: (limit) => Math.floor(uniform() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** A new array with the items in random order (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** A bijective 32-bit mixer (the finaliser of MurmurHash3 with a salt). */
function mix(value: number, salt: number): number {
  let h = (value + salt) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
