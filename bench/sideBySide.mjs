/**
 * @file A search step of a public implementation beside ours: the same shapes and threads, each in a process of its own, by turns.
 *
 *   node bench/sideBySide.mjs case=autodeeplab-321 checkout=<folder> [python=python3] [rounds=3] [threads=0]
 *
 * A step is one pass for the weights and one for the architecture, the second of two. A ratio is theirs over ours.
 */
import { measureApart, settingsOf, showSpread, table } from './words.mjs';

const dints = { method: 'dints', batch: 1, classes: 3 };

/** By name the shapes as words of both programs, and ours in one or more ways. */
export const CASES = {
  'autodeeplab-129': { peer: 'autodeeplab', shape: { crop: 129 }, ours: { separable: { atrous: 'separable' } } },
  'autodeeplab-321': { peer: 'autodeeplab', shape: { crop: 321 }, ours: { separable: { atrous: 'separable' } } },
  'monai-64': {
    peer: 'monai_dints',
    shape: { crop: 64 },
    ours: {
      float32: dints,
      bfloat16: { ...dints, precision: 'bfloat16' },
      'bfloat16, memory=small': { ...dints, precision: 'bfloat16', memory: 'small' },
    },
  },
};

const MEASURES = [
  ['step, seconds', (taken) => taken.weightSeconds + taken.architectureSeconds, 2],
  ['step, CPU seconds', (taken) => taken.weightCpuSeconds + taken.architectureCpuSeconds, 2],
  ['memory, GB', ({ peakBytes }) => peakBytes / 1e9, 2],
];

/** All by turns; a table of their steps, memory and ratios. */
export async function sideBySide({ name, checkout, python, rounds, threads, shape = CASES[name].shape }) {
  const { peer, ours } = CASES[name];
  const ways = Object.entries(ours);
  const taken = [];
  for (let round = 0; round < rounds; round++) {
    const own = [];
    for (const [, words] of ways)
      own.push(await measureApart('searchStep.mjs', { ...shape, ...words, threads, json: 1 }, { threads }));
    const theirs = await measureApart(`peers/${peer}.py`, { checkout, ...shape, threads }, { python, threads });
    taken.push({ own, theirs });
  }
  const rows = ways.flatMap(([way], i) =>
    MEASURES.map(([measure, of, digits]) => [
      `${way}: ${measure}`,
      showSpread(
        taken.map(({ own }) => of(own[i])),
        digits,
      ),
      showSpread(
        taken.map(({ theirs }) => of(theirs)),
        digits,
      ),
      showSpread(
        taken.map(({ own, theirs }) => of(theirs) / of(own[i])),
        1,
      ),
    ]),
  );
  return table([`${name}, ${rounds} rounds`, 'ours', 'theirs', 'ratio'], rows);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const settings = settingsOf({ case: 'autodeeplab-321', checkout: '', python: 'python3', rounds: 3, threads: 0 });
  if (!Object.hasOwn(CASES, settings.case)) {
    console.error(`no case "${settings.case}"; there are ${Object.keys(CASES).join(', ')}`);
    process.exit(2);
  }
  console.log(await sideBySide({ ...settings, name: settings.case }));
}
