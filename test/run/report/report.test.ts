/** @file Reports: one whole safe file for runs in every state, and charts that tell the truth about their numbers. One file although it is long: its cases share the run that `finished` writes. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { samplePicture } from '../../../src/data/images/overlay.ts';
import { createConfusion, segmentationScores } from '../../../src/metrics/confusion.ts';
import { confusionCsv, perClassCsv } from '../../../src/metrics/tables.ts';
import { openEventLog } from '../../../src/run/eventLog.ts';
import type { RunEventBody, RunStatus } from '../../../src/run/events.ts';
import { createRunFolder, type RunFolder } from '../../../src/run/folder.ts';
import { writePeers } from '../../../src/run/peers.ts';
import { drawChart, roundTicks, ticksOf } from '../../../src/run/report/chart.ts';
import { loadReportData } from '../../../src/run/report/data.ts';
import { html } from '../../../src/run/report/html.ts';
import { writeReport } from '../../../src/run/report/report.ts';
import { drawGenotype } from '../../../src/space/drawing.ts';
import { publishedGenotype } from '../../../src/space/published.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

const EVIL = `<script>alert("1")</script><img src=x onerror='alert(2)'>&amp;\u0000`;
const CLASSES = ['road', EVIL, 'a, "quoted" class', 'never seen'];

const startOf = (command: string, more: object = {}): RunEventBody => ({
  type: 'start',
  command: `espalier ${command} data=/data/${EVIL}`,
  config: { epochs: 4, data: EVIL, method: 'auto-deeplab' },
  versions: { espalier: '0.1.0', node: 'v20' },
  ...more,
});

/** Writes events a minute apart. */
function writeEvents(folder: RunFolder, events: readonly RunEventBody[]): void {
  let minute = existsSync(folder.events) ? 600 : 0;
  const log = openEventLog(folder.events, () => new Date(Date.UTC(2025, 5, 3, 4, minute++)));
  for (const event of events) log.append(event);
  log.close();
}

const trainEpoch = (epoch: number, loss: number | null): RunEventBody[] => [
  ...[1, 2, 3].map(
    (step): RunEventBody => ({ type: 'step', phase: 'train', epoch, step, loss, learningRate: 0.05 / (epoch + step) }),
  ),
  { type: 'epoch', phase: 'train', epoch, metrics: { loss, learningRate: 0.05 / (epoch + 3), miou: 0.1 * epoch } },
  {
    type: 'evaluation',
    epoch,
    split: 'val',
    miou: 0.1 * epoch,
    pixelAccuracy: 0.2 * epoch,
    meanAccuracy: 0.15 * epoch,
    iou: [0.1 * epoch, 0.2, 0.3, null],
    classNames: CLASSES,
  },
];

const searchEpoch = (epoch: number): RunEventBody[] => [
  { type: 'step', phase: 'search', epoch, step: 1, loss: 2 - epoch / 4, learningRate: 0.02 },
  {
    type: 'epoch',
    phase: 'search',
    epoch,
    metrics: {
      weightLoss: 2 - epoch / 4,
      architectureLoss: epoch < 2 ? null : 1.9,
      operatorEntropy: 2 - epoch / 10,
      moveEntropy: 1,
      miou: null,
    },
  },
  {
    type: 'architecture',
    epoch,
    alpha: [],
    beta: [],
    entropies: {},
    path: epoch < 2 ? [0, 1, 1] : [0, 1, 2],
    genotype: {},
  },
  { type: 'warning', message: `it may be collapsing ${EVIL}` },
];

