/**
 * @file Makes a clone ready to run: npm dependencies, libtorch, the addon, the compiled TypeScript, the dashboard's page. Plain Node, no dependency of its own.
 * Each step is skipped when its result is newer than its sources, so that a second run takes a second.
 *
 * libtorch comes from the first of: LIBTORCH (a folder), a Python environment's torch (ESPALIER_PYTHON or python3), the system's package.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build', 'native');

/** Ends with one message and the command that helps. */
function stop(problem, command) {
  console.error(`\nespalier set-up: ${problem}\n  run: ${command}\nthen run the same command again.`);
  process.exit(1);
}

const say = (text) => console.error(`espalier set-up: ${text}`);
const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function installPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const stamp = join(root, 'node_modules', '.espalier-lock');
  const hash = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  say('installing npm dependencies');
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) stop('the npm dependencies could not be installed (is the registry reachable?)', 'npm ci');
  writeFileSync(stamp, hash);
}

/** The folder that holds libtorch's include/ and lib/, '' for the system's own, undefined when there is none. */
function findLibtorch() {
  const isLibtorch = (folder) => existsSync(join(folder, 'include', 'ATen', 'ATen.h'));
  const given = process.env.LIBTORCH;
  if (given) {
    if (isLibtorch(given)) return given;
    stop(`LIBTORCH=${given} holds no include/ATen/ATen.h`, 'export LIBTORCH=<folder of an unpacked libtorch>');
  }
  const python = process.env.ESPALIER_PYTHON ?? 'python3';
  const probe = spawnSync(python, ['-c', 'import torch; print(torch.__path__[0])'], { encoding: 'utf8' });
  if (probe.status === 0 && isLibtorch(probe.stdout.trim())) return probe.stdout.trim();
  return ['/usr', '/usr/local'].some(isLibtorch) ? '' : undefined;
}

/** Installs Debian or Ubuntu packages when this user may; says so before it does. */
function installSystemPackages(names, why) {
  const line = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  const isRoot = process.getuid?.() === 0;
  if (!has('apt-get')) {
    stop(
      `${why}, and this system has no apt-get`,
      'download libtorch from https://pytorch.org and: export LIBTORCH=<the unpacked folder>',
    );
  }
  if (!isRoot && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0)
    stop(`${why}, and installing it needs root`, `sudo ${line}`);
  say(`${why}: installing ${names.join(', ')} with apt-get`);
  const prefix = isRoot ? [] : ['sudo', '-n'];
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'apt-get', ...args];
    return (
      spawnSync(command, rest, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      }).status === 0
    );
  };
  const install = () => apt('install', '-y', '-qq', '--no-install-recommends', ...names);
  if (!install() && !(apt('update', '-qq') && install()))
    stop(
      `${names.join(', ')} could not be installed (is the package server reachable?)`,
      `${isRoot ? '' : 'sudo '}${line}`,
    );
}

function fingerprint(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h|txt|tsx?|css|html|svg)$/.test(name))
    .map(
      (name) =>
        `${name}:${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    )
    .sort()
    .join('\n');
}

function buildAddon() {
  const missing = [];
  if (!has('cmake')) missing.push('cmake');
  if (!has('make') && !has('ninja')) missing.push('make');
  if (!has('c++') && !has('g++') && !has('clang++')) missing.push('g++');
  if (missing.length > 0) installSystemPackages(missing, `${missing.join(' and ')} missing (they build the addon)`);
  let folder = findLibtorch();
  if (folder === undefined) {
    installSystemPackages(['libtorch-dev', 'libgloo-dev'], 'no libtorch found');
    folder = findLibtorch();
    if (folder === undefined) stop('libtorch was installed but is not found', 'export LIBTORCH=<its folder>');
  }
  const stamp = join(build, 'stamp');
  const state = `${folder}\n${process.version}\n${fingerprint(join(root, 'native'))}`;
  if (existsSync(join(build, 'espalier.node')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  say(`building the addon for ${folder === '' ? "the system's libtorch" : folder}`);
  mkdirSync(build, { recursive: true });
  const log = join(build, 'build.log');
  const steps = [
    [
      'cmake',
      [
        '-S',
        join(root, 'native'),
        '-B',
        build,
        `-DNODE_API_INCLUDE=${join(root, 'node_modules', 'node-api-headers', 'include')}`,
        `-DLIBTORCH=${folder}`,
      ],
    ],
    ['cmake', ['--build', build, '--parallel', String(availableParallelism())]],
  ];
  for (const [command, args] of steps) {
    const result = spawnSync(command, args, { encoding: 'utf8' });
    writeFileSync(log, `${result.stdout}\n${result.stderr}`);
    if (result.status !== 0) {
      console.error(`${result.stdout}\n${result.stderr}`.split('\n').slice(-25).join('\n'));
      stop(`the addon could not be built (whole log: ${log})`, `${command} ${args.join(' ')}`);
    }
  }
  writeFileSync(stamp, state);
}

function compileTypeScript() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    for (const project of ['tsconfig.build.json', 'tsconfig.browser.json'])
      execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  } catch {
    stop('the TypeScript sources do not compile', 'npx tsc -p tsconfig.build.json');
  }
}

/** The dashboard's page; built again when anything that it is made of changed. */
function buildPage() {
  const page = join(root, 'dist', 'web');
  const stamp = join(root, 'build', 'web.stamp');
  const sources = [join(root, 'web'), join(root, 'src')].map(fingerprint);
  const state = [readFileSync(join(root, 'package-lock.json'), 'utf8'), ...sources].join('\n');
  const hash = createHash('sha256').update(state).digest('hex');
  if (existsSync(join(page, 'index.html')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  try {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', 'web/vite.config.ts'],
      { cwd: root, stdio: 'inherit' },
    );
  } catch {
    stop("the dashboard's page could not be built", 'npm run build:web');
  }
  writeFileSync(stamp, hash);
}

if (Number(process.versions.node.split('.')[0]) < 20)
  stop(`Node ${process.versions.node} is too old, 20 is needed`, 'nvm install 20');
installPackages();
buildAddon();
compileTypeScript();
buildPage();
