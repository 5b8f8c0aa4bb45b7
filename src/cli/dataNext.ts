/**
 * @file What to type after a check: the command, with the settings that fit these data, and how long it takes by a stated rule.
 */
import type { DataReport } from '../data/check/check.ts';
import type { ImageReport } from '../data/check/parts.ts';
import type { DataSet } from '../data/types.ts';
import { settings } from '../run/config/presets.ts';

/** What the preset `small` of a search took on one core, and of which data: docs/results.md, CamVid. */
const MEASURED = { minutes: 40, images: 367, cropPixels: 97 * 129 };

/** The same of `volumes-small`: the hippocampus. */
const MEASURED_VOLUMES = { minutes: 40, volumes: 173 };

/** The coarsest level of a search has one cell for so many pixels of a side. */
const COARSEST = 32;

/** Lines for people: advice on sizes, then the commands. */
export function describeNext(dataset: DataSet, report: DataReport, path: string, plan: string | undefined): string[] {
  const data = quote(path);
  if (report.problems.some(({ severity }) => severity === 'error'))
    return [`next: correct the errors, then  espalier data check ${data}`];
  const { train } = dataset.splits;
  if (report.rank === 3) {
    const minutes = (MEASURED_VOLUMES.minutes * train.length) / MEASURED_VOLUMES.volumes;
    return [
      ...(plan === undefined ? [`next: espalier data check ${data} plan=plan.yaml`, '  then'] : ['next:']),
      `  espalier search config=${quote(plan ?? 'plan.yaml')} data=${data} method=dints preset=volumes-small`,
      `  ${time(minutes)} on one core: ${MEASURED_VOLUMES.minutes} min were measured with ${MEASURED_VOLUMES.volumes} volumes of the hippocampus, and it grows with their number`,
    ];
  }
  const { advice, words, cropPixels } = fitPreset(report);
  // Few images take more epochs, so that the architecture gets as many steps.
  const { epochs } = settings.search.presets.small;
  const ratio = train.length / MEASURED.images;
  const isFew = ratio < 0.5 && train.length > 0;
  const minutes = MEASURED.minutes * (isFew ? 1 : ratio) * (cropPixels / MEASURED.cropPixels);
  if (isFew) words.push(`epochs=${Math.round(epochs / ratio)}`);
  return [
    ...advice.map((line) => `advice: ${line}`),
    `next: espalier auto data=${data} minutes=60 budget.multiplyAdds=0.5e9`,
    '  an hour: a race of real trainings between hand-made and searched networks',
    `  or  ${['espalier search', `data=${data}`, 'preset=small', ...words].join(' ')}`,
    `  ${time(minutes)} on one core: ${MEASURED.minutes} min were measured with ${MEASURED.images} images and crops of 97x129, and it grows with steps and pixels`,
  ];
}

/** The preset of images with what does not fit these sizes changed. */
function fitPreset({ sizes }: ImageReport): { advice: string[]; words: string[]; cropPixels: number } {
  const { scale, crop } = settings.search.presets.small;
  const [height, width] = crop;
  const usual = { advice: [] as string[], words: [] as string[], cropPixels: height * width };
  const total = sizes.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return usual;
  const middle = (side: 'width' | 'height'): number => {
    const all = sizes.flatMap((size) => Array.from({ length: size.count }, () => size[side])).sort((a, b) => a - b);
    return all[Math.floor((all.length - 1) / 2)];
  };
  const [across, down] = [middle('width'), middle('height')];
  const advice =
    Math.min(across, down) < 2 * COARSEST
      ? [
          `half of the images have at most ${across}x${down} pixels: the coarsest level of a search (stride ${COARSEST}) has ${Math.ceil(across / COARSEST)}x${Math.ceil(down / COARSEST)} cells of them; enlarge them, or take method=dints levels=3`,
        ]
      : [];
  if (Math.floor(across / scale) >= width && Math.floor(down / scale) >= height) return { ...usual, advice };
  const fitted = [down, across].map((side, i) =>
    Math.min(crop[i], COARSEST * Math.max(1, Math.floor((side - 1) / COARSEST)) + 1),
  );
  return {
    advice: [
      ...advice,
      `half of the images have at most ${across}x${down} pixels, the preset small takes crops of ${width}x${height} at half resolution: scale=1 crop=${JSON.stringify(fitted)} fits them`,
    ],
    words: ['scale=1', `crop=${JSON.stringify(fitted)}`],
    cropPixels: fitted[0] * fitted[1],
  };
}

const time = (minutes: number): string =>
  minutes < 90 ? `about ${Math.max(1, Math.round(minutes))} min` : `about ${(minutes / 60).toFixed(1)} h`;

/** A path as a shell takes it. */
const quote = (path: string): string => (/^[\w./:@%+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
