/**
 * @file What a race is made of before it starts: the held-out samples, the first candidates, how fast they train here, and the plan that fits the time. All
 * of it is written down once; a race that resumes reads it.
 */
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import { type HeldOut, holdOut } from '../../data/heldOut/validation.ts';
import type { DataSet } from '../../data/types.ts';
import { chooseDevice } from '../../engine/device.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import { type Pace, planRace, rungsOf } from '../../ladder/rungs.ts';
import { seedCandidates } from '../../ladder/seeds.ts';
import { isGenotype } from '../../models/architecture.ts';
import type { Layer } from '../../run/config/config.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { LadderConfig } from '../../run/config/schemas/ladder.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { writeAtomically } from '../../run/files.ts';
import { formatGenotype } from '../../space/genotype.ts';
import { readArchitecture } from '../readArchitecture.ts';
import { trainSettings, weightsOfClasses } from '../settings.ts';
import type { RunWatcher } from '../watcher.ts';
import { createFit } from './fit.ts';
import { type RaceSetUp, readSetUp } from './setUpFile.ts';
import { countRun, judgeAt, trainingOf } from './trainer.ts';

/** Most candidates of the first rung. */
const MOST_CANDIDATES = 27;
/** Candidates whose steps are timed, and how many steps of each; the first one is warm-up. */
const PROBES = 5;
const PROBE_STEPS = 4;
/** Samples that are scored to time a score. */
const PROBE_SAMPLES = 2;
/** Most trainings at a time, unless more are asked for: each holds its images and its memory. */
const MOST_PROCESSES = 8;
/** Of fewer samples a third is held out, of more a fifth: a handful of samples tells no networks apart, and the last training has them all. */
const FEW_SAMPLES = 60;
/** Share of the time that the plan leaves: clocks of other programs. */
const RESERVE = 0.07;

const SET_UP = 'race.json';

/** The recipe as settings of every training of a race, whose budgets are counted for its crop by default. @param weights of the classes, measured once */
export const recipeOf = (
  { data, device, threads, training, budget, size }: LadderConfig,
  folder: string,
  weights: readonly number[] | null,
  rank: 2 | 3,
): Layer => ({
  ...training,
  ...(weights ? { classWeights: weights } : {}),
  budget,
  // Candidates are compared at what a step computes.
  size: size ?? trainSettings(sampleTraining({ ...training, data }), rank).crop,
  data,
  device,
  threads,
  workers: 0,
  heldOut: join(folder, 'validation.json'),
});

/** A training with the recipe, to ask for its crop and batch. */
export const sampleTraining = (recipe: Layer): TrainConfig =>
  parseConfig(settings.train, [recipe, { arch: 'unet', steps: 1 }]);

