import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Which folders of `src` a folder may import, beside itself. */
const ALLOWED: Record<string, readonly string[]> = {
  base: [],
  engine: ['base'],
  nn: ['base', 'engine'],
  space: ['base'],
  decode: ['base', 'space'],
  data: ['base'],
  metrics: ['base'],
  run: ['base'],
  supernet: ['base', 'engine', 'nn', 'space'],
  models: ['base', 'engine', 'nn', 'space'],
  portable: ['base', 'data'],
  browser: ['base', 'data', 'portable'],
  export: ['base', 'engine', 'nn', 'space', 'data', 'models', 'run', 'portable'],
  // The loops know no run folder: nothing of `run`, nothing of `jobs`.
  method: ['base', 'engine', 'nn', 'space', 'decode', 'supernet', 'models'],
  parallel: ['base', 'engine', 'nn', 'data'],
  infer: ['base', 'engine', 'nn', 'data', 'metrics', 'parallel'],
  // The race is pure: its trainer is given.
  ladder: ['base', 'space', 'models'],
  train: ['base', 'engine', 'nn', 'space', 'data', 'metrics', 'models', 'method', 'parallel', 'infer'],
  jobs: [
    'base',
    'engine',
    'nn',
    'space',
    'decode',
    'data',
    'metrics',
    'run',
    'supernet',
    'models',
    'export',
    'portable',
    'method',
    'parallel',
    'infer',
    'train',
    'ladder',
  ],
  server: ['base', 'run'],
  cli: [
    'base',
    'engine',
    'nn',
    'space',
    'decode',
    'data',
    'metrics',
    'run',
    'supernet',
    'models',
    'export',
    'portable',
    'method',
    'parallel',
    'infer',
    'train',
    'ladder',
    'jobs',
    'server',
  ],
};

/**
 * What the dashboard's page may import: code that knows no Node (its type check refuses what does), and types of what the server and the run
 * folder tell.
 */
const PAGE_CODE: readonly string[] = ['base', 'space', 'decode', 'data', 'run'];
const PAGE_TYPES: readonly string[] = [...PAGE_CODE, 'models', 'server', 'ladder'];

/** Folders of one file a command, and one a layout: flat, because they are lists. */
const LISTS: readonly string[] = ['cli', 'data/layouts'];

/**
 * What earlier versions said instead of: backward pass, resumes, reports, fixes, instead of, got, all-reduce. To tell apart is plain English; `exchange`
 * is also a function of C++, and `exchangedSeconds` a field of old event logs.
 */
const PRIVATE_WORDS =
  /\b(ways? back|way forward|go(es|ing)? on|gone on|told|tell(s|ing)?(?! (\S+ ){0,3}apart)|mend(s|ed|ing)?|in place of|came|(?<!::|\.)exchang(es?|ed|ing)|(?<!gradient )descents?|door(?!\.cc| to libtorch))\b/gi;

/** Words that also mean something else where data are read (the slope of NIfTI) or people look at drawings, and so are looked for in these folders only. */
const MORE_WORDS: Readonly<Record<string, RegExp>> = {
  native: /\b(slopes?|pictures?)\b/gi,
  bench: /\b(slopes?|pictures)\b/gi,
  examples: /\b(slopes?|pictures?)\b/gi,
  'web/src': /\bslopes?\b/gi,
  scripts: /\bslopes?\b/gi,
};

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

