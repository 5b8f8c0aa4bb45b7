/**
 * @file What a check advises beside problems: nothing is wrong, and a training will be better for it.
 */
import { type DataSet, IGNORE } from '../types.ts';
import type { Likeness } from './likeness.ts';
import type { ReportBase } from './parts.ts';

/** Classes below this share of the counted pixels are rare. */
const RARE = 0.01;

/** So many rare classes are named. */
const MOST_NAMED = 8;

/** Advice, a sentence each. */
export function adviceOn(
  dataset: DataSet,
  { classShares, ignoredShare }: Pick<ReportBase, 'classShares' | 'ignoredShare'>,
  likeness: Likeness,
): string[] {
  return [...rareClasses(dataset, classShares, ignoredShare), ...sequences(dataset, likeness)];
}

/** What helps where networks find regions. */
const WAY_OF_REGIONS = {
  2: 'Dice counts each region alike; classWeights=sqrt also weights the cross-entropy of rare regions up',
  3: 'Dice counts each region alike; foregroundShare=0.66 draws two of three patches around them and other foreground',
} as const;

function rareClasses({ classes, regions, rank }: DataSet, shares: readonly number[], ignored: number): string[] {
  const counted = shares.map((share) => share / Math.max(1e-12, 1 - ignored));
  const rare = classes
    .map(({ name }, id) => ({ name, share: counted[id] }))
    .filter(({ share }, id) => share > 0 && share < RARE && id !== IGNORE)
    .sort((a, b) => a.share - b.share);
  if (rare.length === 0) return [];
  const named = rare.slice(0, MOST_NAMED).map(({ name, share }) => `${name} (${(100 * share).toPrecision(2)} %)`);
  const more = rare.length > MOST_NAMED ? `, ${rare.length - MOST_NAMED} more` : '';
  if (regions) return [`rare: ${named.join(', ')}${more}; ${WAY_OF_REGIONS[rank]}`];
  const way =
    rank === 2
      ? 'classWeights=sqrt (preset small has it) or median weights them up, ohem=0.25 counts the hardest quarter of the pixels'
      : 'foregroundShare=0.66 draws two of three patches around them and other foreground, loss=dice-cross-entropy counts each class alike';
  return [`rare: ${named.join(', ')}${more}; ${way}`];
}

function sequences({ groups, splitRule }: DataSet, likeness: Likeness): string[] {
  const found = groups === undefined ? likeness.neighbours() : undefined;
  if (found === undefined) return [];
  const { count, of, example } = found;
  const fix =
    splitRule === 'hash'
      ? "`groups: '^(.*?)[_-]?\\d+$'` in data.yaml keeps each sequence on one side"
      : 'put whole sequences into one split';
  return [
    `sequences: ${count} of ${of} val images look like a neighbour by name that is trained on, such as ${example.join(' and ')}: scores may be too good; ${fix}`,
  ];
}
