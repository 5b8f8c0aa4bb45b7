/** @file What tests of the fused kernels share: instruction sets. */
import { operator } from '../../src/engine/call.ts';

export const INSTRUCTION_SETS = ['portable', 'avx2', 'avx512'] as const;

/** Makes the kernels run on an instruction set; false where the machine has none. */
export function use(set: (typeof INSTRUCTION_SETS)[number] | 'best'): boolean {
  try {
    return operator('espalier::instruction_set').plain(set) !== null;
  } catch {
    return false;
  }
}
