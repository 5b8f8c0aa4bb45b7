/**
 * @file A race in a run folder: settings to a plan, the race, its verdict. What `espalier auto`, `espalier search method=ladder` and the library call.
 */
import { join } from 'node:path';
import { EspalierError, NumericError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import { formatDuration } from '../../base/text.ts';
import type { HeldOut } from '../../data/heldOut/validation.ts';
import type { DataSet } from '../../data/types.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import { type RaceResult, type RungResult, race, type Trainer } from '../../ladder/race.ts';
import { finalSteps, type Pace, secondsOf } from '../../ladder/rungs.ts';
import { scoreOf } from '../../ladder/statistics.ts';
import { type FinalTraining, type FinishedTraining, judge, scoreInterval, type Verdict } from '../../ladder/verdict.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { LadderConfig } from '../../run/config/schemas/ladder.ts';
import { writeAtomically } from '../../run/files.ts';
import { type PlannedRun, planRun, type RunRequest } from '../../run/openRun.ts';
import { writePeers } from '../../run/peers.ts';
import { describeParity, exportOnnx } from '../export/onnx.ts';
import { type FinishedRun, inRunFolder } from '../lifecycle.ts';
import { type DataSettings, openTrainingData } from '../openData.ts';
import { showIn, showRace } from '../records/peers.ts';
import { type Reporter, type RunWatcher, SILENT } from '../watcher.ts';
import { createFit } from './fit.ts';
import { openJournal } from './journal.ts';
import { deriveRecipe } from './recipe.ts';
import { recipeOf, sampleTraining, setUpRace, writeArchitecture } from './setUp.ts';
import type { RaceSetUp } from './setUpFile.ts';
import { trainingOf } from './trainer.ts';
import { createWorkers, type TrainingTask } from './workers.ts';
import { describeVerdict, writeVerdict } from './writeVerdict.ts';

/** The command of a race: its runs lie in `<runs>/auto/`. */
const COMMAND = 'auto';
const JOURNAL = 'answers.json';
/** Candidates that joined the race while it ran. */
const CHILDREN = 'candidates.json';

/** What a race found, and where it is. */
export interface LadderOutcome extends FinishedRun {
  /** Run folder of the last training of the network that is returned, on all training samples. */
  readonly chosen: string;
  readonly verdict: Verdict;
  /** The verdict in words. */
  readonly text: string;
  /** HTML page of the verdict. */
  readonly page: string;
  /** The network as an ONNX file; absent where it could not be exported, which the log explains. */
  readonly model?: string;
}

/**
 * Runs a race; see `espalier auto --help`. What the settings leave open of the recipe is derived from the data and written into `config.yaml`.
 * @throws StoppedError when `signal` was aborted: everything is saved, and `resume` continues to the same result.
 */
export async function ladderRun(
  request: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
): Promise<LadderOutcome> {
  const { plan, dataset, reasons } = await planLadder(request);
  const { config } = plan;
  // Every answer is in the journal and every training in its own checkpoints: a checkpoint of the race itself holds nothing.
  const resumable = {
    progress: { epoch: 0, current: { steps: 0 } },
    save: () => ({ tensors: {}, state: {} }),
    restore: () => undefined,
    share: async () => undefined,
  };
  const { command } = request;
  const started = performance.now();
  const { result, ...finished } = await inRunFolder(
    COMMAND,
    plan,
    resumable,
    { ...(command === undefined ? {} : { command }), watcher },
    async ({ folder: { path, name }, note, warn, resumed, save }) => {
      if (!resumed) save();
      for (const reason of reasons) note(`derived from the data: ${reason}`);
      const setUp = await setUpRace(config, path, dataset, watcher, signal);
      for (const line of describePlan(setUp, dataset)) note(line);
      const raced = await runRace(config, path, dataset, setUp, { watcher, note, warn }, signal);
      const statistic = dataset.rank === 3 ? 'dice' : 'miou';
      const verdict = judge(raced.finalists, statistic, createRandom(config.seed, 0x7e4d1c7));
      if (!verdict)
        throw new NumericError('every training of the finalists diverged', 'lower training.learningRate to a tenth');
      const final = await trainOnEverything(config, path, dataset, setUp, verdict, { watcher, note, warn }, signal);
      const seconds = (performance.now() - started) / 1000;
      const content = { verdict, result: raced, setUp, ...(final ? { final } : {}), seconds, minutes: config.minutes };
      const page = writeVerdict(path, content);
      const score = statistic === 'dice' ? 'mean Dice' : 'mIoU';
      const { steps } = setUp.plan;
      const peers = showRace(name, verdict.estimates, { data: dataset.name, steps, score, chosen: verdict.chosen });
      // The report of the race itself is written when it ends.
      writePeers(path, peers);
      if (final) showIn(final.run, peers);
      const text = describeVerdict(content);
      for (const line of text.split('\n')) note(line);
      const chosen = final?.run ?? verdict.chosen.trainings[0].run;
      const model = await exportChosen(chosen, config, { note, warn });
      return {
        result: { verdict, text, page, chosen, ...(model === undefined ? {} : { model }) },
        found: text.split('\n')[0],
      };
    },
  );
  return { ...finished, ...result };
}

/** The network as ONNX, held against the engine. A race does not fail over it: the network is trained. */
async function exportChosen(
  run: string,
  { threads }: LadderConfig,
  { note, warn }: Pick<Reporter, 'note' | 'warn'>,
): Promise<string | undefined> {
  try {
    const { file, parity, metadata } = await exportOnnx(parseConfig(settings.export, [{ run, threads }]));
    note(`exported to ${file}: ${describeParity(parity, metadata)}`);
    return file;
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    warn(`the network is not exported: ${error.message}`);
    return undefined;
  }
}

/** The settings that hold, the recipe among them, and the data. Writes nothing. */
export async function planLadder(
  request: RunRequest,
): Promise<{ plan: PlannedRun<LadderConfig>; dataset: DataSet; reasons: readonly string[] }> {
  const given = planRun(COMMAND, settings.auto, request);
  const { training, data } = given.config;
  const dataset = await openTrainingData({ ...(training as Omit<DataSettings, 'data'>), data });
  if (given.folder) return { plan: given, dataset, reasons: [] };
  const { recipe, reasons } = await deriveRecipe(dataset);
  const config = parseConfig(settings.auto, [{ training: recipe }, ...request.layers]);
  // A mistake in the recipe is found before anything is written.
  createFit(sampleTraining(recipeOf(config, '.', null, dataset.rank)), dataset);
  return { plan: { config, folder: null }, dataset, reasons };
}

/** Steps as units of time, where nothing was timed. */
const UNTIMED: Pace = { step: 1, start: 0, finish: 0 };

/** Races with trainings in the folder; answers that the journal has are not asked for again. */
async function runRace(
  config: LadderConfig,
  folder: string,
  dataset: DataSet,
  setUp: RaceSetUp,
  { watcher, note, warn }: Pick<Reporter, 'watcher' | 'note' | 'warn'>,
  signal?: AbortSignal,
): Promise<RaceResult<FinishedTraining>> {
  const { plan, candidates, heldOut, weights } = setUp;
  const recipe = recipeOf(config, folder, weights, dataset.rank);
  const journal = openJournal(join(folder, JOURNAL));
  const last = plan.rungs[plan.rungs.length - 1].steps;
  const place = { recipe, folder, steps: plan.steps, constantShare: last / plan.steps };
  const { pace = UNTIMED, processes } = setUp;
  const total = secondsOf(plan, pace).total;
  const workers = createWorkers(processes, warn, signal);
  let spent = 0;
  /** Remembers an answer and moves the bar by the seconds that were planned for it. */
  const ask = <Task extends TrainingTask>(question: string, seconds: number, task: Task) => {
    const own: RunWatcher = {
      progress: (_, words) => watcher.progress(Math.min(0.999, spent / total), `${question}  ${words}`),
      line: () => undefined,
    };
    return journal
      .remember(question, () => workers.run(task, own))
      .then((answer) => {
        spent += seconds;
        watcher.progress(Math.min(0.999, spent / total), question);
        return answer;
      });
  };
  const { step, start, finish } = pace;
  const children = new Map<string, Candidate>();
  const trainer: Trainer<FinishedTraining> = {
    continueTraining(candidate, steps) {
      writeArchitecture(folder, candidate);
      if (!candidates.includes(candidate) && !children.has(candidate.id)) {
        children.set(candidate.id, candidate);
        // For the dashboard: the others are in race.json.
        writeAtomically(join(folder, CHILDREN), `${JSON.stringify([...children.values()], null, 1)}\n`);
      }
      const training = trainingOf(candidate, config.seed, place);
      return ask(`${candidate.id} at ${steps} steps`, start + (2 / 3) * steps * step, {
        kind: 'judge',
        training,
        steps,
      });
    },
    async finish(candidate, offset) {
      const seed = config.seed + offset;
      const training = trainingOf(candidate, seed, place);
      const steps = offset === 0 ? plan.steps - last : plan.steps;
      const groups = heldOut.validation;
      const task = { kind: 'finish', training, groups } as const;
      const counts = await ask(`${candidate.id} to the end, seed ${seed}`, start + finish + steps * step, task);
      return { seed, run: training.path, ...counts };
    },
  };
  const raced = race(plan, candidates, trainer, {
    fit: createFit(sampleTraining(recipe), dataset),
    random: createRandom(config.seed, 0xb4eed),
    watcher: {
      rung: (result, index) => note(describeRung(result, index)),
      finalists: (finalists) => note(`finalists: ${finalists.map(labelOf).join('; ')}`),
    },
  });
  return raced.finally(() => workers.close());
}

/** Which samples judge. */
export const describeHeldOut = ({ validation, how, leftOut }: HeldOut, { splits }: DataSet): string =>
  `judged on ${Object.keys(validation).length} of ${splits.train.length} training samples: ${how}; ${leftOut.length} neighbours are left out`;

/** How many networks there are, by where they come from. */
export function describeNetworks(candidates: readonly Candidate[]): string {
  const count = (origin: Candidate['origin']) => candidates.filter((candidate) => candidate.origin === origin).length;
  const found = count('searched');
  return `${candidates.length} networks: ${count('hand-made')} made by hand, ${count('child')} variations of these, ${count('random')} random${found > 0 ? `, ${found} found by searches` : ''}`;
}

/** Trains the network that is returned again, on all training samples. Undefined where that diverged: then what was judged is returned. */
async function trainOnEverything(
  config: LadderConfig,
  folder: string,
  dataset: DataSet,
  { plan, weights, processes, pace = UNTIMED }: RaceSetUp,
  { statistic, chosen }: Verdict,
  { watcher, note, warn }: Pick<Reporter, 'watcher' | 'note' | 'warn'>,
  signal?: AbortSignal,
): Promise<FinalTraining | undefined> {
  const { heldOut: _, ...recipe } = recipeOf(config, folder, weights, dataset.rank);
  // The other trainings are done: their threads are free.
  const threads = Math.max(1, config.threads) * processes;
  const steps = finalSteps(plan);
  const constantShare = plan.rungs[plan.rungs.length - 1].steps / plan.steps;
  const place = { recipe: { ...recipe, threads }, folder, steps, constantShare };
  const training = trainingOf(chosen.candidate, config.seed, place, 'final');
  note(`${labelOf(chosen.candidate)} is trained on all training samples, ${steps} steps`);
  const workers = createWorkers(1, warn, signal);
  const { last, total } = secondsOf(plan, pace);
  const own: RunWatcher = {
    progress: (share, words) => watcher.progress(1 - ((1 - share) * last) / total, `last training  ${words}`),
    line: () => undefined,
  };
  try {
    const journal = openJournal(join(folder, JOURNAL));
    const counts = await journal.remember('the last training', () => workers.run({ kind: 'final', training }, own));
    if (counts.length > 0) {
      const random = createRandom(config.seed, 0xf17a1);
      const interval = scoreInterval([counts], statistic, random);
      return { run: training.path, steps, reported: scoreOf(counts, statistic), interval };
    }
  } finally {
    await workers.close();
  }
  warn('the last training, on all training samples, diverged: the network that was judged is returned');
  return undefined;
}

/** What the race is going to do, and how long each part takes. */
export function describePlan({ plan, pace, candidates, heldOut, processes }: RaceSetUp, dataset: DataSet): string[] {
  const seconds = pace && secondsOf(plan, pace, processes);
  const about = (time: number | undefined) => (time === undefined ? '' : `, about ${formatDuration(time)}`);
  return [
    describeHeldOut(heldOut, dataset),
    describeNetworks(candidates),
    ...plan.rungs.map(
      (rung, i) =>
        `rung ${i + 1}: ${rung.candidates} networks to ${rung.steps} steps each${rung.children > 0 ? `, ${rung.children} of them children` : ''}${about(seconds?.rungs[i])}`,
    ),
    `finish: ${plan.finalists} networks, ${plan.seeds} seeds each, ${plan.steps} steps${about(seconds?.finish)}`,
    `last training: the returned network on all training samples, ${finalSteps(plan)} steps${about(seconds?.last)}`,
    ...(pace && seconds
      ? [
          `a step takes ${formatDuration(pace.step)} here, ${processes} ${processes === 1 ? 'training' : 'trainings'} at a time; in all about ${formatDuration(seconds.total)}`,
        ]
      : []),
  ];
}

const labelOf = ({ id, name, change }: Candidate): string => `${id} ${name}${change ? ` (${change})` : ''}`;

function describeRung({ rung, standings, survivors, cheap }: RungResult, index: number): string {
  const shown = standings
    .slice(0, 5)
    .map(({ candidate, reading }) => `${candidate.id} ${(100 * reading.score).toFixed(1)} ${candidate.name}`);
  const on = survivors.length > 0 ? `; continuing: ${survivors.join(' ')}` : '';
  const filter =
    cheap && index === 0
      ? `; ${cheap.name} ranks them with ${cheap.correlation.toFixed(2)} and chooses among children`
      : '';
  return `rung ${index + 1}, ${rung.steps} steps: ${shown.join('; ')}${on}${filter}`;
}
