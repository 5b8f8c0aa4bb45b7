/**
 * @file The events of a run: what `events.jsonl` holds. Types only, so that the dashboard can import them in a browser.
 *
 * Numbers that are not finite are null in the file: JSON has no others.
 */

/** How a run ended; a search that reached its end and decided next to nothing is `undecided`. */
export type RunStatus = 'done' | 'undecided' | 'stopped' | 'diverged' | 'failed';

/** Whether a run that ended so reached its end, so that there is nothing to resume. */
export const reachedEnd = (status: string): boolean => status === 'done' || status === 'undecided';

/** What happened, as the writer says it; the log adds `seq` and `time`. */
export type RunEventBody =
  | {
      readonly type: 'start';
      readonly command: string;
      readonly config: Readonly<Record<string, unknown>>;
      readonly versions: Readonly<Record<string, string>>;
      /** The epoch a resumed run starts from; absent for a new one. */
      readonly resumedEpoch?: number;
      /** Steps of that epoch which were done already; the others are done again. */
      readonly resumedStep?: number;
    }
  | {
      readonly type: 'step';
      readonly phase: string;
      readonly epoch: number;
      /** Within the epoch, from 1. */
      readonly step: number;
      /** Of an epoch; absent in logs of earlier versions. */
      readonly steps?: number;
      /** Of a search that of the weights: what its epochs call `weightLoss`. */
      readonly loss: number | null;
      /** Of a search, once the architecture learns; absent in logs of earlier versions. */
      readonly architectureLoss?: number | null;
      readonly learningRate: number;
      /** Share of the whole run that is done, in [0, 1]: what the time left is estimated from. */
      readonly share?: number;
    }
  | {
      readonly type: 'epoch';
      readonly phase: string;
      readonly epoch: number;
      readonly metrics: Readonly<Record<string, number | null>>;
    }
  | {
      readonly type: 'architecture';
      readonly epoch: number;
      /** Tables of logits, nested lists in the order of the search space: alpha and beta of Auto-DeepLab, edges and ops of DiNTS. */
      readonly alpha?: unknown;
      readonly beta?: unknown;
      /** Which moves of beta sum to one, where they are not those that leave a node. */
      readonly betaNormalisation?: unknown;
      /** Logits of what each edge of the cell counts, where a search had such. */
      readonly predecessors?: unknown;
      readonly edges?: unknown;
      readonly ops?: unknown;
      /** Mean entropies in nats by what they are of: operators, moves, patterns. */
      readonly entropies: Readonly<Record<string, number | null>>;
      /** The same where nothing is decided; absent in logs of earlier versions. */
      readonly limits?: Readonly<Record<string, number | null>>;
      /** The most probable path of resolutions, one a layer; absent where an architecture has no single path. */
      readonly path?: readonly number[];
      /** The genotype decoded now. */
      readonly genotype: unknown;
    }
  | {
      readonly type: 'evaluation';
      readonly epoch?: number;
      readonly split: string;
      readonly miou: number | null;
      readonly pixelAccuracy: number | null;
      readonly meanAccuracy: number | null;
      readonly iou: readonly (number | null)[];
      /** Of volumes, over their foreground: means over cases, then over classes. */
      readonly volumes?: {
        readonly dice: number | null;
        readonly surfaceDice: number | null;
        readonly hausdorff95Mm: number | null;
        /** Of classes 1, 2, ... or of regions. */
        readonly diceByClass: readonly (number | null)[];
      };
      /** Of the classes, or of the regions. */
      readonly classNames?: readonly string[];
    }
  /** Bytes of the process: resident now, and the most so far. */
  | { readonly type: 'memory'; readonly epoch: number; readonly residentBytes: number; readonly peakBytes: number }
  /** Of several processes, in the order of their ranks: seconds of the epoch. */
  | {
      readonly type: 'ranks';
      readonly epoch: number;
      readonly computedSeconds: readonly number[];
      /** In collectives, waiting for the others included. */
      readonly exchangedSeconds: readonly number[];
      /** Of the computed ones, those in which gradients were all-reduced meanwhile. */
      readonly hiddenSeconds: readonly number[];
    }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'checkpoint'; readonly path: string; readonly epoch?: number }
  | { readonly type: 'end'; readonly status: RunStatus; readonly message: string };

/** One line of the log: an event with its place (`seq` from 0, without gaps) and ISO time. */
export type RunEvent = RunEventBody & { readonly seq: number; readonly time: string };
