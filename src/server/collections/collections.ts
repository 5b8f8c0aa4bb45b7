/**
 * @file Runs that belong together: comparisons in `<runs>/compare/<name>/` and trials in `<runs>/trials/<name>/`. Which runs these are is in the settings in
 * their folder, what each reached in the runs themselves and, once it ended, in the table beside the settings. Everything is bounded: the folder may be
 * anybody's.
 */
import type { CollectionDetail, CollectionKind, CollectionList, CollectionSummary } from '../api.ts';
import type { RunIndex } from '../runIndex.ts';
import { listInside, openInside, readShortTextInside } from '../safeFiles.ts';
import { type CollectionPlan, parsePlan, parseRows } from './files.ts';

/** More comparisons, and more trials, are counted but not read. */
export const MOST_COLLECTIONS = 100;
/** Larger settings are none: parsing takes a fifth of a second at most. */
const MOST_SETTINGS_BYTES = 16_384;
const MOST_TABLE_BYTES = 2 ** 20;
/** Milliseconds for which a look at all of them serves to say which ones a run is part of. */
const LOOK_LASTS = 3000;

/** The folders of collections, their settings and tables. */
const KINDS: Readonly<Record<CollectionKind, { readonly settings: string; readonly table: string }>> = {
  compare: { settings: 'compare.yaml', table: 'comparison.csv' },
  trials: { settings: 'trials.yaml', table: 'trials.csv' },
};

/** Comparisons and trials of a folder of runs. */
export interface Collections {
  list(): Promise<CollectionList>;
  /** Undefined where there is none of this id. */
  detail(kind: string, name: string): Promise<CollectionDetail | undefined>;
  /** Ids of those that a run is part of. */
  of(run: string): Promise<string[]>;
}

interface Entry {
  readonly kind: CollectionKind;
  readonly name: string;
  readonly stamp: string;
  readonly plan: CollectionPlan | { readonly fault: string };
}

/** Looks at the disk when it is asked; settings that did not change are parsed once. */
export function createCollections(root: string, index: Pick<RunIndex, 'runs'>): Collections {
  let entries = new Map<string, Entry>();
  let underWay: Promise<number> | undefined;
  let looked = Number.NEGATIVE_INFINITY;

  const entryOf = async (kind: CollectionKind, name: string): Promise<Entry | undefined> => {
    const file = await openInside(root, kind, name, KINDS[kind].settings);
    if (file === undefined) return undefined;
    try {
      const { size, mtimeMs, ino } = await file.stat();
      const stamp = `${size} ${mtimeMs} ${ino}`;
      const known = entries.get(`${kind}/${name}`);
      if (known?.stamp === stamp) return known;
      const plan =
        size > MOST_SETTINGS_BYTES
          ? { fault: `${KINDS[kind].settings}: expected at most ${MOST_SETTINGS_BYTES} bytes, got ${size}` }
          : parsePlan(kind, await file.readFile('utf8'), KINDS[kind].settings);
      return { kind, name, stamp, plan };
    } finally {
      await file.close();
    }
  };

  const look = async (): Promise<number> => {
    const found = new Map<string, Entry>();
    let more = 0;
    for (const kind of Object.keys(KINDS) as CollectionKind[]) {
      const names = await listInside(root, kind, 'folders');
      more += Math.max(0, names.length - MOST_COLLECTIONS);
      for (const name of names.slice(0, MOST_COLLECTIONS)) {
        const entry = await entryOf(kind, name);
        if (entry) found.set(`${kind}/${name}`, entry);
      }
    }
    entries = found;
    looked = performance.now();
    return more;
  };
  /** One look at a time, for all who ask: settings of strangers take long to parse. */
  const lookOnce = () => {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };

  const summarise = ({ kind, name, plan }: Entry): CollectionSummary => {
    const known = { id: `${kind}/${name}`, kind, name };
    if ('fault' in plan) return { ...known, planned: 0, ended: 0, running: 0, fault: plan.fault };
    const runs = plan.members.map(({ training, search }) => ({
      training: index.runs.get(training)?.summary,
      search: search === undefined ? undefined : index.runs.get(search)?.summary,
    }));
    const trainings = runs.flatMap(({ training }) => training ?? []);
    const all = runs.flatMap(({ training, search }) => [training ?? [], search ?? []].flat());
    const updated = all
      .flatMap((run) => run.updated ?? [])
      .sort()
      .at(-1);
    const scores = trainings.flatMap(({ score }) => score ?? []);
    return {
      ...known,
      ...(plan.data === undefined ? {} : { data: plan.data }),
      ...(plan.budget === undefined ? {} : { budget: plan.budget }),
      planned: plan.members.length + plan.more,
      ended: trainings.filter(({ state }) => ENDED.includes(state)).length,
      running: all.filter(({ state }) => state === 'running').length,
      ...(updated === undefined ? {} : { updated }),
      ...(scores.length === 0 ? {} : { best: scores.reduce((best, one) => (one.value > best.value ? one : best)) }),
    };
  };

  return {
    async list() {
      const more = await lookOnce();
      return { collections: [...entries.values()].map(summarise), more };
    },
    async detail(kind, name) {
      if (!isKind(kind)) return undefined;
      const entry = await entryOf(kind, name);
      if (entry === undefined) return undefined;
      entries.set(`${kind}/${name}`, entry);
      const { plan } = entry;
      if ('fault' in plan) return { summary: summarise(entry), members: [], more: 0 };
      const table = await readShortTextInside(MOST_TABLE_BYTES, root, kind, name, KINDS[kind].table);
      const rows = table === undefined ? new Map() : parseRows(kind, table);
      const members = plan.members.map((member) => {
        const row = rows.get(member.search ?? member.training);
        return row ? { ...member, architecture: member.architecture || row.architecture, row: row.row } : member;
      });
      return { summary: summarise(entry), members, more: plan.more };
    },
    async of(run) {
      if (performance.now() - looked > LOOK_LASTS) await lookOnce();
      const isMember = ({ plan }: Entry) =>
        'members' in plan && plan.members.some(({ training, search }) => training === run || search === run);
      return [...entries].filter(([, entry]) => isMember(entry)).map(([id]) => id);
    },
  };
}

/** States in which a training is not going to be resumed by its comparison: it has a result, or none can be had. */
const ENDED: readonly string[] = ['done', 'undecided', 'diverged'];

const isKind = (text: string): text is CollectionKind => Object.hasOwn(KINDS, text);