function finished(folder: RunFolder): void {
  writeFileSync(folder.config, `epochs: 4\ndata: ${JSON.stringify(EVIL)}\n`);
  const matrix = createConfusion(4);
  matrix.counts.set([90, 10, 0, 0, 5, 35, 0, 0, 1, 2, 27, 0, 0, 0, 0, 0]);
  writeFileSync(folder.perClassCsv, perClassCsv(CLASSES, segmentationScores(matrix)));
  writeFileSync(folder.confusionCsv, confusionCsv(CLASSES, matrix));
  writeFileSync(folder.genotypeDrawing, drawGenotype(publishedGenotype(20)));
  const classes = CLASSES.map((name, c): { name: string; colour: [number, number, number] } => ({
    name,
    colour: [60 * c, 200 - 40 * c, 90],
  }));
  for (let i = 0; i < 26; i++) {
    const label = Uint8Array.from({ length: 48 }, (_, p) => (p + i) % 4);
    const image = new Uint8Array(144).fill(120);
    writeFileSync(
      join(folder.samples, `street ${i + 1}.png`),
      samplePicture({ width: 8, height: 6, image, label, prediction: label, classes }),
    );
  }
  writeFileSync(join(folder.samples, 'notes.txt'), 'no picture');
}

/** Every tag is closed in order; what is no element of the page is escaped. */
function expectWhole(text: string): void {
  const open: string[] = [];
  const alone = new Set(['meta', 'img', 'rect', 'circle', 'path', 'polyline', '!doctype']);
  const page = text.replace(/<style>[^<]*<\/style>/, '');
  for (const [, closing, name, own] of page.matchAll(
    /<(\/?)([a-z!][a-z0-9]*)(?:\s+[\w:-]+(?:="[^"]*")?)*\s*(\/?)>/gi,
  )) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!own && !alone.has(name)) open.push(name);
  }
  expect(open).toEqual([]);
  // A < that is not part of such a tag would be an escape that was forgotten.
  expect(page.replace(/<\/?[a-z!][a-z0-9]*(?:\s+[\w:-]+(?:="[^"]*")?)*\s*\/?>/gi, '')).not.toContain('<');
}

function expectAlone(text: string): void {
  expect(text).not.toMatch(/<(script|link|iframe|object|embed|base|form)\b/i);
  expect(text).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
  for (const [, source] of text.matchAll(/ src="([^"]*)"/g))
    expect(source).toMatch(/^data:image\/(png|svg\+xml|jpeg);base64,/);
  for (const [, target] of text.matchAll(/ href="([^"]*)"/g))
    expect(target).toMatch(/^https:\/\/arxiv\.org\/abs\/[\d.]+$/);
  expect(text).not.toMatch(/url\(|@import/);
}

function report(folder: RunFolder): string {
  const path = writeReport(folder);
  expect(path).toBe(folder.report);
  const text = readFileSync(path, 'utf8');
  expectWhole(text);
  expectAlone(text);
  return text;
}

describe('writeReport', () => {
  it('tells a finished training', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'first');
    const epochs = [0, 1, 2, 3].flatMap((epoch) => trainEpoch(epoch, 2 / (epoch + 1)));
    writeEvents(folder, [startOf('train'), ...epochs, { type: 'end', status: 'done', message: 'best mIoU 0.3' }]);
    finished(folder);
    const text = report(folder);
    for (const expected of [
      '<h1>train first</h1>',
      'class="status done"',
      'best mIoU 0.3',
      'espalier train data=/data/&lt;script&gt;',
      '<dd>30.00 %<small>val, epoch 4</small>',
      '4 of 4',
      'aria-label="loss"',
      'aria-label="learning rate"',
      'aria-label="mIoU, %"',
      'a, &quot;quoted&quot; class',
      '2 more are in samples/',
      'arXiv 1901.02985',
      'epochs: 4',
    ])
      expect(text).toContain(expected);
    expect([...text.matchAll(/<figcaption>street \d+\.png/g)]).toHaveLength(24);
    expect(text.indexOf('street 2.png')).toBeLessThan(text.indexOf('street 10.png'));
    // Recall of the first class and the largest confusion.
    expect(text).toContain('<td>90.00</td>');
    expect(text).toContain('<td>10.00</td><td>10</td>');
  });

  it('tells a search', () => {
    const folder = createRunFolder(temporaryFolder(), 'search', 'first');
    writeEvents(folder, [startOf('search'), ...[0, 1, 2, 3].flatMap(searchEpoch)]);
    const text = report(folder);
    expect(text).toContain('class="status unfinished"');
    expect(text).toContain('operator entropy');
    expect(text).toContain('weight loss');
    expect(text).toContain('strides by layer: 4 8 16');
    expect(text).toMatch(/<th>1<\/th><td>4 8 8<\/td>.*\n?.*<th>3<\/th><td>4 8 16<\/td>/);
    expect(text).toContain('(4 times)');
    expect(text).not.toContain('Confusion matrix');
    expect(text).not.toContain('aria-label="mIoU, %"');
  });

  it('connects evaluations that are not every epoch, and breaks a line where a loss was no number', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    const epochs = Array.from({ length: 9 }, (_, epoch): RunEventBody => {
      const metrics = { loss: epoch === 4 ? null : 1, dice: epoch % 3 === 2 ? epoch / 10 : null };
      return { type: 'epoch', phase: 'train', epoch, metrics };
    });
    writeEvents(folder, [startOf('train'), ...epochs]);
    const text = report(folder);
    const lines = (title: string) =>
      [
        ...(text.split(`aria-label="${title}"`)[1]?.split('</svg>')[0] ?? '').matchAll(/<polyline points="([^"]*)"/g),
      ].map(([, points]) => points.split(' ').length);
    expect(lines('mean Dice of the foreground')).toEqual([3]);
    expect(lines('loss')).toEqual([4, 4]);
  });

  it.each(['done', 'stopped', 'diverged', 'failed'] satisfies RunStatus[])('tells a run that is %s', (status) => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeEvents(folder, [
      startOf('train'),
      ...trainEpoch(0, 3),
      ...trainEpoch(1, null),
      { type: 'end', status, message: EVIL },
    ]);
    const text = report(folder);
    expect(text).toContain(`class="status ${status}"`);
    expect(text).not.toContain('NaN');
    expect(text).not.toContain('Infinity');
  });

  it('tells a run that has only begun, and one whose log is missing', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeFileSync(folder.config, 'seed: 0\n');
    expect(report(folder)).toContain('not started');
    writeEvents(folder, [startOf('train')]);
    expect(report(folder)).toContain('unfinished');
    appendFileSync(folder.events, '{"seq":1,"time":"20');
    expect(report(folder)).toContain('unfinished');
  });

  it('counts epochs that were done again once', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeEvents(folder, [startOf('train'), ...[0, 1, 2].flatMap((epoch) => trainEpoch(epoch, 9))]);
    writeEvents(folder, [startOf('train', { resumedEpoch: 1 }), ...[1, 2].flatMap((epoch) => trainEpoch(epoch, 1))]);
    const { events, seconds } = loadReportData(folder);
    const losses = events.flatMap((event) => (event.type === 'epoch' ? [[event.epoch, event.metrics.loss]] : []));
    expect(losses).toEqual([
      [0, 9],
      [1, 1],
      [2, 1],
    ]);
    // 15 minutes, a break that does not count, 10 minutes.
    expect(seconds).toBe(60 * (15 + 10));
    expect(report(folder)).toContain('resumed 1 time,');
  });

  it('shows the networks that the run was compared with, its own marked, the best for their cost on a line', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeEvents(folder, [startOf('train')]);
    expect(report(folder)).not.toContain('Score against cost');
    const peer = (name: string, score: number, multiplyAdds: number, more: object = {}) => ({
      ...{ name, trainings: 2, score, bounds: [score, score] as [number, number], multiplyAdds, ...more },
    });
    const networks = [peer(EVIL, 0.5, 1e9), peer('slow', 0.4, 3e9), peer('large', 0.6, 2e9, { latencyMs: 4 })];
    const peers = { of: 'compare/first', conditions: EVIL, score: 'mIoU', bounds: EVIL, own: EVIL, networks } as const;
    writePeers(folder.path, { ...peers, networks: [...networks] });
    const text = report(folder);
    expect(text).toContain('aria-label="mIoU against multiply-adds, G"');
    // Nobody else was timed, and no parameters are known.
    expect(text).not.toContain('against latency');
    expect(text).not.toContain('against parameters');
    expect(text.match(/\(this run\)/g)).toHaveLength(1);
    const [chart] = text.split('aria-label="mIoU against multiply-adds, G"')[1].split('</svg>');
    const [, line = ''] = /<polyline points="([^"]+)" class="line"/.exec(chart) ?? [];
    expect(line.split(' ')).toHaveLength(2);
    expect(chart.match(/fill:var\(--card\)/g)).toHaveLength(1);
    // A damaged file costs the report its part, no more.
    writeFileSync(join(folder.path, 'peers.json'), '{');
    expect(report(folder)).not.toContain('Score against cost');
  });

  it('gives the same bytes for the same folder', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeEvents(folder, [startOf('train'), ...trainEpoch(0, 3)]);
    finished(folder);
    expect(report(folder)).toBe(report(folder));
  });

  it('names the line of a damaged log', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeFileSync(folder.events, 'no event\n');
    expect(() => writeReport(folder)).toThrow(DataError);
  });

  it('shows tables that are cut off as far as they go, and no matrix that is not square', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'x');
    writeEvents(folder, [startOf('train')]);
    writeFileSync(folder.perClassCsv, 'class,iou,accuracy,support\nroad,0.5\nmean,,,\n');
    writeFileSync(folder.confusionCsv, 'label,a,b\na,1,2\n');
    const text = report(folder);
    expect(text).toContain('<td>50.00</td>');
    expect(text).not.toContain('Confusion matrix');
  });
});

