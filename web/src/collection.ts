/** @file A comparison or trials from the answer of the server and the rows of their runs: what each training stands at, networks with their costs. Pure. */
import { type ScoreOfSeeds, scoreOfSeeds } from '../../src/run/tables/front.ts';
import type { CollectionDetail, CollectionMember, RunState, RunSummary } from '../../src/server/api.ts';

/** A training as it stands now; `planned` before it began. */
export interface Standing {
  readonly member: CollectionMember;
  readonly training: RunSummary | undefined;
  readonly search: RunSummary | undefined;
  readonly state: RunState | 'planned';
  /** In [0, 1]: of the table once the training ended, before that the best so far. */
  readonly score: number | undefined;
  readonly costs: Costs;
}

/** What a network costs, as far as it is known. */
export interface Costs {
  readonly multiplyAdds?: number | undefined;
  readonly parameters?: number | undefined;
  /** Bytes of a training step. */
  readonly memory?: number | undefined;
  /** Milliseconds of an inference. */
  readonly latency?: number | undefined;
}

/** The trainings of a collection, in its order, with what their runs say now. */
export function standingsOf({ summary, members }: CollectionDetail, runs: ReadonlyMap<string, RunSummary>): Standing[] {
  return members.map((member) => {
    const training = runs.get(member.training);
    const search = member.search === undefined ? undefined : runs.get(member.search);
    const { row } = member;
    const score = row?.score ?? training?.score?.value;
    // What the runs of a comparison log is counted for a crop, what its table says as its budget counts: only the table is compared.
    const own = summary.kind === 'trials' ? training : undefined;
    const costs = {
      multiplyAdds: row?.multiplyAdds ?? own?.multiplyAdds,
      parameters: row?.parameters ?? own?.parameters,
      memory: row?.memoryBytes ?? own?.peakBytes,
      latency: row?.latencyMs ?? own?.latency?.ms,
    };
    return { member, training, search, state: training?.state ?? search?.state ?? 'planned', score, costs };
  });
}

/** One architecture of a comparison with all its seeds, or one trial. */
export interface Network {
  readonly id: string;
  readonly name: string;
  readonly standings: readonly Standing[];
  /** Over the trainings that ended with a score. */
  readonly score: ScoreOfSeeds | undefined;
  /** Of each of these. */
  readonly scores: readonly number[];
  readonly costs: Costs;
}

/** The networks of a collection: the seeds of one architecture belong together, trials stand for themselves. The best first. */
export function networksOf({ summary: { kind } }: CollectionDetail, standings: readonly Standing[]): Network[] {
  const groups = new Map<string, Standing[]>();
  for (const standing of standings) {
    const { architecture, seed } = standing.member;
    const key = kind === 'trials' ? `seed ${seed}` : architecture;
    const own = groups.get(key);
    if (own) own.push(standing);
    else groups.set(key, [standing]);
  }
  const networks = [...groups].map(([name, own]): Network => {
    const scores = own.flatMap(({ score, state }) => (score !== undefined && isOver(state) ? [score] : []));
    const known = <Key extends keyof Costs>(key: Key) => own.find(({ costs }) => costs[key] !== undefined)?.costs[key];
    const costs = {
      ...{ multiplyAdds: known('multiplyAdds'), parameters: known('parameters') },
      ...{ memory: known('memory'), latency: known('latency') },
    };
    return { id: name, name, standings: own, score: scoreOfSeeds(scores), scores, costs };
  });
  return networks.sort((a, b) => (b.score?.mean ?? -1) - (a.score?.mean ?? -1));
}

/** Whether a training has the score that counts. */
export const isOver = (state: Standing['state']): boolean => state === 'done' || state === 'undecided';

/** What changes when there may be a new row in the table of a collection. */
export const stampOf = (standings: readonly Standing[]): string =>
  standings.map(({ state, search }) => `${state} ${search?.state ?? ''}`).join();