/** Reads what an earlier process set up, or sets up: writes `validation.json`, `architectures/` and `race.json`. */
export async function setUpRace(
  config: LadderConfig,
  folder: string,
  dataset: DataSet,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<RaceSetUp> {
  const file = join(folder, SET_UP);
  if (existsSync(file)) return readSetUp(file);
  const started = performance.now();
  const { heldOut, weights, candidates } = await seedRace(config, folder, dataset);
  const recipe = recipeOf(config, folder, weights, dataset.rank);
  writeAtomically(join(folder, 'validation.json'), `${JSON.stringify(heldOut, null, 1)}\n`);
  for (const candidate of candidates) writeArchitecture(folder, candidate);
  const planned = await planOf(config, candidates, started, () =>
    measurePace(candidates, recipe, folder, heldOut, dataset, watcher, signal),
  );
  const setUp: RaceSetUp = {
    ...planned,
    candidates: firstOf(candidates, planned.plan.rungs[0].candidates),
    heldOut,
    processes: processesOf(config),
    weights,
  };
  writeAtomically(file, `${JSON.stringify(setUp, null, 1)}\n`);
  return setUp;
}

/** What is chosen without a clock: the held-out samples, the class weights, and as many candidates as a race can have. Writes nothing. */
export async function seedRace(
  config: LadderConfig,
  folder: string,
  dataset: DataSet,
): Promise<Pick<RaceSetUp, 'heldOut' | 'weights' | 'candidates'>> {
  const ids = dataset.splits.train.map(({ id }) => id);
  const { rank, groups } = dataset;
  const share = ids.length < FEW_SAMPLES ? 1 / 3 : 1 / 5;
  const heldOut = holdOut(ids, { rank, share, ...(groups ? { groups } : {}) });
  const { classWeights } = sampleTraining(recipeOf(config, folder, null, rank));
  const weights = await weightsOfClasses(dataset, classWeights);
  const training = sampleTraining(recipeOf(config, folder, weights, rank));
  const candidates = seedCandidates({
    rank: dataset.rank,
    count: config.candidates ?? MOST_CANDIDATES,
    searched: config.from.map((name) => ({ name, architecture: readArchitecture(name) })),
    fit: createFit(training, dataset),
    random: createRandom(config.seed, 0x5eed5),
  });
  if (candidates.length < 2)
    throw new ConfigError(
      `budget: ${candidates.length} of the known networks fit ${JSON.stringify(config.budget)} at a crop of ${trainSettings(training, dataset.rank).crop.join(' x ')}`,
      'raise the budget or lower training.crop',
    );
  return { heldOut, weights, candidates };
}

/** Trainings at a time: as many as are asked for, else one for each core that nobody uses; a GPU takes one. */
function processesOf({ processes, device, threads }: LadderConfig): number {
  if (processes > 0) return processes;
  if (chooseDevice(device) !== 'cpu') return 1;
  const free = availableParallelism() - Math.round(loadavg()[0]);
  return Math.max(1, Math.min(MOST_PROCESSES, Math.floor(free / Math.max(1, threads))));
}

/** The plan from the steps that are given, or from the time. */
async function planOf(
  config: LadderConfig,
  candidates: readonly Candidate[],
  started: number,
  measured: () => Promise<Pace>,
): Promise<Pick<RaceSetUp, 'plan' | 'pace'>> {
  const { steps, minutes, candidates: wanted } = config;
  if (steps !== undefined) return { plan: rungsOf(candidates.length, steps) };
  const pace = await measured();
  const left = minutes * 60 * (1 - RESERVE) - (performance.now() - started) / 1000;
  return {
    plan: planRace(left, pace, processesOf(config), wanted === undefined ? undefined : candidates.length),
    pace,
  };
}

/** Fewer of the candidates in the same proportions: those of searches, a third made by hand, of the rest half variations and half random. */
function firstOf(candidates: readonly Candidate[], count: number): Candidate[] {
  const kept = (origin: Candidate['origin'], places: number) =>
    candidates.filter((candidate) => candidate.origin === origin).slice(0, places);
  const searched = kept('searched', count - 1);
  const hand = kept('hand-made', Math.max(1, Math.min(Math.ceil(count / 3), count - searched.length)));
  const rest = count - searched.length - hand.length;
  const known = new Set([...searched, ...hand].map(({ id }) => id));
  const near = kept('child', candidates.length)
    .filter(({ parents = [] }) => parents.every((id) => known.has(id)))
    .slice(0, Math.floor(rest / 2));
  return [...searched, ...hand, ...near, ...kept('random', rest - near.length)];
}

/** Writes the architecture of a candidate where its trainings find it. */
export function writeArchitecture(folder: string, { id, architecture }: Candidate): void {
  const text = isGenotype(architecture) ? formatGenotype(architecture) : `${JSON.stringify(architecture, null, 1)}\n`;
  writeAtomically(join(folder, 'architectures', `${id}.json`), text);
}

/** Times some steps of some candidates, a judgement, and a score of whole samples. */
async function measurePace(
  candidates: readonly Candidate[],
  recipe: Layer,
  folder: string,
  heldOut: HeldOut,
  dataset: DataSet,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<Pace> {
  const every = Math.max(1, Math.floor(candidates.length / PROBES));
  const probes = candidates.filter((_, i) => i % every === 0).slice(0, PROBES);
  const place = { recipe, folder: join(folder, 'probes'), steps: 1000, constantShare: 0.5 };
  const steps: number[] = [];
  const starts: number[] = [];
  for (const [i, candidate] of probes.entries()) {
    watcher.progress(0, `measuring ${candidate.name}`);
    writeArchitecture(place.folder, candidate);
    const training = trainingOf(candidate, 0, place);
    const times: number[] = [];
    const timed: RunWatcher = { progress: () => times.push(performance.now()), line: () => undefined };
    const begun = performance.now();
    await judgeAt(training, PROBE_STEPS, timed, signal);
    const own = (times[times.length - 1] - times[0]) / (times.length - 1) / 1000;
    steps.push(own);
    // The first one loads kernels and class weights.
    if (i > 0 || probes.length === 1) starts.push((performance.now() - begun) / 1000 - PROBE_STEPS * own);
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const { train, val } = dataset.splits;
  const samples = train.filter(({ id }) => Object.hasOwn(heldOut.validation, id));
  const begun = performance.now();
  const scored = samples.slice(0, PROBE_SAMPLES);
  await countRun(trainingOf(probes[0], 0, place), 'last', dataset, scored, (id) => id, signal);
  const perSample = (performance.now() - begun) / 1000 / scored.length;
  // A training that ends scores its validation samples twice; the verdict needs them once more, and those that are reported.
  const finish = perSample * (3 * samples.length + val.length);
  return { step: mean(steps), start: Math.max(0, mean(starts)), finish };
}