describe('html', () => {
  it('escapes any text as content and as attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { markup } = html`<p title="${text}">${[text, undefined]}</p>`;
        expect(markup.match(/[<>"']/g)?.join('')).toBe('<"">' + '<>');
      }),
    );
  });
});

describe('drawChart', () => {
  const polylines = (svg: string) => [...svg.matchAll(/points="([^"]+)"/g)].map(([, points]) => points.split(' '));

  it('breaks the line where a number is missing', () => {
    const points: [number, number | null][] = [
      [0, 1],
      [1, 2],
      [2, null],
      [3, 2],
      [4, 1],
      [5, Number.NaN],
      [6, 3],
    ];
    const svg = drawChart({ title: 't', xLabel: 'x', series: [{ name: 'a', points }] });
    expect(polylines(svg).map(({ length }) => length)).toEqual([2, 2]);
    expect([...svg.matchAll(/<circle/g)]).toHaveLength(1);
  });

  it('keeps every point inside the axes, whatever the numbers', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
      fc.constantFrom(0, 1e-12, 1e300, -1e-323, 5e-324, null, Number.NaN, Number.POSITIVE_INFINITY),
    );
    fc.assert(
      fc.property(
        fc.array(number, { maxLength: 40 }),
        fc.constantFrom('linear', 'auto') as fc.Arbitrary<'linear' | 'auto'>,
        (values, scale) => {
          const points = values.map((y, x): [number, number | null] => [x, y]);
          const svg = drawChart({ title: 't', xLabel: 'x', scale, series: [{ name: 'a', points }] });
          expect(svg).not.toMatch(/NaN|Infinity|undefined/);
          for (const point of polylines(svg).flat()) {
            const [x, y] = point.split(',').map(Number);
            expect(x >= 54 && x <= 426 && y >= 11.9 && y <= 210.1, point).toBe(true);
          }
        },
      ),
    );
  });

  it('thins a long line without losing its extremes', () => {
    const points = Array.from({ length: 100_000 }, (_, x): [number, number] => [
      x,
      x === 54_321 ? 1000 : x === 70_000 ? -1000 : x % 7,
    ]);
    const [line] = polylines(drawChart({ title: 't', xLabel: 'x', series: [{ name: 'a', points, faint: true }] }));
    expect(line.length).toBeLessThan(1000);
    const ys = line.map((point) => Number(point.split(',')[1]));
    expect(Math.max(...ys) - Math.min(...ys)).toBeCloseTo(250 - 12 - 40, 0);
  });

  it('takes a logarithmic scale for numbers far apart', () => {
    const chart = (y: number) =>
      drawChart({
        title: 't',
        xLabel: 'x',
        scale: 'auto',
        series: [
          {
            name: 'a',
            points: [
              [0, 0.01],
              [1, y],
            ],
          },
        ],
      });
    expect(chart(100)).toContain('>0.1<');
    expect(chart(0.02)).not.toContain('>0.1<');
  });

  it('says when there is nothing', () => {
    expect(drawChart({ title: 't', xLabel: 'x', series: [] })).toContain('no numbers yet');
  });
});

