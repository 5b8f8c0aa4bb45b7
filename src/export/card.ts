/**
 * @file The model card of a network: a README that a model hub reads (its front matter) and that people read (the rest).
 * The fields of the front matter are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
 */
import { stringify } from 'yaml';
import type { NetworkCost } from '../models/graph.ts';

/** What a card says. */
export interface CardFacts {
  readonly name: string;
  /** As the hub writes it: `apache-2.0`, `cc-by-4.0`, ... or `unknown`. */
  readonly license: string;
  /** The search method that found it, or the name of an ordinary network. */
  readonly method: string;
  /** Whether it is a genotype, which has a file and a drawing. */
  readonly isFound: boolean;
  /** The architecture in a few words. */
  readonly summary: string;
  /** Spatial axes. */
  readonly rank: 2 | 3;
  /** The channels of its images in words, where they are not 8-bit RGB. */
  readonly channels?: string;
  readonly classes: readonly string[];
  /** Where the outputs are regions: their names, the classes inside, and the class that is written. */
  readonly regions?: readonly {
    readonly name: string;
    readonly classes: readonly string[];
    readonly written: string;
  }[];
  /** Name of the data it was trained on. */
  readonly dataset: string;
  /** Scores of the best weights at the end of the training, on its validation split; undefined where it was never scored. */
  readonly scores: ScoreTable | undefined;
  /** What was measured after the training. */
  readonly evaluations: readonly CardEvaluation[];
  /** For one input of `size`. */
  readonly cost: Pick<NetworkCost, 'parameters' | 'multiplyAdds'>;
  readonly size: readonly number[];
  /** Inputs are read at 1 / reduction of their size. */
  readonly reduction: number;
  /** The command that trained it. */
  readonly command: string | undefined;
  readonly version: string;
}

/** Scores by class: shares in [0, 1] and distances; undefined where there is nothing to measure. */
export interface ScoreTable {
  readonly columns: readonly ScoreColumn[];
  /** The mean last. */
  readonly rows: readonly { readonly name: string; readonly values: readonly (number | undefined)[] }[];
}

/** Columns of per_class.csv that a card shows. */
export type ScoreColumn = keyof typeof SCORE_COLUMNS;

/** How a column is headed, whether it is a share, and what the hub calls its mean. */
export const SCORE_COLUMNS = {
  iou: { head: 'IoU %', isShare: true, metric: 'mean_iou' },
  accuracy: { head: 'accuracy %', isShare: true, metric: 'mean_accuracy' },
  dice: { head: 'Dice %', isShare: true, metric: 'dice' },
  surface_dice: { head: 'surface Dice %', isShare: true, metric: 'surface_dice' },
  hausdorff95_mm: { head: 'HD95 mm', isShare: false, metric: 'hausdorff95_mm' },
} as const;

/** An evaluation in one row. */
export interface CardEvaluation {
  readonly dataset: string;
  readonly split: string;
  readonly samples: number;
  /** Whether the data are those of the training. */
  readonly trainedOn: boolean;
  /** Weights, test-time augmentation and window, in words. */
  readonly how: string;
  readonly miou: number | null;
  /** Of volumes. */
  readonly dice?: number | null | undefined;
}

/** Files of the folder that the card speaks of. */
export const CARD_FILES = {
  card: 'README.md',
  weights: 'model.safetensors',
  onnx: 'model.onnx',
  network: 'network.json',
  genotype: 'genotype.json',
  drawing: 'genotype.svg',
} as const;

/** The text of the README. */
export function writeCard(facts: CardFacts): string {
  const {
    name,
    classes,
    regions,
    dataset,
    scores,
    evaluations,
    method,
    isFound,
    summary,
    cost,
    size,
    reduction,
    command,
    rank,
    channels,
    version,
  } = facts;
  const [what, unit] = rank === 2 ? ['images', 'pixel'] : ['volumes', 'voxel'];
  const parts = [
    `---\n${stringify(frontMatter(facts), { lineWidth: 0 })}---`,
    `# ${name}`,
    `Semantic segmentation of ${what} into ${classes.length} classes: ${classes.map(inline).join(', ')}.${regions ? ` It finds ${regions.length} regions, sets of classes that may overlap.` : ''} The network (${method}) was trained on ${inline(dataset)} with espalier ${version}.`,
    ...(regions ? [regionTable(regions, unit)] : []),
    '## Architecture',
    ...(isFound ? [`![The architecture](${CARD_FILES.drawing})`] : []),
    `${summary}. ${cost.parameters.toLocaleString('en')} parameters, ${(cost.multiplyAdds / 1e9).toFixed(2)} G multiply-adds at ${size.join(' x ')}${reduction === 1 ? '' : `; inputs are read at 1 / ${reduction} of their size`}.`,
    '## Scores',
    scores ? scoreTable(scores, facts) : 'It was not scored at the end of its training.',
    ...(evaluations.length > 0 ? [evaluationTable(evaluations)] : []),
    '## Use',
    ...(channels
      ? [
          `Images have ${channels}; \`${CARD_FILES.network}\` and the metadata of \`${CARD_FILES.onnx}\` say how each is normalised.`,
        ]
      : []),
    usage(rank, channels !== undefined),
    `\`${CARD_FILES.weights}\` holds the weights by the names of the nodes that \`${CARD_FILES.network}\` describes${isFound ? `; \`${CARD_FILES.genotype}\` is the architecture alone` : ''}. ${regions ? 'A region is where the sigmoid of its output is above 0.5.' : `Every ${unit} gets the class of the largest score.`}`,
    ...(command ? ['## Training', `\`\`\`\n${command}\n\`\`\``] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function regionTable(regions: NonNullable<CardFacts['regions']>, unit: string): string {
  return [
    `Each output is one region. A ${unit} gets the class of the last region in this table that holds it, else that of the background:`,
    '',
    '| region | classes inside | class written |',
    '|---|---|---|',
    ...regions.map(
      ({ name, classes, written }) => `| ${inline(name)} | ${classes.map(inline).join(', ')} | ${inline(written)} |`,
    ),
  ].join('\n');
}

