/**
 * @file Makes a clone ready to run: npm dependencies, the compiled TypeScript, libtorch and the addon, the dashboard's page. Plain Node, no dependency of
 * its own. Each step is skipped when its result is newer than its sources, so that a second run takes a second.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Ends with one message and the command that helps. */
function stop(problem, command) {
  console.error(`\nespalier set-up: ${problem}\n  run: ${command}\nthen run the same command again.`);
  process.exit(1);
}

const say = (text) => console.error(`espalier set-up: ${text}`);

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

function compileTypeScript() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    for (const project of ['tsconfig.build.json', 'tsconfig.browser.json'])
      execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  } catch {
    stop('the TypeScript sources do not compile', 'npx tsc -p tsconfig.build.json');
  }
}

/** The addon, by the code that an installed package sets itself up with. */
async function setUpAddon() {
  const { setUpEngine } = await import(new URL('../dist/engine/addon/setup.js', import.meta.url).href);
  try {
    setUpEngine({ install: true, say });
  } catch (error) {
    console.error(`\nespalier set-up: ${error.message}`);
    process.exit(1);
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
compileTypeScript();
await setUpAddon();
buildPage();