describe('ticks of any interval', () => {
  it('are some, finite and ascending', () => {
    const number = fc.oneof(fc.double({ min: -1e18, max: 1e18, noNaN: true }), fc.constantFrom(0, 5e-324, 1, 1e18));
    fc.assert(
      fc.property(number, number, (a, b) => {
        const ticks = ticksOf(Math.min(a, b), Math.max(a, b), 5);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(12);
        ticks.slice(1).forEach((tick, i) => {
          expect(tick).toBeGreaterThan(ticks[i]);
        });
      }),
    );
  });
});

describe('roundTicks', () => {
  it('encloses the interval in equal round steps', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, min: -1e5, max: 1e5 }),
        fc.double({ noNaN: true, min: 1e-3, max: 1e5 }),
        (low, size) => {
          const ticks = roundTicks(low, low + size, 5);
          const slack = size * 1e-6;
          expect(ticks[0]).toBeLessThanOrEqual(low + slack);
          expect(ticks.at(-1)).toBeGreaterThanOrEqual(low + size - slack);
          expect(ticks.length).toBeLessThanOrEqual(8);
        },
      ),
    );
    expect(roundTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(roundTicks(0.1, 0.32, 5)).toEqual([0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
  });
});

describe('the legend of the samples', () => {
  /** A folder with one sample, and this as its data.json. */
  function reportOf(data: string): string {
    const folder = createRunFolder(temporaryFolder(), 'train', 'legend');
    writeEvents(folder, [startOf('train'), ...trainEpoch(1, 0.5)]);
    const picture = {
      ...{ width: 2, height: 1, classes: [{ name: 'road', colour: [1, 2, 3] as [number, number, number] }] },
      ...{ image: new Uint8Array(6), label: new Uint8Array(2), prediction: new Uint8Array(2) },
    };
    mkdirSync(folder.samples, { recursive: true });
    writeFileSync(join(folder.samples, 'a.png'), samplePicture(picture));
    writeFileSync(join(folder.path, 'data.json'), data);
    return readFileSync(writeReport(folder), 'utf8');
  }

  it('names the classes with their colours and shares, escaped', () => {
    const classes = CLASSES.slice(0, 2).map((name, i) => ({ name, colour: [10 * i, 20, 30] }));
    const text = reportOf(JSON.stringify({ classes, report: { classShares: [0.25] } }));
    expect(text).toContain('background:rgb(0 20 30)"></i>road 25.0 %');
    expect(text).toContain('background:rgb(10 20 30)"></i>&lt;script&gt;');
    expectWhole(text);
    expectAlone(text);
  });

  it('is left out where data.json is of another form', () => {
    for (const data of ['{', '[]', '{"classes": 3}', '{"classes": [{"name": "a", "colour": "red"}]}', 'null'])
      expect(reportOf(data)).not.toContain('height:12px;background:rgb(');
  });
});

it('draws the entropies of a uniform choice beside those of the search', () => {
  const folder = createRunFolder(temporaryFolder(), 'search', 'limits');
  const at = (epoch: number): RunEventBody[] => [
    { type: 'epoch', phase: 'search', epoch, metrics: { operatorEntropy: 2 - epoch } },
    { type: 'architecture', epoch, entropies: { operators: 2 - epoch }, limits: { operators: 2.079 }, genotype: {} },
  ];
  writeEvents(folder, [startOf('search'), ...at(0), ...at(1)]);
  expect(readFileSync(writeReport(folder), 'utf8')).toContain('operators where nothing is decided');
});
