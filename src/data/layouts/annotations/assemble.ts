/**
 * @file A data set of annotated images: classes by the names of labels, shapes by the values of classes, and the split. Label values exist only while an
 * image is drawn: they are the places of the classes.
 */
import { basename } from 'node:path';
import { DataError } from '../../../base/errors.ts';
import { splitImages } from '../../folds.ts';
import type { LabelDrawing } from '../../outlines/shapes.ts';
import { IGNORE, type ImageSet, type Sample } from '../../types.ts';
import { classFields } from '../classes.ts';
import type { Description } from '../description.ts';
import { readGroups } from '../groups.ts';
import type { OpenOptions } from '../layout.ts';
import type { NamedClass } from '../names.ts';
import { testPart } from '../testPart.ts';
import { BACKGROUND } from './annotated.ts';
import type { FoundAnnotations } from './find.ts';
import type { LocatedAnnotations, LocatedImage } from './located.ts';
import { readAnnotations } from './read.ts';

/** labelme's name of pixels that do not count. */
const IGNORED = '__ignore__';

/** Opens what was found. */
export async function openAnnotations(
  found: FoundAnnotations,
  description: Description,
  options: OpenOptions,
): Promise<ImageSet> {
  const all = await readAnnotations(found, description, options);
  const { named, values, background, notes } = valuesOf(all, description);
  const samples = new Map(all.images.map((image) => [image, sampleOf(image, all, values, background)]));
  const split = splitParts(samples, description, options);
  const groups = await readGroups(
    found.root,
    split.splits.train.map(({ id }) => id),
    description,
  );
  const said = [...all.notes, ...notes, ...skippedNotes(all)];
  return {
    name: description.name ?? basename(found.root),
    layout: found.tool,
    rank: 2,
    ...classFields(named, undefined, found.root),
    classesFrom:
      description.classes === undefined
        ? found.tool === 'mask-folders'
          ? 'the names of the masks'
          : `the labels of ${found.tool}`
        : 'data.yaml',
    ignore: IGNORE,
    ...split,
    unpaired: all.unpaired,
    ...(groups ? { groups } : {}),
    ...(said.length > 0 ? { notes: said } : {}),
  };
}

/** The classes, and the value of each label. Labels that a description does not name are background. */
function valuesOf(all: LocatedAnnotations, { classes, ignore }: Description) {
  if (ignore?.some((value) => value !== IGNORE))
    throw new DataError(
      'data.yaml: `ignore` is about label values, shapes have names',
      `call shapes that do not count ${IGNORED}`,
    );
  const used = new Map<string, number>();
  for (const { shapes } of all.images) for (const { label } of shapes) used.set(label, (used.get(label) ?? 0) + 1);
  const labels = classes?.map(({ name }) => name) ?? [...new Set([...all.labels, ...[...used.keys()].sort()])];
  const counted = labels.filter((label) => label !== IGNORED);
  const names = counted.some((label) => BACKGROUND.test(label)) ? counted : ['background', ...counted];
  if (names.length > IGNORE)
    throw new DataError(
      `expected at most ${IGNORE} classes, got ${names.length}`,
      'name those that count in data.yaml, `classes: [...]`; the others are background',
    );
  const colourOf = (name: string) => classes?.find((entry) => entry.name === name)?.colour ?? all.colours?.[name];
  const named: NamedClass[] = names.map((name, value) => ({ value, name, colour: colourOf(name) }));
  const background = names.findIndex((name) => BACKGROUND.test(name));
  const values = new Map(names.map((name, value) => [name, value]));
  values.set(IGNORED, IGNORE);
  const others = [...used].filter(([label]) => !values.has(label));
  for (const [label] of others) values.set(label, background);
  const list = others
    .slice(0, 8)
    .map(([label, count]) => `${label.slice(0, 60)} (${count})`)
    .join(', ');
  const notes =
    others.length === 0
      ? []
      : [`labels that data.yaml does not name are background: ${list}${others.length > 8 ? ', ...' : ''}`];
  return { named, values, background, notes };
}

function sampleOf(
  { path, file, id, size, shapes }: LocatedImage,
  { top, shares }: LocatedAnnotations,
  values: ReadonlyMap<string, number>,
  background: number,
): Sample {
  const drawn: LabelDrawing = {
    ...(size ? { size } : {}),
    ...(shares ? { shares } : {}),
    background,
    top,
    shapes: shapes.map(({ label, ...outline }) => ({ ...outline, value: values.get(label) as number })),
  };
  return { id, source: { kind: 'files', image: path, label: file, drawn } };
}

/** The split that files and folders name; without one for train and one for val all samples are divided. */
function splitParts(
  samples: ReadonlyMap<LocatedImage, Sample>,
  description: Description,
  options: OpenOptions,
): Pick<ImageSet, 'splits' | 'splitRule' | 'extra'> {
  const of = (part: LocatedImage['part']): Sample[] =>
    [...samples].filter(([image]) => image.part === part).map(([, sample]) => sample);
  const [train, val, test] = [of('train'), of('val'), of('test')];
  if (train.length > 0 && val.length > 0 && of(undefined).length === 0)
    return { splits: { train, val }, ...testPart(test) };
  return {
    splits: splitImages([...of(undefined), ...train, ...val], { ...options, ...description }),
    splitRule: 'hash',
    ...testPart(test),
  };
}

function skippedNotes({ images, skipped }: LocatedAnnotations): string[] {
  const empty = images.filter(({ shapes }) => shapes.length === 0).length;
  return [
    ...(empty > 0 ? [`${empty} of ${images.length} images have no shape: all of them is background`] : []),
    ...Object.entries(skipped).map(([what, count]) => `not drawn: ${count} ${what}`),
  ];
}
