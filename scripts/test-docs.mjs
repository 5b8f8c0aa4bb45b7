/**
 * @file `npm run test:docs`: clones this repository into a temporary folder and does there what README and the documents say, page by page: every block
 * that is marked `sh run`, with the smallest settings, on small made-up data. Says which commands failed; exit code 1 if any did. Needs the npm registry
 * (or `fast=true`), libtorch, git.
 *
 *   npm run test:docs
 *   npm run test:docs -- page=docs/start.md   one page
 *   npm run test:docs -- fast=true            with the packages and the addon of this clone instead of fresh ones
 *   npm run test:docs -- keep=true            leaves the folder
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pageSteps, shortened } from './docs/pageSteps.mjs';

const root = join(import.meta.dirname, '..');
const options = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const place = mkdtempSync(join(tmpdir(), 'espalier-docs-'));
const clone = join(place, 'clone');
const bin = join(place, 'npm', 'bin');
const base = join(place, 'base');

/** Commands that a script cannot run, and why. */
const LEFT_OUT = [
  [/^npm test$/, 'the tests, which take minutes'],
  [/^espalier mlflow /, 'needs a server of MLflow'],
  [/^torchrun /, 'needs PyTorch'],
  ...(existsSync('/usr/include/gloo') ? [] : [[/^espalier launch .*processes=\d+ -- /, 'needs libgloo-dev']]),
];
const MOST_SECONDS = 600;

const environment = {
  ...process.env,
  npm_config_prefix: join(place, 'npm'),
  XDG_CACHE_HOME: join(place, 'cache'),
  NO_COLOR: '1',
  // Before what `npm link` makes there is what it has to make.
  PATH: `${bin}:${join(place, 'bin')}:${process.env.PATH}`,
};

