/**
 * @file What the dashboard's server answers. Types only: the page imports them.
 */
import type { RunEvent, RunStatus } from '../run/events.ts';

/**
 * How a run stands: as its log ends, or without an end `running` or `crashed` (its process is gone, or it has been silent for long); `damaged` where its log
 * does not say what was run.
 */
export type RunState = RunStatus | 'running' | 'crashed' | 'damaged';

/** The best score of a run; shares in [0, 1]. */
export interface RunScore {
  readonly name: 'mIoU' | 'Dice';
  readonly value: number;
  /** From 0; absent for scores that belong to no epoch. */
  readonly epoch?: number;
}

/** A run in one row of a table. */
export interface RunSummary {
  /** `<command>/<name>`. */
  readonly id: string;
  readonly command: string;
  readonly name: string;
  readonly state: RunState;
  /** What the end of the log says, or why a run counts as crashed. */
  readonly message: string;
  /** ISO times of the first start and of the last event. */
  readonly started?: string;
  readonly updated?: string;
  /** Seconds that the run worked, pauses between resumes left out. */
  readonly seconds: number;
  readonly epochs: number;
  readonly plannedEpochs?: number;
  /** Share of the work that is done, in [0, 1]. */
  readonly share?: number;
  /** Seconds to the end at the pace so far; while it is running. */
  readonly secondsLeft?: number;
  /** Seconds of a step: the median of the last ones. */
  readonly stepSeconds?: number;
  readonly peakBytes?: number;
  readonly score?: RunScore;
  /** Of the discrete network, where the run has one. */
  readonly parameters?: number;
  readonly multiplyAdds?: number;
  /** Of one inference, as predicted when the run began, and what on. */
  readonly latency?: { readonly ms: number; readonly on: string };
  /** Sides of the input that these are for. */
  readonly size?: readonly number[];
  /** The resolved settings, flat: `weights.learningRate` and its value as text; cut where they are too many or too long. */
  readonly settings: Readonly<Record<string, string>>;
  readonly warnings: number;
  /** Lines of the log that are no events. */
  readonly damaged: number;
}

/** What a run's folder holds, beside its log. */
export interface RunDetail {
  readonly summary: RunSummary;
  /** The newest command line. */
  readonly command?: string;
  readonly versions: Readonly<Record<string, string>>;
  /** config.yaml as it stands. */
  readonly config?: string;
  /** Names of the pictures in samples/, in natural order. */
  readonly samples: readonly string[];
  /** Names of the volumes in samples/, each beside its picture: `<id>.nii.gz`. */
  readonly volumes: readonly string[];
  /** What `espalier evaluate` measured, the newest ones, the oldest first; all other scores are those of the training. */
  readonly evaluations: readonly EvaluationSummary[];
  readonly documents: readonly DocumentName[];
  readonly pictures: readonly ImageName[];
  /** Comparisons and trials that it is part of, by id. */
  readonly collections: readonly string[];
}

/** What runs can belong together as: a comparison of architectures, or trials of a search. Also the folder that these lie in. */
export type CollectionKind = 'compare' | 'trials';

/** Runs that belong together, in one row. */
export interface CollectionSummary {
  /** `<kind>/<name>`. */
  readonly id: string;
  readonly kind: CollectionKind;
  readonly name: string;
  /** As the settings name the data; absent where they cannot be read. */
  readonly data?: string;
  /** What every training may use, such as `400steps`. */
  readonly budget?: string;
  /** Trainings that are planned, that ended with or without a result, and that are running with their searches. */
  readonly planned: number;
  readonly ended: number;
  readonly running: number;
  /** ISO time of the last event of any of its runs. */
  readonly updated?: string;
  readonly best?: RunScore;
  /** Why its settings cannot be read. */
  readonly fault?: string;
}

/** Every comparison and all trials of a folder of runs. */
export interface CollectionList {
  readonly collections: readonly CollectionSummary[];
  /** Those beyond the most that are read. */
  readonly more: number;
}

/** One training of a collection, and the search before it. */
export interface CollectionMember {
  /** As it is named in the settings; of a trial what its search found, as far as that is known. */
  readonly architecture: string;
  readonly seed: number;
  /** Ids of the runs, which may not have begun. */
  readonly training: string;
  readonly search?: string;
  /** What the table of the collection says once the training ended. */
  readonly row?: CollectionRow;
}

/** A row of comparison.csv or trials.csv; what is not in it, or no number, is absent. */
export interface CollectionRow {
  /** Shares in [0, 1]: the best on the validation split, with a CRF, and of the supernet of a search. */
  readonly score?: number;
  readonly crfScore?: number;
  readonly supernet?: number;
  readonly parameters?: number;
  readonly multiplyAdds?: number;
  /** Peak of a training step: measured, or estimated. */
  readonly memoryBytes?: number;
  readonly memoryIsMeasured?: boolean;
  readonly latencyMs?: number;
}

/** A collection with its runs. */
export interface CollectionDetail {
  readonly summary: CollectionSummary;
  readonly members: readonly CollectionMember[];
  /** Planned trainings beyond the most that are shown. */
  readonly more: number;
}

/** An evaluation of a run in one row; shares in [0, 1], null where there is nothing to measure. */
export interface EvaluationSummary {
  readonly name: string;
  /** ISO time. */
  readonly time: string;
  readonly data: string;
  readonly dataset: string;
  readonly split: string;
  readonly samples: number;
  /** Whether the data are those of the training. */
  readonly trainedOn: boolean;
  /** Weights, test-time augmentation and window, in words. */
  readonly how: string;
  readonly scores: {
    readonly miou: number | null;
    readonly pixelAccuracy: number | null;
    /** Of volumes. */
    readonly dice?: number | null | undefined;
  };
}

/** JSON documents of a run by the name under which they are asked for. */
export const DOCUMENTS = {
  genotype: 'genotype.json',
  graph: 'graph.json',
  data: 'data.json',
  race: 'race.json',
  candidates: 'candidates.json',
  answers: 'answers.json',
  verdict: 'verdict.json',
} as const;
export type DocumentName = keyof typeof DOCUMENTS;

/** Pictures of a run that are no samples. */
export const PICTURES = { genotype: 'genotype.svg', confusion: 'confusion_matrix.png' } as const;
export type ImageName = keyof typeof PICTURES;

/** The scores by class, from per_class.csv and confusion_matrix.csv. */
export interface RunScores {
  /** Header and rows. */
  readonly perClass?: readonly (readonly string[])[];
  readonly confusion?: { readonly names: readonly string[]; readonly counts: readonly (readonly number[])[] };
}

/** The events of a run that count, thinned where they are many. */
export interface RunHistory {
  readonly events: readonly RunEvent[];
  /** Byte of the log from which to follow it. */
  readonly offset: number;
  /** Events of the log before thinning. */
  readonly total: number;
}

/** Raw events from a byte of the log. */
export interface EventPage {
  readonly events: readonly RunEvent[];
  readonly offset: number;
  /** False while there is more. */
  readonly atEnd: boolean;
}

/** Message `runs` of a stream: every run by id, and the rows that changed. */
export interface RunsMessage {
  readonly ids: readonly string[];
  readonly changed: readonly RunSummary[];
}
