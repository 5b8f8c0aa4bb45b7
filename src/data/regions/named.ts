/**
 * @file Regions by the names of their classes: as a run keeps them, and as it asks for them in data whose classes or regions have another order.
 */
import { ConfigError } from '../../base/errors.ts';
import { classColour } from '../images/visual.ts';
import { listNames } from '../splits.ts';
import type { DataSet } from '../types.ts';
import type { Outputs } from './regions.ts';

/** A region by the names of its classes, as it outlives another order of them. */
export interface NamedRegion {
  readonly name: string;
  /** Sorted. */
  readonly classes: readonly string[];
  readonly written: string;
}

/** The regions of data by names; undefined where there are none. */
export const namedRegions = ({ classes, regions }: Outputs): NamedRegion[] | undefined =>
  regions?.map(({ name, classes: ids, written }) => ({
    name,
    classes: ids.map((id) => classes[id].name).sort(),
    written: classes[written].name,
  }));

/**
 * A data set with the regions of a network or an earlier run, in their order; its classes are in the order of that one already. Data that state no regions
 * get them.
 * @param wanted by names; undefined where there are none
 * @throws ConfigError where the data state others
 */
export function requireRegions<Of extends DataSet>(
  dataset: Of,
  wanted: readonly NamedRegion[] | undefined,
  who: string,
): Of {
  const { name, classes, regions } = dataset;
  const say = (all: readonly NamedRegion[]) =>
    listNames(all.map((one) => `${one.name} (${one.classes.join(', ')}; writes ${one.written})`));
  if (wanted === undefined) {
    if (regions === undefined) return dataset;
    throw new ConfigError(
      `${name} has the regions ${listNames(regions.map((one) => one.name))}, ${who} has none`,
      'take `regions` out of the description of the data, or train a network on them',
    );
  }
  const own = namedRegions(dataset);
  const isSame = (a: NamedRegion) => (b: NamedRegion) => JSON.stringify(a) === JSON.stringify(b);
  if (own && !(own.length === wanted.length && wanted.every((one) => own.some(isSame(one)))))
    throw new ConfigError(
      `${name} has the regions ${say(own)}, ${who} has ${say(wanted)}`,
      'give data with the same regions, or with none: those are scored on the regions of the network',
    );
  const idOf = (one: string): number => classes.findIndex((entry) => entry.name === one);
  return {
    ...dataset,
    regions: wanted.map((one, i) => ({
      name: one.name,
      colour: regions?.find((entry) => entry.name === one.name)?.colour ?? classColour(i + 1, one.name),
      classes: one.classes.map(idOf).sort((a, b) => a - b),
      written: idOf(one.written),
    })),
  };
}
