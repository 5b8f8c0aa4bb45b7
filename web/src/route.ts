/**
 * @file Where the page is, kept in the part of the address behind `#`, so that it can be linked to and the browser's history works.
 */
import { computed, signal } from '@preact/signals';
import type { CollectionKind } from '../../src/server/api.ts';
import { VIEWS, type ViewName } from './viewNames.ts';

/** Comparisons and trials have pages of their own. */
const COLLECTIONS = ['compare', 'trials'] as const satisfies readonly CollectionKind[];

/** A place of the page. */
export interface Route {
  /** `<command>/<name>`; absent on the table of runs. */
  readonly run?: string;
  /** Instead of a run: `compare/<name>` or `trials/<name>`. */
  readonly collection?: string;
  readonly view: ViewName;
  /** Runs drawn over this one. */
  readonly compare: readonly string[];
}

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** The place now. */
export const route = computed((): Route => parseRoute(hash.value));

/** The address of a place. */
export function linkTo({ run, collection, view = 'curves', compare = [] }: Partial<Route>): string {
  if (collection !== undefined) return `#/${encoded(collection)}`;
  if (run === undefined) return '#/';
  const path = encoded(run);
  const query = compare.length > 0 ? `?compare=${compare.map(encodeURIComponent).join(',')}` : '';
  return `#/${path}/${view}${query}`;
}

const encoded = (id: string): string => id.split('/').map(encodeURIComponent).join('/');

/** Goes to a place. */
export function goTo(place: Partial<Route>): void {
  location.hash = linkTo(place);
}

function parseRoute(text: string): Route {
  const [path, query = ''] = text.replace(/^#\/?/, '').split('?');
  const [command, name, view] = path.split('/').map(decode);
  const compare = /^compare=(.+)$/.exec(query)?.[1].split(',').map(decode) ?? [];
  if (!command || !name) return { view: 'curves', compare: [] };
  const isCollection = COLLECTIONS.some((kind) => kind === command);
  if (isCollection) return { collection: `${command}/${name}`, view: 'curves', compare: [] };
  const known = VIEWS.find((candidate) => candidate === view) ?? 'curves';
  return { run: `${command}/${name}`, view: known, compare };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
