/**
 * @file A relaxed cell as one operator: `native/kernels` computes what `cell.ts` composes, with one pass over the data per stage and nothing kept that is
 * cheap to compute again. For images on the CPU; volumes and other devices take the composition.
 */
import { operator } from '../engine/call.ts';
import type { Tensor } from '../engine/tensor.ts';
import { NORM_EPSILON, type Precision } from '../nn/layers.ts';
import { OPERATORS } from '../space/operators.ts';

/** Candidate operators by name, in the order of their probabilities. */
export type OperatorTable = Readonly<Record<string, { readonly kind: string; readonly kernel: number }>>;

/** What `native/kernels/cell` computes, in its order. */
const FUSED_OPERATORS: OperatorTable = {
  sep3x3: { kind: 'separable', kernel: 3 },
  sep5x5: { kind: 'separable', kernel: 5 },
  atrous3x3: { kind: 'atrous', kernel: 3 },
  atrous5x5: { kind: 'atrous', kernel: 5 },
  avgPool3x3: { kind: 'averagePool', kernel: 3 },
  maxPool3x3: { kind: 'maxPool', kernel: 3 },
  skip: { kind: 'skip', kernel: 1 },
  zero: { kind: 'zero', kernel: 1 },
};

/** How a table of operators differs from that of the kernels, in words; empty where the kernels compute it. */
export function operatorsNotFused(table: OperatorTable = OPERATORS): string[] {
  const [names, known] = [Object.keys(table), Object.keys(FUSED_OPERATORS)];
  const isKnown = (name: string) =>
    table[name].kind === FUSED_OPERATORS[name]?.kind && table[name].kernel === FUSED_OPERATORS[name].kernel;
  const differences = [
    ...names.filter((name) => !isKnown(name)).map((name) => `operator ${name}`),
    ...known.filter((name) => !(name in table)).map((name) => `no operator ${name}`),
  ];
  return differences.length === 0 && names.join() !== known.join() ? ['operators in another order'] : differences;
}

/** Whether the kernels compute the operators of the space. */
const COMPUTES_ALL = operatorsNotFused().length === 0;

/** Whether the kernels take this input of a cell. */
export const isFusible = (x: Tensor): boolean =>
  COMPUTES_ALL && x.shape.length === 4 && x.device === 'cpu' && (x.dtype === 'float32' || x.dtype === 'float64');

/**
 * The outputs of a cell for each last input, weighted and summed. What all of them share is computed once. @paper auto-deeplab eq. 5-6
 * @param moves weight of each last input, `[lasts]`
 * @param probabilities of the operators, `[edges, operators]`
 * @param weights those of the state operators, state by state
 */
export const fusedResolutionState = (
  lasts: readonly Tensor[],
  beforeLast: Tensor,
  moves: Tensor,
  probabilities: Tensor,
  weights: readonly Tensor[],
  options: {
    blocks: number;
    atrous: 'dense' | 'separable';
    memory: 'fast' | 'small';
    products?: Precision;
    epsilon?: number;
  },
): Tensor =>
  operator('espalier::relaxed_cell').one(
    lasts,
    beforeLast,
    moves,
    probabilities,
    weights,
    options.blocks,
    options.atrous === 'dense',
    options.epsilon ?? NORM_EPSILON,
    options.memory === 'fast',
    options.products === 'bfloat16',
  );