function frontMatter({ name, license, method, isFound, dataset, scores, rank }: CardFacts): Record<string, unknown> {
  const mean = scores?.rows.at(-1);
  const metrics = (scores?.columns ?? [])
    .map((column, i) => ({ type: SCORE_COLUMNS[column].metric, value: mean?.values[i] }))
    .filter(({ value }) => value !== undefined);
  const task = { type: 'image-segmentation' };
  return {
    license,
    library_name: 'espalier',
    pipeline_tag: task.type,
    tags: [
      'semantic-segmentation',
      ...(isFound ? ['neural-architecture-search'] : []),
      method,
      'onnx',
      ...(rank === 3 ? ['medical'] : []),
    ],
    metrics: metrics.length > 0 ? [metrics[0].type] : ['mean_iou'],
    ...(metrics.length > 0
      ? {
          'model-index': [
            {
              name,
              results: [{ task, dataset: { name: dataset, type: 'image-segmentation', split: 'validation' }, metrics }],
            },
          ],
        }
      : {}),
  };
}

function scoreTable({ columns, rows }: ScoreTable, { dataset, regions }: CardFacts): string {
  const shown = (value: number | undefined, column: ScoreColumn) =>
    value === undefined ? '–' : (SCORE_COLUMNS[column].isShare ? 100 * value : value).toFixed(2);
  return [
    `Of the best weights at the end of the training, on the validation split of ${inline(dataset)}:`,
    '',
    `| ${regions ? 'region' : 'class'} | ${columns.map((column) => SCORE_COLUMNS[column].head).join(' | ')} |`,
    `|---|${columns.map(() => '--:').join('|')}|`,
    ...rows.map(
      ({ name, values }) =>
        `| ${[inline(name), ...columns.map((column, i) => shown(values[i], column))].join(' | ')} |`,
    ),
  ].join('\n');
}

function evaluationTable(evaluations: readonly CardEvaluation[]): string {
  const percent = (share: number | null | undefined) =>
    share === null || share === undefined ? '–' : (100 * share).toFixed(2);
  const hasDice = evaluations.some(({ dice }) => dice !== undefined);
  const row = ({ dataset, split, samples, trainedOn, how, miou, dice }: CardEvaluation) =>
    `| ${[`${inline(dataset)}${trainedOn ? '' : ' (not of the training)'}`, `${inline(split)}, ${samples}`, inline(how), ...(hasDice ? [percent(dice)] : []), percent(miou)].join(' | ')} |`;
  return [
    'Measured after the training by `espalier evaluate`:',
    '',
    `| data | split, samples | how |${hasDice ? ' mean Dice % |' : ''} mIoU % |`,
    `|---|---|---|${hasDice ? '--:|' : ''}--:|`,
    ...evaluations.map(row),
  ].join('\n');
}

function usage(rank: 2 | 3, hasChannels: boolean): string {
  if (rank === 3) return 'With the espalier package: `espalier predict run=<this folder> volume.nii.gz`.';
  return [
    'On the command line, without libtorch:',
    '',
    '```',
    `npx espalier predict ${CARD_FILES.onnx} ${hasChannels ? 'image.tif' : 'picture.png'}`,
    '```',
    '',
    'In a browser:',
    '',
    '```js',
    "import { loadSegmenter } from 'espalier/browser';",
    '',
    `const segmenter = await loadSegmenter('${CARD_FILES.onnx}');`,
    ...(hasChannels ? ['const picture = { width, height, data }; // samples of all channels, pixel by pixel'] : []),
    'const { ids, overlay } = await segmenter.segment(picture); // the class of every pixel',
    '```',
    '',
    'With libtorch, also to evaluate it or to train the architecture again:',
    '',
    '```',
    `espalier predict run=<this folder> ${hasChannels ? 'image.tif' : 'picture.png'}`,
    'espalier evaluate run=<this folder> data=<folder>',
    'espalier train arch=<this folder> data=<folder>',
    '```',
  ].join('\n');
}

/** A text inside a line or a table of Markdown. */
const inline = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\|*_`[\]<>#]/g, '\\$&');
