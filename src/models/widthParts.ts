/**
 * @file The widths of a network that a budget scales: channels of its levels, of the stem and of the head, in the proportions of the published
 * networks. `width.ts` chooses the multiplier.
 */
import { PUBLISHED_DINTS_FILTERS } from '../space/dints/published.ts';
import { PUBLISHED_FILTERS } from '../space/published.ts';
import { type Architecture, type BuildOptions, isGenotype } from './architecture.ts';
import { PUBLISHED_STEM } from './autoDeepLab.ts';
import { NETWORKS, type NetworkRow } from './baselines/networks.ts';
import { PUBLISHED_HEAD } from './head.ts';

/** Every width is a multiple of this: kernels work on channels in groups, and the stems of DiNTS halve them. */
export const WIDTH_STEP = 4;

/** The least channels of a part. */
export const LEAST_WIDTH = { level: 4, stem: 8, aspp: 8, decoder: 8, lowLevel: 4 } as const;

/** The most times that the proportions are multiplied. */
const MOST_MULTIPLIER = 64;

/** One width of a network. */
export interface WidthPart {
  readonly kind: keyof typeof LEAST_WIDTH;
  /** Channels at a multiplier of 1. */
  readonly base: number;
  /** The least and the most channels that it may have, multiples of {@link WIDTH_STEP}. */
  readonly least: number;
  readonly most: number;
}

/**
 * The widths of an architecture. Proportions: of Auto-DeepLab F = 20 beside stem, ASPP and decoder of the published networks, whatever F a search had;
 * of the others the channels of their levels. `options` may state other ones.
 */
export function widthParts(architecture: Architecture, options: BuildOptions): WidthPart[] {
  const { levels, hasStem, head, widest } = basesOf(architecture, options);
  const widths = { ...PUBLISHED_HEAD, ...options.head };
  return [
    ...(options.widths ?? levels).map((base) => part('level', base, widest)),
    ...(hasStem ? (options.stem ?? PUBLISHED_STEM) : []).map((base) => part('stem', base)),
    ...head.map((kind) => part(kind, widths[kind])),
  ];
}

/** The options with the channels `values` of the parts, in their order. */
export function withWidths(
  options: BuildOptions,
  parts: readonly WidthPart[],
  values: readonly number[],
): BuildOptions {
  const { filters, ...rest } = options;
  const valuesOf = (kind: WidthPart['kind']) => values.filter((_, i) => parts[i].kind === kind);
  const head = Object.fromEntries(
    (['aspp', 'decoder', 'lowLevel'] as const).flatMap((kind) => valuesOf(kind).map((value) => [kind, value])),
  );
  const [first, second, third] = valuesOf('stem');
  return {
    ...rest,
    widths: valuesOf('level'),
    ...(first === undefined ? {} : { stem: [first, second, third] }),
    ...(Object.keys(head).length > 0 ? { head: { ...options.head, ...head } } : {}),
  };
}

interface Bases {
  readonly levels: readonly number[];
  readonly hasStem: boolean;
  readonly head: NetworkRow['head'];
  readonly widest?: number;
}

function basesOf(architecture: Architecture, { filters, rank = 2 }: BuildOptions): Bases {
  if (!isGenotype(architecture)) {
    const row: NetworkRow = NETWORKS[architecture.network];
    const levels = row.widths(filters, architecture.options);
    return { levels, hasStem: false, head: row.head, widest: row.widest?.[rank] };
  }
  const doubled = (first: number, coarsest: number) =>
    Array.from({ length: coarsest + 1 }, (_, level) => first * 2 ** level);
  switch (architecture.method) {
    case 'auto-deeplab':
      return {
        levels: doubled(filters ?? PUBLISHED_FILTERS.s, Math.max(...architecture.path)),
        hasStem: true,
        head: ['aspp', 'decoder', 'lowLevel'],
      };
    case 'dints': {
      const coarsest = Math.max(...architecture.topology.flat().flatMap(({ from, to }) => [from, to]));
      return { levels: doubled(filters ?? PUBLISHED_DINTS_FILTERS, coarsest), hasStem: false, head: [] };
    }
    default:
      return architecture satisfies never;
  }
}

function part(kind: WidthPart['kind'], base: number, widest = Number.POSITIVE_INFINITY): WidthPart {
  const least = LEAST_WIDTH[kind];
  const most = WIDTH_STEP * Math.floor(Math.min(MOST_MULTIPLIER * base, widest) / WIDTH_STEP);
  return { kind, base, least, most: Math.max(least, most) };
}
