/**
 * @file Every parser of files from strangers takes less than a second of the processor and 256 MiB beyond an idle process, whatever the file. Inputs are
 * given to processes of their own; one that exceeds a limit behind others is tried again alone, since memory that was freed stays with a process.
 * `ESPALIER_LIMITS=all` gives every parser what otherwise one of its kind gets for all.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { hostileTo } from './hostile.mjs';
import { PARSERS } from './parsers.mjs';

const LIMITS = { seconds: 1, bytes: 256 * 2 ** 20 };

/** Rows that stand for their kind. */
const FOR_ALL: readonly string[] = ['genotype', 'config YAML'];

/** Files of `src` that read or parse what no stranger wrote, or hand it to a parser that has a row. */
const NO_PARSERS: Readonly<Record<string, string>> = {
  'data/images/overlay.ts': 'encodes',
  'data/preview/example.ts': 'scales images that are decoded',
  'data/preview/sheet.ts': 'encodes',
  'data/nifti/read.ts': 'reads by data/nifti/bytes.ts',
  'engine/addon/build.ts': 'the addon of this package',
  'engine/addon/libtorch.ts': 'the libtorch that was installed',
  'engine/addon/locate.ts': 'the libtorch that was installed',
  'engine/device.ts': 'reads /proc',
  'jobs/cost/measureNetwork.ts': 'the answer of a process of its own',
  'data/detect.ts': 'looks for one word in data.yaml',
  'jobs/cost/measureNetworkProcess.ts': 'the question of the process that began it',
  'jobs/machine.ts': 'package.json of this package',
  'jobs/many/refined.ts': 'evaluations, by run/evaluations.ts',
  'jobs/many/resumable.ts': 'compares a text with one of its own',
  'jobs/many/trials.ts': 'genotypes of its own runs, by space/genotype.ts',
  'jobs/teacher/onnxTeacher.ts': 'hands the bytes to portable/modelFile.ts',
  'jobs/weights/foreignWeights.ts': 'reads by jobs/weights/safetensorsFile.ts',
  'jobs/weights/keptWeights.ts': 'weights of its own run, by run/safetensors.ts',
  'portable/node.ts': 'hands the bytes to portable/modelFile.ts',
  'portable/shipped.ts': 'the networks of this package',
  'run/followers/tensorBoard.ts': 'images of the run that is writing',
  'server/webFiles.ts': 'the page of this package',
};

const READS =
  /\b(parseJson|parseAnyKeys|parseYaml|JSON\.parse|readTextFile|maybeTextFile|readFileSync|readFile|createReadStream|readSync|parseCsv|readSafetensors|inflateSync|createGunzip|gunzipSync)\(|new PbfReader|dicomParser\.|file\.read\(|sharp\(/;

const source = join(import.meta.dirname, '..', '..', 'src');

describe('the table of parsers', () => {
  it('has a row for every file that reads or parses', () => {
    const reading = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && READS.test(readFileSync(join(source, name), 'utf8')))
      .map((name) => relative('.', name).split(sep).join('/'));
    const covered = Object.values(PARSERS).flatMap(({ covers = [] }) => covers);
    const known = [...covered, ...Object.keys(NO_PARSERS)];
    expect(reading.filter((name) => !known.includes(name))).toEqual([]);
    // What moved or is gone leaves the table.
    expect(known.filter((name) => !readdirSync(join(source, name, '..')).includes(name.split('/').at(-1)!))).toEqual(
      [],
    );
  });

  it('has hostile inputs for every row', () => {
    const without = Object.entries(PARSERS).filter(([, row]) => hostileTo(row).length === 0);
    expect(without.map(([name]) => name)).toEqual(['labels']);
  });
});

interface Measured {
  readonly seconds: number;
  readonly grown: number;
  readonly fault?: string;
  readonly said: string;
}

function measure(name: string, files: readonly string[]): Measured[] {
  const program = join(import.meta.dirname, 'measure.mjs');
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--expose-gc', program, name, ...files], {
    encoding: 'utf8',
    timeout: 600_000,
  });
  const answers = stdout.split('\n').filter((line) => line !== '');
  if (answers.length < files.length) throw new Error(`${name}: ended at input ${answers.length}: ${signal} ${stderr}`);
  return answers.map((line) => JSON.parse(line) as Measured);
}

/** Files whose length grows with a data set without bound take so many times as much for the same inputs, which are up to 60 MB here. */
const PROPORTIONAL = 4;

const isOver = ({ seconds, grown, fault }: Measured, factor: number) =>
  seconds > factor * LIMITS.seconds || grown > factor * LIMITS.bytes || fault !== undefined;

describe('a hostile file', () => {
  it.each(Object.keys(PARSERS).filter((name) => name !== 'labels'))(
    'costs %s less than a second and 256 MiB',
    { timeout: 900_000 },
    (name) => {
      const folder = temporaryFolder();
      const all = process.env.ESPALIER_LIMITS === 'all' || FOR_ALL.includes(name);
      const inputs = hostileTo(PARSERS[name], all);
      const files = inputs.map(([, make], i) => {
        const file = join(folder, String(i));
        writeFileSync(file, make());
        return file;
      });
      const factor = PARSERS[name].proportional ? PROPORTIONAL : 1;
      const found = measure(name, files).map((first, i) =>
        isOver(first, factor) ? measure(name, [files[i]])[0] : first,
      );
      rmSync(folder, { recursive: true });
      const over = found.flatMap((one, i) => (isOver(one, factor) ? [{ input: inputs[i][0], ...one }] : []));
      expect(over).toEqual([]);
    },
  );
});
