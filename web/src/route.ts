/**
 * @file Where the page is, kept in the part of the address behind `#`, so that it can be linked to and the browser's history works.
 */
import { computed, signal } from '@preact/signals';

/** The views of a run, in the order of the tabs. */
export const VIEWS = [
  'race',
  'curves',
  'trellis',
  'cell',
  'network',
  'samples',
  'confusion',
  'cost',
  'data',
  'settings',
] as const;
export type ViewName = (typeof VIEWS)[number];

/** A place of the page. */
export interface Route {
  /** `<command>/<name>`; absent on the table of runs. */
  readonly run?: string;
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
export function linkTo({ run, view = 'curves', compare = [] }: Partial<Route>): string {
  if (run === undefined) return '#/';
  const path = run.split('/').map(encodeURIComponent).join('/');
  const query = compare.length > 0 ? `?compare=${compare.map(encodeURIComponent).join(',')}` : '';
  return `#/${path}/${view}${query}`;
}

/** Goes to a place. */
export function goTo(place: Partial<Route>): void {
  location.hash = linkTo(place);
}

function parseRoute(text: string): Route {
  const [path, query = ''] = text.replace(/^#\/?/, '').split('?');
  const [command, name, view] = path.split('/').map(decode);
  const compare = /^compare=(.+)$/.exec(query)?.[1].split(',').map(decode) ?? [];
  if (!command || !name) return { view: 'curves', compare: [] };
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