describe('the house', () => {
  it.each(files)('%s opens with a header and imports one way', (name) => {
    const text = readFileSync(join(source, name), 'utf8');
    expect(text).toMatch(/^(#!.*\n)?\/\*\*\s+(\* )?@file /);
    const room = name.includes('/') ? name.split('/')[0] : undefined;
    if (room === undefined) return; // index.ts may import every room
    expect(Object.keys(ALLOWED)).toContain(room);
    for (const [, target] of text.matchAll(/from '(\.[^']+)'/g)) {
      const other = relative(source, resolve(dirname(join(source, name)), target)).split('/')[0];
      if (other !== room) expect(ALLOWED[room], `${name} imports ${target}`).toContain(other);
    }
  });

  it('is the table of ARCHITECTURE.md', () => {
    const text = readFileSync(resolve(source, '..', 'ARCHITECTURE.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` \| [^|]+ \|([^|]*)\|$/gm)];
    const table = Object.fromEntries(
      rows.map(([, room, imports]) => [room, [...imports.matchAll(/`(\w+)`/g)].map(([, name]) => name)]),
    );
    expect(table).toEqual(ALLOWED);
    const rooms = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  it('names only files that exist in ARCHITECTURE.md and CONTRIBUTING.md', () => {
    for (const page of ['ARCHITECTURE.md', 'CONTRIBUTING.md']) {
      const text = readFileSync(resolve(source, '..', page), 'utf8');
      for (const [, path] of text.matchAll(/`((?:[\w.-]+\/)+(?:[\w-]+\.(?:ts|sh|md))?)`/g))
        expect([resolve(source, path), resolve(source, '..', path)].some(existsSync), `${page} names ${path}`).toBe(
          true,
        );
    }
  });

  it('names only files that exist in its documents', () => {
    const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    const missing = ['README.md', ...pages.map((name) => join('docs', name))].flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/`((?:src|native|test|bench|web|scripts)\/[\w./-]+)`/g)]
        .filter(([, path]) => !existsSync(join(root, path)))
        .map(([, path]) => `${page} names ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it('spreads no list of any length into a call: one takes some 120,000 arguments', () => {
    const spread = (texts: readonly string[], call: RegExp) =>
      texts.filter((path) => call.test(readFileSync(path, 'utf8'))).map((path) => relative(root, path));
    const inFolderOf = (folder: string) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(root, folder, name));
    expect(spread(inFolderOf('src'), /\.(push|unshift)\((?:[^(){}[\]]*,\s*)?\.\.\./)).toEqual([]);
    expect(spread(inFolderOf('test'), /Math\.(max|min)\(\.\.\.[^;\n]*\.numbers\(\)\)/)).toEqual([]);
  });

  it('imports in no circle, file by file', () => {
    const imports = new Map(
      files.map((name) => {
        const targets = [...readFileSync(join(source, name), 'utf8').matchAll(/from '(\.[^']+)'/g)];
        return [name, targets.map(([, target]) => relative(source, resolve(dirname(join(source, name)), target)))];
      }),
    );
    const done = new Set<string>();
    const visit = (name: string, path: readonly string[]): void => {
      expect(path.includes(name) ? [...path.slice(path.indexOf(name)), name].join(' -> ') : '').toBe('');
      if (done.has(name)) return;
      for (const target of imports.get(name) ?? []) visit(target, [...path, name]);
      done.add(name);
    };
    for (const name of files) visit(name, []);
  });

  it('loads what an installation may lack only where it is needed', () => {
    const early = files.filter((name) =>
      /^import (?!type ).*from '(sharp|onnxruntime-node|onnxruntime-web)'/m.test(
        readFileSync(join(source, name), 'utf8'),
      ),
    );
    expect(early).toEqual([]);
  });

  it('has no folder of more than fifteen files, but for lists that grow by a file an entry', () => {
    const folders = new Map<string, number>();
    for (const name of files) folders.set(dirname(name), (folders.get(dirname(name)) ?? 0) + 1);
    const crowded = [...folders].filter(([folder, count]) => count > 15 && !LISTS.includes(folder));
    expect(crowded).toEqual([]);
  });

  it("says things in the field's words, as the glossary does", () => {
    const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    const inFolder = (folder: string) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(tsx?|m?js|cc|h|txt|md|py|sh|css|html)$/.test(entry.name))
        .map(({ parentPath, name }) => join(parentPath, name));
    const texts: [path: string, words: RegExp][] = [
      ...files.map((name) => join(source, name)),
      ...pages.map((name) => join(root, 'docs', name)),
      ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].map((name) => join(root, name)),
      ...Object.keys(MORE_WORDS).flatMap(inFolder),
    ].map((path) => [path, PRIVATE_WORDS]);
    for (const [folder, words] of Object.entries(MORE_WORDS))
      texts.push(...inFolder(folder).map((path): [string, RegExp] => [path, words]));
    const found = texts.flatMap(([path, words]) =>
      [...readFileSync(path, 'utf8').matchAll(words)].map(([word]) => `${relative(root, path)}: ${word}`),
    );
    expect(found).toEqual([]);
  });

  it('shares only what is pure with the page', () => {
    const page = resolve(import.meta.dirname, '..', 'web', 'src');
    for (const name of readdirSync(page, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.tsx?$/.test(file),
    )) {
      const text = readFileSync(join(page, name), 'utf8');
      expect(text).toMatch(/^\/\*\*\s+(\* )?@file /);
      for (const [, isType, target] of text.matchAll(/(import type|import|export) [^;]*?from '(\.[^']+)'/g)) {
        const path = resolve(dirname(join(page, name)), target);
        if (path.startsWith(page)) continue;
        const room = relative(source, path).split('/')[0];
        const allowed = isType === 'import type' ? PAGE_TYPES : PAGE_CODE;
        expect(allowed, `web/src/${name} imports ${target}`).toContain(room);
      }
    }
  });

  it('knows libtorch in engine only', () => {
    const outside = files.filter(
      (name) =>
        !name.startsWith('engine/') && /native\(\)|espalier\.node/.test(readFileSync(join(source, name), 'utf8')),
    );
    expect(outside).toEqual([]);
  });
});
