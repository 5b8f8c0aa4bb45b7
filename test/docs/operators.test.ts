/** @file The page on adding an operator: its edits, files and commands are carried out in a copy of the sources. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../src/run/eventLog.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

/** A step of a page, as `scripts/docs/pageSteps.mjs` reads it. */
type Step =
  | { readonly kind: 'run'; readonly commands: readonly string[] }
  | { readonly kind: 'edit' | 'file'; readonly file: string; readonly text: string };
interface PageSteps {
  pageSteps(markdown: string): Step[];
  applyEdit(content: string, text: string, file: string): string;
  shortened(line: string): string;
}

const root = resolve(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'operators.md'), 'utf8');
const copy = sharedFolder();
const read = (...path: string[]) => readFileSync(join(copy, ...path), 'utf8');
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const outputs = new Map<string, string>();
let tools: PageSteps;

/** A clone without its history: what compiles to the command line, and the addon that there is. */
function copySources(): void {
  for (const name of ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['node_modules', 'native']) symlinkSync(join(root, name), join(copy, name));
  mkdirSync(join(copy, 'build'));
  symlinkSync(join(root, 'build', 'native'), join(copy, 'build', 'native'));
  mkdirSync(join(copy, 'bin'));
  const main = join(copy, 'dist', 'cli', 'main.js');
  writeFileSync(join(copy, 'bin', 'espalier'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, { mode: 0o755 });
}

function carryOut(step: Step): void {
  if (step.kind === 'run') runAll(step.commands);
  else if (step.kind === 'file') writeFileSync(join(copy, step.file), step.text);
  else writeFileSync(join(copy, step.file), tools.applyEdit(read(step.file), step.text, step.file));
}

function runAll(commands: readonly string[]): void {
  for (const command of commands) {
    const { stdout, stderr, status } = spawnSync('bash', ['-c', tools.shortened(command)], {
      cwd: copy,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(copy, 'bin')}:${process.env.PATH}` },
    });
    expect([command, status, status === 0 ? '' : stdout + stderr]).toEqual([command, 0, '']);
    outputs.set(command, stdout + stderr);
  }
}

describe('the page on adding an operator', { timeout: 600_000 }, () => {
  beforeAll(async () => {
    tools = (await import(join(root, 'scripts', 'docs', 'pageSteps.mjs'))) as PageSteps;
    copySources();
    for (const step of tools.pageSteps(page)) carryOut(step);
  }, 600_000);

  const events = (command: string, name: string) => readEvents(join(copy, 'runs', command, name, 'events.jsonl'));
  const notes = (name: string) =>
    events('search', name).flatMap((event) => (event.type === 'note' ? [event.message] : []));
  const onPage = [...page.matchAll(/^note: (.*)$/gm)].map(([, note]) => note);

  it('ends with a search over nine operators in composed cells, and says so in a line', () => {
    expect(notes('wide').filter((note) => /fused/.test(note))).toEqual(onPage);
    const [architecture] = events('search', 'wide').filter(({ type }) => type === 'architecture');
    expect(architecture).toMatchObject({ alpha: expect.arrayContaining([expect.any(Array)]) });
    for (const row of (architecture as unknown as { alpha: number[][] }).alpha) expect(row).toHaveLength(9);
    expect(JSON.parse(read('found.json')).cell).toEqual(
      JSON.parse(read('runs', 'search', 'wide', 'genotype.json')).cell,
    );
  });

  it('counts, trains, draws and exports a cell with the operator', () => {
    const info = outputs.get('espalier info wide.json size=[65,65]');
    expect(info).toMatch(/all +[\d,]+ +0\.\d\d/);
    const graph = read('runs', 'train', 'own', 'network.json');
    expect(graph).toContain('sep7x7');
    expect(events('train', 'own').at(-1)).toMatchObject({ type: 'end', status: 'done' });
    expect(readdirSync(join(copy, 'runs', 'train', 'own', 'export')).some((name) => name.endsWith('.onnx'))).toBe(true);
  });

  it('names every file that a new kind needs', () => {
    const table = join(copy, 'src', 'space', 'operators.ts');
    const before = readFileSync(table, 'utf8');
    writeFileSync(table, before.replace("sep7x7: { kind: 'separable'", "sep7x7: { kind: 'other'"));
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noEmit'], {
      cwd: copy,
      encoding: 'utf8',
    });
    writeFileSync(table, before);
    const files = new Set([...stdout.matchAll(/^(src\S+?)\(/gm)].map(([, file]) => file));
    const listed = [...page.matchAll(/^\| `(src\/\S+)` \|/gm)].map(([, file]) => file);
    expect([...files].sort()).toEqual(listed.sort());
  });

  it('ends with a search of DiNTS over three operators of images', () => {
    const note = notes('edges').find((message) => /fused/.test(message));
    expect(note).toBe('operator conv5: the fused edge does not support this; falling back to slower unfused edges');
    const [architecture] = events('search', 'edges').filter(({ type }) => type === 'architecture');
    for (const row of (architecture as unknown as { ops: number[][][] }).ops.flat()) expect(row).toHaveLength(3);
  });
});

it('refuses an edit whose lines are not in the file once', async () => {
  const { applyEdit } = (await import(join(root, 'scripts', 'docs', 'pageSteps.mjs'))) as PageSteps;
  expect(applyEdit('a\nb\nc\n', ' a\n+x\n-b\n', 'f')).toBe('a\nx\nc\n');
  expect(() => applyEdit('a\nb\n', ' c\n+x\n', 'f')).toThrow(/f: expected these lines once, found 0 times/);
  expect(() => applyEdit('a\na\n', ' a\n+x\n', 'f')).toThrow(/found 2 times/);
});