/** Runs a line of a shell to its end; `until` ends it by Ctrl-C once its output has it. */
function run(line, cwd, until) {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn('bash', ['-c', line.includes('&&') ? line : `exec ${line}`], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const clock = setTimeout(() => child.kill('SIGKILL'), MOST_SECONDS * 1000);
    const take = (piece) => {
      output += piece;
      if (until?.test(output)) child.kill('SIGINT');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('close', (code, signal) => {
      clearTimeout(clock);
      resolve({ code: code ?? signal, output, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** A data set in a folder, from the embedded scenes of the clone. */
async function writeScenes(folder) {
  const { paintScene } = await import(join(clone, 'dist', 'data', 'scenes', 'scenes.js'));
  const { SCENE_CLASSES } = await import(join(clone, 'dist', 'data', 'scenes', 'classes.js'));
  const { encodePng } = await import(join(clone, 'dist', 'data', 'images', 'png.js'));
  for (let i = 0; i < 24; i++) {
    const { width, height, image, label } = paintScene(i, 96, 64);
    for (const [kind, channels, data] of [
      ['images', 3, image],
      ['masks', 1, label],
    ]) {
      mkdirSync(join(folder, kind), { recursive: true });
      writeFileSync(join(folder, kind, `p${i}.png`), encodePng({ width, height, channels, data }));
    }
  }
  writeFileSync(join(folder, 'data.yaml'), `classes: [${SCENE_CLASSES.map(({ name }) => name).join(', ')}]\n`);
}

/** A folder such as a reader has: data of their own, images to predict, and what earlier pages made. */
function prepare(folder, lines) {
  cpSync(base, folder, { recursive: true, filter: (path) => path !== join(base, 'runs') });
  const all = lines.join('\n');
  for (const [, run] of all.matchAll(/\b(runs\/(?:search|train)\/[\w-]+)/g)) {
    const [, command, name] = run.split('/');
    if (all.includes(` ${command} `) && all.includes(`name=${name}`)) continue;
    if (!existsSync(join(folder, run)))
      cpSync(join(base, 'runs', command, 'first'), join(folder, run), { recursive: true });
  }
}

function report(page, line, outcome) {
  const { code, output, seconds } = outcome;
  const state = code === 0 ? 'ok' : `failed (${code})`;
  process.stdout.write(`${state.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s  ${page}: ${line}\n`);
  if (code !== 0)
    process.stdout.write(`${output.trimEnd().split('\n').slice(-15).join('\n').replaceAll(/^/gm, '    ')}\n`);
  return code === 0 ? [] : [`${page}: ${line}`];
}

/** Does what a page says; returns what failed. */
async function follow(page) {
  const steps = pageSteps(readFileSync(join(clone, page), 'utf8'));
  const lines = steps.flatMap((step) => (step.kind === 'run' ? step.commands : []));
  const folder = join(place, basename(page, '.md'));
  const failed = [];
  // It changes the code: test/docs/operators.test.ts does what it says.
  if (steps.some(({ kind }) => kind === 'edit')) return failed;
  if (lines.some((line) => line.startsWith('espalier'))) prepare(folder, lines);
  for (const step of steps) {
    if (step.kind === 'file') writeFileSync(join(folder, step.file), step.text);
    for (const line of step.commands ?? []) {
      const reason = LEFT_OUT.find(([pattern]) => pattern.test(line))?.[1];
      if (reason) {
        process.stdout.write(`${'left out'.padEnd(10)} ${''.padStart(8)}  ${page}: ${line} (${reason})\n`);
        continue;
      }
      const inClone = /^(npm|npx) /.test(line);
      const until = /^espalier ui/.test(line) ? /http:\/\// : undefined;
      const outcome = await run(shortened(line), inClone ? clone : folder, until);
      failed.push(...report(page, line, outcome));
    }
  }
  return failed;
}

execFileSync('git', ['clone', '--quiet', root, clone]);
mkdirSync(bin, { recursive: true });
mkdirSync(join(place, 'npm', 'lib'), { recursive: true });
if (options.fast === 'true') {
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  mkdirSync(join(clone, 'build'));
  cpSync(join(root, 'build', 'native'), join(clone, 'build', 'native'), { recursive: true });
}
const failed = [];
const setUp = await run('node scripts/setup.mjs', clone);
failed.push(...report('set-up', 'node scripts/setup.mjs', setUp));
if (setUp.code === 0) {
  mkdirSync(join(place, 'bin'));
  writeFileSync(
    join(place, 'bin', 'espalier'),
    `#!/bin/sh\nexec node ${join(clone, 'dist', 'cli', 'main.js')} "$@"\n`,
    { mode: 0o755 },
  );
  mkdirSync(base);
  await writeScenes(join(base, 'street'));
  mkdirSync(join(base, 'new-images'));
  const sharp = createRequire(join(clone, 'package.json'))('sharp');
  const [first, second] = readdirSync(join(base, 'street', 'images')).map((name) =>
    join(base, 'street', 'images', name),
  );
  cpSync(first, join(base, 'picture.png'));
  for (const [i, image] of [first, second].entries())
    await sharp(image)
      .jpeg()
      .toFile(join(base, 'new-images', `${i}.jpg`));
  for (const line of [
    'espalier search data=street preset=small name=first',
    'espalier train data=street preset=small arch=runs/search/first name=first',
    'espalier export run=runs/train/first output=model.onnx',
  ])
    failed.push(...report('before', line, await run(shortened(line), base)));
  const pages = [
    'README.md',
    ...readdirSync(join(clone, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  for (const page of pages)
    if (options.page === undefined || options.page === page) failed.push(...(await follow(page)));
}
process.stdout.write(
  failed.length === 0 ? 'every command ended well\n' : `${failed.length} failed:\n  ${failed.join('\n  ')}\n`,
);
if (options.keep === 'true') process.stdout.write(`left in ${place}\n`);
else rmSync(place, { recursive: true, force: true });
process.exitCode = failed.length === 0 ? 0 : 1;
