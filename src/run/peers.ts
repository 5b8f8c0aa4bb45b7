/**
 * @file `peers.json` of a run: the networks that it was compared with under equal conditions, in a comparison or a race, so that its report can show them
 * wherever the folder lies. Written when the comparison or the race ends.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { readTextFile } from '../base/textFile.ts';
import { writeAtomically } from './files.ts';

const PEERS_FILE = 'peers.json';
/** Of a comparison of some hundred networks it is far below. */
const MOST_BYTES = 2 ** 20;

const text = z.string().max(1000);
const share = z.number().min(0).max(1);
const cost = z.number().min(1e-6).max(1e18).optional();

const peersSchema = z.object({
  /** Such as `compare/first` or `auto/first`. */
  of: text,
  /** Name of the data, and what every training could use. */
  conditions: text,
  score: z.enum(['mIoU', 'mean Dice']),
  /** What the bounds of the scores are, in words. */
  bounds: text,
  /** Name of the network of this run. */
  own: text,
  networks: z
    .array(
      z.object({
        name: text,
        trainings: z.int().min(1),
        /** Mean over the trainings. */
        score: share,
        bounds: z.tuple([share, share]).optional(),
        multiplyAdds: cost,
        parameters: cost,
        /** Of a training step. */
        memoryBytes: cost,
        latencyMs: cost,
      }),
    )
    .max(500),
});

/** Networks under equal conditions, and which of them is that of the run. */
export type Peers = z.output<typeof peersSchema>;

/** One network among {@link Peers}. */
export type Peer = Peers['networks'][number];

/** Writes `peers.json` into the folder of a run, over an older one. */
export const writePeers = (folder: string, peers: Peers): void =>
  writeAtomically(join(folder, PEERS_FILE), `${JSON.stringify(peers, null, 1)}\n`);

/** The peers of a run; undefined where it was not compared. @throws DataError when the file is not as {@link writePeers} leaves it. */
export function readPeers(folder: string): Peers | undefined {
  const file = join(folder, PEERS_FILE);
  if (!existsSync(file)) return undefined;
  return parsePeers(readTextFile(file, MOST_BYTES), file);
}

/** @throws DataError naming the file when a text is not what {@link writePeers} leaves. */
export function parsePeers(content: string, file: string): Peers {
  const advice = 'remove it: the comparison or the race writes it again';
  let value: unknown;
  try {
    value = parseJson(content);
  } catch {
    throw new DataError(`${file}: expected JSON, got something else`, advice);
  }
  const result = peersSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new DataError(`${file}: ${issue.path.join('.') || 'the file'}: ${issue.message}`, advice);
}
