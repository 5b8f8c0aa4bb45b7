/**
 * @file Sends a run to an MLflow server, and resumes where it stopped: the run folder remembers under which id it is known and up to which event it
 * was sent. Reads the log as anybody would; the run knows nothing of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readTextFile } from '../../base/textFile.ts';
import { readEventsFrom } from '../eventLog.ts';
import type { RunEvent } from '../events.ts';
import { writeAtomically } from '../files.ts';
import type { RunFolder } from '../folder.ts';
import { MLFLOW_STATUS, mlflowBatches } from './mlflow.ts';

/** Where a run is sent. */
export interface MlflowTarget {
  /** Address of the server, such as `http://localhost:5000`. */
  readonly server: string;
  readonly experiment: string;
  /** Value of the header `Authorization`; absent for servers that ask for none. */
  readonly authorization?: string;
}

/** What was sent. */
export interface MlflowOutcome {
  readonly runId: string;
  /** Events that were new. */
  readonly events: number;
  /** Whether the run has ended. */
  readonly ended: boolean;
}

const memorySchema = z.strictObject({
  server: z.string(),
  experiment: z.string(),
  runId: z.string(),
  offset: z.int().min(0),
  steps: z.int().min(0),
  ended: z.boolean(),
});

/** Sends what is new in a run. Throws `DataError` with the answer of the server where it refuses. */
export async function sendToMlflow(folder: RunFolder, target: MlflowTarget): Promise<MlflowOutcome> {
  const file = join(folder.path, 'mlflow.json');
  const known = readMemory(file, target);
  const { events, offset } = allFrom(folder.events, known?.offset ?? 0);
  const call = createCaller(target);
  const runId = known?.runId ?? (await createRun(call, target.experiment, folder, events));
  // The id first: a connection that breaks later must not make a second run.
  const remember = (sent: { offset: number; steps: number; ended: boolean }) => {
    const { server, experiment } = target;
    writeAtomically(file, `${JSON.stringify({ server, experiment, runId, ...sent })}\n`);
  };
  const steps = known?.steps ?? 0;
  if (!known) remember({ offset: 0, steps, ended: false });
  for (const batch of mlflowBatches(events, steps)) await call('POST', 'runs/log-batch', { run_id: runId, ...batch });
  const last = events.findLast((event) => event.type === 'start' || event.type === 'end');
  if (last) await call('POST', 'runs/update', { run_id: runId, ...statusOf(last) });
  const ended = last ? last.type === 'end' : (known?.ended ?? false);
  if (events.length > 0)
    remember({ offset, steps: steps + events.filter(({ type }) => type === 'step').length, ended });
  return { runId, events: events.length, ended };
}

const statusOf = (event: RunEvent): object =>
  event.type === 'end'
    ? { status: MLFLOW_STATUS[event.status], end_time: Date.parse(event.time) }
    : { status: 'RUNNING' };

/** What is new in a log, to its end. */
function allFrom(path: string, start: number): { events: RunEvent[]; offset: number } {
  const events: RunEvent[] = [];
  for (let offset = start; ; ) {
    const piece = readEventsFrom(path, offset);
    for (const event of piece.events) events.push(event);
    offset = piece.offset;
    if (piece.atEnd) return { events, offset };
  }
}

/** What was sent of a run, by the file that says so; undefined where it is about another server. @throws DataError where it cannot be read. */
export function readMemory(file: string, { server, experiment }: MlflowTarget) {
  if (!existsSync(file)) return undefined;
  let memory: z.output<typeof memorySchema>;
  try {
    memory = memorySchema.parse(parseJson(readTextFile(file)));
  } catch {
    throw new DataError(`${file}: does not say what was sent`, 'remove it: the run is then sent anew');
  }
  return memory.server === server && memory.experiment === experiment ? memory : undefined;
}

type Caller = (
  method: 'GET' | 'POST',
  path: string,
  body: Readonly<Record<string, string>> | object,
) => Promise<Answer>;
type Answer = Readonly<Record<string, unknown>>;

/** How long a server may take, in milliseconds. */
const TIMEOUT_MS = 30_000;

function createCaller({ server, authorization }: MlflowTarget): Caller {
  const base = `${server.replace(/\/+$/, '')}/api/2.0/mlflow`;
  return async (method, path, body) => {
    const query = method === 'GET' ? `?${new URLSearchParams(body as Record<string, string>)}` : '';
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}/${path}${query}`, {
        method,
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
      });
      text = await response.text();
    } catch (error) {
      const { cause, message } = error as Error & { cause?: Error };
      throw new DataError(
        `${server}: no answer (${cause?.message || message})`,
        'is it the address of an MLflow server?',
      );
    }
    const answer = parseAnswer(text);
    if (response.ok && answer) return answer;
    if (answer?.error_code === NOT_FOUND) return {};
    const reason = typeof answer?.message === 'string' ? answer.message : text;
    throw new DataError(`${server}: ${path} was refused (${response.status}): ${reason.slice(0, 300)}`);
  };
}

const NOT_FOUND = 'RESOURCE_DOES_NOT_EXIST';

function parseAnswer(text: string): Answer | undefined {
  try {
    const value = parseJson(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** A new run in the experiment of that name, which is made where it is not there. */
async function createRun(
  call: Caller,
  experiment: string,
  { command, name }: RunFolder,
  events: readonly RunEvent[],
): Promise<string> {
  const found = await call('GET', 'experiments/get-by-name', { experiment_name: experiment });
  const id =
    textAt(found, 'experiment', 'experiment_id') ??
    textAt(await call('POST', 'experiments/create', { name: experiment }), 'experiment_id');
  const made = await call('POST', 'runs/create', {
    experiment_id: id,
    run_name: `${command}/${name}`,
    start_time: Date.parse(events[0]?.time ?? new Date().toISOString()),
    tags: [{ key: 'mlflow.source.name', value: 'espalier' }],
  });
  const runId = textAt(made, 'run', 'info', 'run_id');
  if (runId === undefined) throw new DataError('the server returned a run without an id', 'is it an MLflow server?');
  return runId;
}

/** The text at a path of an answer. */
function textAt(answer: Answer, ...path: readonly string[]): string | undefined {
  const value = path.reduce<unknown>((inner, key) => (inner as Answer | undefined)?.[key], answer);
  return typeof value === 'string' ? value : undefined;
}
