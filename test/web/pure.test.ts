/** @file The thinking of the dashboard's page: fronts, differences, curves, layouts, thinning. One file although it is long: a block for each module of the page that is pure. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { describeGraph, formatGraph } from '../../src/models/graphFile.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { paretoFront } from '../../src/run/tables/front.ts';
import type { CollectionDetail, RunSummary } from '../../src/server/api.ts';
import { createThinner } from '../../src/server/thinner.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { shownCosts, withRoom } from '../../web/src/axes.ts';
import { networksOf, standingsOf } from '../../web/src/collection.ts';
import { comparable, differencesOf, grouped, groupOf, namesOfGroups } from '../../web/src/compare.ts';
import { placeNodes } from '../../web/src/layout.ts';
import { finishedOf, latestScores, type RaceFile, rungsOfRace } from '../../web/src/race.ts';
import { communicatedShare, ranksOf } from '../../web/src/ranks.ts';
import { entropyLimits, linesOf, paceOf, smoothed } from '../../web/src/series.ts';
import { VIEWS } from '../../web/src/viewNames.ts';
import { whyEmpty } from '../../web/src/whyEmpty.ts';

const stepAt = (seq: number, loss: number | null): RunEvent => ({
  seq,
  time: new Date(1000 * seq).toISOString(),
  type: 'step',
  phase: 'train',
  epoch: Math.floor(seq / 100),
  step: (seq % 100) + 1,
  loss,
  learningRate: 0.1,
});

describe('a drawing of scores over costs', () => {
  it('shows costs from zero, but those that are nearly alike from below the lowest', () => {
    expect(shownCosts(1, 10)).toEqual([0, 10]);
    expect(shownCosts(0, 0)).toEqual([0, 0]);
    expect(shownCosts(5, 5)).toEqual([0, 5]);
    const [low, high] = shownCosts(1.31e9, 1.34e9);
    expect(low).toBeGreaterThan(1.2e9);
    expect(low).toBeLessThan(1.31e9);
    expect(high).toBe(1.34e9);
  });

  it('places what has room, none over another or over what is there', () => {
    const side = fc.integer({ min: 1, max: 40 });
    const box = fc.record({ x: fc.nat(200), y: fc.nat(100), width: side, height: side });
    type Place = { x: number; y: number; width: number; height: number };
    const apart = (a: Place, b: Place) =>
      a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;
    fc.assert(
      fc.property(fc.array(fc.array(box, { maxLength: 2 }), { maxLength: 20 }), fc.array(box), (choices, obstacles) => {
        const shown = withRoom(choices, obstacles);
        for (const [i, a] of shown.entries())
          for (const b of [...shown.slice(0, i), ...obstacles]) expect(apart(a, b)).toBe(true);
        // What is left out has no room beside what was placed.
        for (const places of choices.filter((own) => !own.some((one) => shown.includes(one))))
          for (const place of places)
            expect([...shown, ...obstacles].every((other) => apart(place, other))).toBe(false);
      }),
    );
    const [right, left] = [20, 0].map((x) => ({ x, y: 0, width: 9, height: 9 }));
    expect(withRoom([[right, left]], [])).toEqual([right]);
    expect(withRoom([[right, left]], [right])).toEqual([left]);
  });
});

describe('the front of score against cost', () => {
  it('holds exactly those that none beats', () => {
    const point = fc.record({ cost: fc.integer({ min: 0, max: 9 }), score: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(point), (points) => {
        const front = paretoFront(points);
        const beats = (a: { cost: number; score: number }, b: { cost: number; score: number }) =>
          a.cost <= b.cost && a.score >= b.score && (a.cost < b.cost || a.score > b.score);
        for (const one of points) {
          const isBest = !points.some((other) => beats(other, one));
          expect(front.some(({ cost, score }) => cost === one.cost && score === one.score)).toBe(isBest);
        }
      }),
    );
  });
});

it('runs on different data, at different sizes or timed on different machines are never on one front', () => {
  const run = (data: string, size: number[] | undefined, on?: string) => ({
    settings: { data },
    size,
    ...(on === undefined ? {} : { latency: { ms: 1, on } }),
  });
  const runs = [
    run('street', [33, 33], 'engine, 1 thread'),
    run('street', [65, 65], 'engine, 1 thread'),
    run('street', [65, 65], 'onnxruntime, 1 thread'),
    run('orchard', [65, 65]),
  ];
  const groups = (sized: boolean, timed: boolean) =>
    comparable(runs.map((one) => ({ group: groupOf(one, { sized, timed }) }))).map(([group, own]) => [
      group,
      own.length,
    ]);
  expect(groups(false, false)).toEqual([
    ['street', 3],
    ['orchard', 1],
  ]);
  expect(groups(true, false)).toEqual([
    ['street, 65 x 65', 2],
    ['orchard, 65 x 65', 1],
    ['street, 33 x 33', 1],
  ]);
  expect(groups(true, true)).toHaveLength(4);
});

describe('ranks', () => {
  const epochOf = (epoch: number, computedSeconds: number[], exchangedSeconds: number[]): RunEvent => ({
    ...{ type: 'ranks', seq: epoch, time: new Date(0).toISOString(), epoch },
    ...{ computedSeconds, exchangedSeconds, hiddenSeconds: computedSeconds.map(() => 0.5) },
  });

  it('are summed over the epochs since their number last changed, and who is waited for is named', () => {
    const events = [
      epochOf(0, [9, 9], [1, 1]),
      epochOf(1, [2, 4, 2], [2, 0, 2]),
      stepAt(3, 1),
      epochOf(2, [2, 3, 2], [1, 1, 2]),
    ];
    const rows = ranksOf(events);
    expect(rows).toEqual([
      { rank: 0, computed: 4, communicated: 3, hidden: 1, straggles: false },
      { rank: 1, computed: 7, communicated: 1, hidden: 1, straggles: true },
      { rank: 2, computed: 4, communicated: 4, hidden: 1, straggles: false },
    ]);
    expect(communicatedShare(rows)).toBeCloseTo(8 / 23);
    expect(communicatedShare(rows.slice(1, 2))).toBeCloseTo(1 / 8);
  });

  it('are none of a single process', () => {
    expect(ranksOf([stepAt(1, 1)])).toEqual([]);
  });
});

describe('differences', () => {
  it('are the settings that are not the same everywhere, missing ones too', () => {
    const runs: { settings: Record<string, string> }[] = [
      { settings: { a: '1', b: '2', c: '3' } },
      { settings: { a: '1', b: '4' } },
    ];
    expect(differencesOf(runs)).toEqual([
      ['b', ['2', '4']],
      ['c', ['3', undefined]],
    ]);
  });
});

describe('curves', () => {
  it('smooth to a weighted mean: constant lines stay, bounds hold, gaps stay gaps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.float({ min: -5, max: 5, noNaN: true }))),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (values, weight) => {
          const points = smoothed(
            values.map((value, x) => [x, value]),
            weight,
          );
          const known = values.filter((value) => value !== null);
          points.forEach(([x, y], i) => {
            expect(x).toBe(i);
            expect(y === null).toBe(values[i] === null);
            if (y === null) return;
            expect(y).toBeLessThanOrEqual(Math.max(...known) + 1e-6);
            expect(y).toBeGreaterThanOrEqual(Math.min(...known) - 1e-6);
          });
        },
      ),
    );
    expect(
      smoothed(
        [
          [0, 4],
          [1, 4],
        ],
        0.9,
      ).map(([, y]) => y),
    ).toEqual([expect.closeTo(4), expect.closeTo(4)]);
  });

  it('place steps inside their epoch and epochs at their end, and leave out what has no number', () => {
    const body = { seq: 0, time: '2026-01-01T00:00:00.000Z' };
    const { steps, metrics } = linesOf([
      stepAt(0, 3),
      stepAt(99, 1),
      { ...body, type: 'epoch', phase: 'train', epoch: 0, metrics: { loss: 2, gap: null } },
      {
        ...body,
        type: 'evaluation',
        epoch: 0,
        split: 'val',
        miou: 0.5,
        pixelAccuracy: null,
        meanAccuracy: 0.4,
        iou: [],
      },
    ]);
    expect(steps.get('loss')).toEqual([
      [0.01, 3],
      [1, 1],
    ]);
    expect(Object.fromEntries(metrics)).toEqual({ loss: [[1, 2]], miou: [[1, 0.5]], meanAccuracy: [[1, 0.4]] });
  });

  it('tell the pace of thinned steps as of all', () => {
    const steps = Array.from({ length: 100 }, (_, seq) => stepAt(seq, 1));
    for (const every of [1, 3, 7]) {
      const pace = paceOf(steps.filter((_, i) => i % every === 0));
      expect(pace.length).toBeGreaterThan(5);
      for (const [, seconds] of pace) expect(seconds).toBe(1);
    }
  });
});

describe('the layout of a stage', () => {
  it('gives every node its own place behind its inputs, and every cost its node', () => {
    for (let seed = 0; seed < 5; seed++) {
      const genotype = randomGenotype({ layers: 4, blocks: 3, filters: 4 }, createRandom(seed));
      const file = describeGraph(buildAutoDeepLab(genotype, { inputs: 3, classes: 5 }), [65, 97]);
      expect(JSON.parse(formatGraph(file))).toEqual(file);
      for (const stage of new Set(file.nodes.map((node) => node.stage))) {
        const placed = placeNodes(file, stage);
        expect(new Set(placed.map(({ column, row }) => `${column} ${row}`)).size).toBe(placed.length);
        const columns = new Map(placed.map(({ id, column }) => [id, column]));
        for (const { node, column, isOutside } of placed)
          if (!isOutside) for (const input of node.inputs) expect(columns.get(input)).toBeLessThan(column);
      }
    }
  });
});

describe('thinning', () => {
  it('keeps few in order, all where they are few, the spikes, and the last', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer()), { maxLength: 500 }),
        fc.integer({ min: 4, max: 40 }),
        (losses, limit) => {
          const thinner = createThinner(limit);
          const events = losses.map((loss, seq) => stepAt(seq, loss));
          for (const event of events) thinner.add(event);
          const kept = thinner.events();
          expect(kept.length).toBeLessThanOrEqual(limit + 3);
          expect(kept.map(({ seq }) => seq)).toEqual([...new Set(kept.map(({ seq }) => seq))].sort((a, b) => a - b));
          if (events.length <= limit / 2) expect(kept).toEqual(events);
          expect(kept.at(-1)).toBe(events.at(-1));
          const known = losses.filter((loss) => loss !== null);
          const keptLosses = kept
            .map((event) => (event.type === 'step' ? event.loss : null))
            .filter((loss) => loss !== null);
          if (known.length > 0) {
            expect(Math.max(...keptLosses)).toBe(Math.max(...known));
            expect(Math.min(...keptLosses)).toBe(Math.min(...known));
          }
        },
      ),
    );
  });

  it('drops what does not count any more', () => {
    const thinner = createThinner(100);
    for (let seq = 0; seq < 30; seq++) thinner.add(stepAt(seq, seq));
    thinner.keep(({ seq }) => seq < 10);
    thinner.add(stepAt(30, 0));
    expect(thinner.events().map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30]);
  });
});

describe('runs that may be compared', () => {
  const of = (settings: Record<string, string>) => groupOf({ settings });

  it('have the same data, read at the same size; how they are trained does not matter', () => {
    expect(of({ data: 'sets/street/', crop: '[241,321]', scale: '2' })).toBe('sets/street, 1/2 of the size');
    expect(of({ data: 'street', crop: '65', scale: '1' })).toBe(of({ data: 'street', crop: '129', fold: '0' }));
    expect(of({ data: 'street', longSide: '513' })).toBe('street, longer side 513');
    expect(of({ data: 'organs', 'preparation.spacingMm': '[2,1,1]' })).toBe('organs, 2 x 1 x 1 mm');
    expect(of({ data: 'street', fold: '3' })).toBe('street, fold 3');
    // A race is of one group with its trainings.
    expect(of({ data: 'organs', 'training.preparation.spacingMm': '[2,1,1]' })).toBe('organs, 2 x 1 x 1 mm');
    expect(of({})).toBe('unknown data');
    expect(of({ data: '/' })).toBe('/');
  });

  it('are of one group in the list exactly where they may be on one front of a cost that depends on nothing else', () => {
    const text = fc.constantFrom('street', '/a/street', '/a/street/', 'organs', '2', '1', '513');
    const settings = fc.dictionary(fc.constantFrom('data', 'scale', 'longSide', 'crop', 'fold', 'batch'), text);
    fc.assert(
      fc.property(settings, (own) => {
        const run = { settings: own, size: [65, 65], latency: { ms: 1, on: 'engine' } };
        expect(groupOf(run, { sized: false, timed: false })).toBe(groupOf(run));
        expect(groupOf(run, { sized: true, timed: true })).toBe(`${groupOf(run)}, 65 x 65, engine`);
      }),
    );
  });

  it('are shown by as much of the path of their data as tells them apart', () => {
    const names = (...groups: string[]) => [...namesOfGroups(groups).values()];
    expect(names('/a/street, 1/2 of the size', '/a/organs')).toEqual(['street, 1/2 of the size', 'organs']);
    expect(names('/a/street', '/b/street', '/a/street')).toEqual(['a/street', 'b/street']);
    fc.assert(
      fc.property(fc.array(fc.string()), (groups) => {
        const shown = namesOfGroups(groups);
        expect(new Set(shown.values()).size).toBe(new Set(groups).size);
      }),
    );
  });

  it('are gathered in the order of their first rows', () => {
    expect(grouped([1, 2, 3, 4], (n) => (n % 2 ? 'odd' : 'even'))).toEqual([
      ['odd', [1, 3]],
      ['even', [2, 4]],
    ]);
  });
});

describe('a comparison from its answer and the rows of its runs', () => {
  const detail: CollectionDetail = {
    summary: { id: 'compare/c', kind: 'compare', name: 'c', planned: 3, ended: 1, running: 1 },
    members: [
      {
        ...{ architecture: 'unet', seed: 0, training: 'train/c-unet-0' },
        row: { score: 0.5, multiplyAdds: 2e9, parameters: 1e6 },
      },
      { architecture: 'unet', seed: 1, training: 'train/c-unet-1' },
      { architecture: 'deeplab', seed: 0, training: 'train/c-deeplab-0' },
    ],
    more: 0,
  };
  const row = (state: string, value: number) =>
    ({ state, multiplyAdds: 7, score: { name: 'mIoU', value } }) as unknown as RunSummary;
  const runs = new Map([
    ['train/c-unet-0', row('done', 0.5)],
    ['train/c-unet-1', row('running', 0.9)],
  ]);

  it('takes costs from its table only, and scores of what is running for no mean', () => {
    const standings = standingsOf(detail, runs);
    expect(standings.map(({ state, score, costs }) => [state, score, costs.multiplyAdds])).toEqual([
      ['done', 0.5, 2e9],
      ['running', 0.9, undefined],
      ['planned', undefined, undefined],
    ]);
    const networks = networksOf(detail, standings);
    expect(networks.map(({ name, score, scores }) => [name, score?.mean, scores.length])).toEqual([
      ['unet', 0.5, 1],
      ['deeplab', undefined, 0],
    ]);
  });

  it('of trials counts every trial for itself, with the costs of its training', () => {
    const trials: CollectionDetail = {
      summary: { ...detail.summary, kind: 'trials' },
      members: [0, 1].map((seed) => ({
        architecture: '',
        seed,
        search: `search/t-${seed}`,
        training: `train/c-unet-${seed}`,
      })),
      more: 0,
    };
    const networks = networksOf(trials, standingsOf(trials, runs));
    expect(networks.map(({ name, costs, scores }) => [name, costs.multiplyAdds, scores])).toEqual([
      ['seed 0', 7, [0.5]],
      ['seed 1', 7, []],
    ]);
  });
});

describe('why a view is empty', () => {
  const runOf = (command: string, state: string, events: readonly RunEvent[] = []): Parameters<typeof whyEmpty>[1] =>
    ({
      detail: { summary: { command, state }, samples: [], pictures: [], evaluations: [], documents: [] },
      events,
    }) as unknown as Parameters<typeof whyEmpty>[1];

  it('promises nothing of a run that has ended, and says how it ended', () => {
    const promises = /will|has not ended|first point|first figure|when its network is scored/;
    for (const view of VIEWS)
      for (const command of ['search', 'train']) {
        for (const state of ['done', 'undecided', 'diverged', 'stopped', 'failed', 'crashed', 'damaged'])
          expect(whyEmpty(view, runOf(command, state)) ?? '', `${view} of a ${state} ${command}`).not.toMatch(promises);
        for (const state of ['diverged', 'stopped', 'failed', 'crashed']) {
          const why = whyEmpty(view, runOf(command, state)) ?? '';
          if (/ended before|not reached/.test(why)) expect(why).toContain(`(${state})`);
        }
      }
    expect(whyEmpty('samples', runOf('train', 'done'))).toBe('The training has ended and left no samples.');
    expect(whyEmpty('trellis', runOf('search', 'diverged'))).toMatch(
      /this one ended before that of its first \(diverged\)/,
    );
    expect(whyEmpty('trellis', runOf('train', 'running'))).toMatch(/see the view network/);
  });

  it('is nothing where there is something', () => {
    const architecture = { seq: 0, time: '', type: 'architecture', epoch: 0, entropies: {}, genotype: {} } as RunEvent;
    expect(whyEmpty('cell', runOf('search', 'running', [architecture]))).toBeUndefined();
    expect(whyEmpty('curves', runOf('train', 'running', [stepAt(0, 1)]))).toBeUndefined();
    expect(whyEmpty('cost', runOf('train', 'running', [stepAt(0, 1)]))).toMatch(/second step/);
    expect(whyEmpty('settings', runOf('train', 'failed'))).toBeUndefined();
  });
});

describe('the limits of entropies', () => {
  it('are those of the last architecture, by the metric', () => {
    const at = (limits?: Record<string, number>): RunEvent =>
      ({ seq: 0, time: '', type: 'architecture', epoch: 0, entropies: {}, genotype: {}, limits }) as RunEvent;
    expect([...entropyLimits([at({ operators: 1 }), at({ operators: 2, moves: 3 }), stepAt(1, 1)])]).toEqual([
      ['operatorEntropy', 2],
      ['moveEntropy', 3],
    ]);
    // Logs of earlier versions have none.
    expect(entropyLimits([at()]).size).toBe(0);
  });
});

describe('a race from its files', () => {
  const candidate = (id: string) => ({ id, name: id, origin: 'random', cost: { multiplyAdds: 1 } }) as never;
  const race: RaceFile = {
    plan: {
      rungs: [
        { steps: 10, candidates: 3, children: 0 },
        { steps: 30, candidates: 2, children: 1 },
      ],
      ...{ finalists: 1, seeds: 2, steps: 45 },
    },
    candidates: [candidate('a'), candidate('b'), candidate('c')],
  };
  const known = [...race.candidates, candidate('d')];
  const reading = (score: number | null) => ({ score, loss: 1 });

  it('says who continued as soon as that is known, and puts what diverged last', () => {
    const begun = { 'a at 10 steps': reading(0.2), 'b at 10 steps': reading(0.5), 'c at 10 steps': reading(null) };
    const [first, second] = rungsOfRace(race, known, begun);
    expect(first.runners.map(({ id, continues }) => [id, continues])).toEqual([
      ['b', undefined],
      ['a', undefined],
      ['c', undefined],
    ]);
    expect(second).toMatchObject({ steps: 30, planned: 2, runners: [] });
    const later = {
      ...begun,
      'b at 30 steps': reading(0.6),
      'd at 30 steps': reading(0.4),
      'b to the end, seed 0': {},
    };
    const rungs = rungsOfRace(race, known, later);
    expect(rungs.map(({ runners }) => runners.map(({ id, continues }) => [id, continues]))).toEqual([
      [
        ['b', true],
        ['a', false],
        ['c', false],
      ],
      [
        ['b', true],
        ['d', false],
      ],
    ]);
    expect(latestScores(rungs).map(({ id, score, steps }) => [id, score, steps])).toEqual([
      ['b', 0.6, 30],
      ['a', 0.2, 10],
      ['d', 0.4, 30],
    ]);
    expect(finishedOf(later)).toEqual([{ id: 'b', seed: 0 }]);
  });
});
