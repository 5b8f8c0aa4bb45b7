/**
 * @file A search step of a public implementation beside ours: the same shapes and threads, each in a process of its own, by turns.
 *
 *   node bench/sideBySide.mjs case=autodeeplab-321 checkout=<folder> [python=python3] [rounds=3] [threads=0]
 *
 * A step is one pass for the weights and one for the architecture, the second of two. A ratio is theirs over ours.
 */
import { measureApart, settingsOf, showSpread, table } from './words.mjs';

/** The shapes by name, as words of both programs. */
export const CASES = {
  'autodeeplab-129': { peer: 'autodeeplab', shape: { crop: 129 }, ours: { atrous: 'separable' } },
  'autodeeplab-321': { peer: 'autodeeplab', shape: { crop: 321 }, ours: { atrous: 'separable' } },
  'monai-64': { peer: 'monai_dints', shape: { crop: 64 }, ours: { method: 'dints', batch: 1, classes: 3 } },
};

const stepOf = (taken, unit) => taken[`weight${unit}`] + taken[`architecture${unit}`];

/** Both by turns; a table of their steps, memory and ratios. */
export async function sideBySide({ name, checkout, python, rounds, threads, shape = CASES[name].shape }) {
  const { peer, ours } = CASES[name];
  const taken = [];
  for (let round = 0; round < rounds; round++) {
    taken.push({
      ours: await measureApart('searchStep.mjs', { ...shape, ...ours, threads, json: 1 }, { threads }),
      theirs: await measureApart(`peers/${peer}.py`, { checkout, ...shape, threads }, { python, threads }),
    });
  }
  const row = (label, of, digits) => [
    label,
    showSpread(
      taken.map(({ ours: own }) => of(own)),
      digits,
    ),
    showSpread(
      taken.map(({ theirs }) => of(theirs)),
      digits,
    ),
    showSpread(
      taken.map(({ ours: own, theirs }) => of(theirs) / of(own)),
      1,
    ),
  ];
  return table(
    [`${name}, ${rounds} rounds`, 'ours', 'theirs', 'ratio'],
    [
      row('step, seconds', (one) => stepOf(one, 'Seconds'), 2),
      row('step, CPU seconds', (one) => stepOf(one, 'CpuSeconds'), 2),
      row('memory, GB', ({ peakBytes }) => peakBytes / 1e9, 2),
    ],
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const settings = settingsOf({ case: 'autodeeplab-321', checkout: '', python: 'python3', rounds: 3, threads: 0 });
  if (!Object.hasOwn(CASES, settings.case)) {
    console.error(`no case "${settings.case}"; there are ${Object.keys(CASES).join(', ')}`);
    process.exit(2);
  }
  console.log(await sideBySide({ ...settings, name: settings.case }));
}
