/**
 * @file Regions as descriptions state them, by the names or the label values of their classes: `regions` in `data.yaml`, lists of values under `labels` in
 * `dataset.json`, and `regions_class_order` in both.
 */
import { DataError } from '../../base/errors.ts';
import { showShort, suggest } from '../../base/text.ts';
import { classColour } from '../images/visual.ts';
import { type DataSetBase, IGNORE, type Region } from '../types.ts';

/** A name or a label value of a class. */
export type ClassRef = string | number;

/** A region as it is written down. */
export interface DescribedRegion {
  readonly name: string;
  readonly members: readonly ClassRef[];
}

/** All regions of a description. */
export interface RegionDescription {
  readonly regions: readonly DescribedRegion[];
  /** For each region the class that a prediction writes; see {@link parseRegions}. */
  readonly order?: readonly ClassRef[] | undefined;
}

/** A network file has no room for more outputs. */
const MOST_REGIONS = 256;

/** What regions are parsed with: the classes, and the file that names both, for errors. */
interface Named extends Pick<DataSetBase, 'classes' | 'labelMap'> {
  readonly file: string;
}

/**
 * The regions of a description. `order` has a class for each region, one of those inside: what is written where that region is predicted and no later one
 * is. Without an order it is the one class of the region that no later region holds.
 * @throws DataError for a region that is empty, repeats another, or holds what is no class or ignored; for an order of another length or of classes outside
 */
export function parseRegions({ regions, order }: RegionDescription, named: Named): Region[] {
  const { file } = named;
  requireNames(regions, file);
  const idOf = createLookup(named);
  const members = regions.map(({ name, members: given }) => {
    const what = `region ${showShort(name)}`;
    if (given.length === 0)
      throw new DataError(`${file}: ${what} holds no class`, `name its classes: ${listClasses(named)}`);
    return [...new Set(given.map((one) => idOf(one, what)))].sort((a, b) => a - b);
  });
  refuseTwins(regions, members, file);
  const written = order ? orderedBy(order, regions, members, idOf, named) : leftOver(regions, members, named);
  return regions.map(({ name }, i) => ({
    name,
    colour: classColour(i + 1, name),
    classes: members[i],
    written: written[i],
  }));
}

type Lookup = (given: ClassRef, what: string) => number;

/** Finds class ids. @throws DataError for what is no class, or does not count */
function createLookup({ classes, labelMap, file }: Named): Lookup {
  const ids = new Map(classes.map(({ name }, id) => [name, id]));
  return (given, what) => {
    const id = typeof given === 'number' ? labelMap[given] : ids.get(given);
    if (id === IGNORE)
      throw new DataError(
        `${file}: ${what} holds ${showShort(given)}, which is ignored`,
        'what is ignored belongs to no region: take it out of the region, or out of `ignore`',
      );
    if (id !== undefined && id >= 0) return id;
    throw new DataError(
      `${file}: ${what} holds ${showShort(given)}, which is no class`,
      typeof given === 'string'
        ? suggest(given, [...ids.keys()])
        : `the classes are ${listClasses({ classes, labelMap })}`,
    );
  };
}

/** The classes that an order states. */
function orderedBy(
  order: readonly ClassRef[],
  regions: readonly DescribedRegion[],
  members: readonly (readonly number[])[],
  idOf: Lookup,
  { classes, file }: Named,
): number[] {
  if (order.length !== regions.length)
    throw new DataError(
      `${file}: regions_class_order: expected ${regions.length} entries, one for each of ${listNames(regions)}, got ${order.length}`,
      'give for each region, in the same order, the label that is written where it is and no later region is',
    );
  return order.map((one, i) => {
    const id = idOf(one, 'regions_class_order');
    if (members[i].includes(id)) return id;
    throw new DataError(
      `${file}: regions_class_order has ${showShort(one)} for region ${showShort(regions[i].name)}, which does not hold it`,
      `give one of ${members[i].map((own) => classes[own].name).join(', ')}; entries stand in the order of the regions`,
    );
  });
}

/** Of each region the one class that no later region holds. @throws DataError where there are several, or none */
function leftOver(
  regions: readonly DescribedRegion[],
  members: readonly (readonly number[])[],
  { classes, file }: Named,
): number[] {
  const later = new Set<number>();
  return members
    .map((ids, i) => ({ ids, name: regions[i].name }))
    .reverse()
    .map(({ ids, name }) => {
      const own = ids.filter((id) => !later.has(id));
      for (const id of ids) later.add(id);
      if (own.length === 1) return own[0];
      const found = own.length === 0 ? 'none' : own.map((id) => classes[id].name).join(', ');
      throw new DataError(
        `${file}: region ${showShort(name)}: expected one class that no later region holds, got ${found}`,
        'list larger regions first, or state what is written for each: regions_class_order: [...]',
      );
    })
    .reverse();
}

function requireNames(regions: readonly DescribedRegion[], file: string): void {
  if (regions.length < 1 || regions.length > MOST_REGIONS)
    throw new DataError(
      `${file}: expected 1 to ${MOST_REGIONS} regions, got ${regions.length}`,
      'name each with its classes, such as {whole: [1, 2], core: [2]}',
    );
  const number = regions.find(({ name }) => /^\d+$/.test(name));
  if (number)
    throw new DataError(
      `${file}: region ${showShort(number.name)}`,
      'give it a name: entries that are called by numbers lose their order',
    );
}

function refuseTwins(regions: readonly DescribedRegion[], members: readonly (readonly number[])[], file: string): void {
  const seen = new Map<string, string>();
  for (const [i, { name }] of regions.entries()) {
    const twin = seen.get(members[i].join());
    if (twin !== undefined)
      throw new DataError(
        `${file}: regions ${showShort(twin)} and ${showShort(name)} hold the same classes`,
        'take one of them out',
      );
    seen.set(members[i].join(), name);
  }
}

const listNames = (regions: readonly DescribedRegion[]): string => regions.map(({ name }) => name).join(', ');

/** Classes with their label values, the first of many, for messages. */
function listClasses({ classes, labelMap }: Pick<DataSetBase, 'classes' | 'labelMap'>): string {
  const named = classes.slice(0, 12).map(({ name }, id) => `${name} (${labelMap.indexOf(id)})`);
  return named.join(', ') + (classes.length > 12 ? `, ... (${classes.length} in all)` : '');
}
