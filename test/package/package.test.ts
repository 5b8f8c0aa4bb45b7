/**
 * @file The package as it is published: packed, installed into an empty folder, and used from there by the command, from JavaScript and from TypeScript.
 * Needs the npm registry for the dependencies, and skips without it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/images/png.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH } from '../helpers/tinyRuns.ts';

const root = resolve(import.meta.dirname, '..', '..');
const isBuilt = existsSync(join(root, 'dist', 'cli', 'main.js'));
const folder = sharedFolder();
let packed: { filename: string; files: { path: string }[] };
let installed = false;

const tarball = () => readFileSync(join(folder, packed.filename));
const environment = () => ({ ...process.env, XDG_CACHE_HOME: join(folder, 'cache') });
const npm = (...words: string[]) => spawnSync('npm', words, { cwd: folder, encoding: 'utf8' });
const espalier = (words: readonly string[], more: Record<string, string> = {}) =>
  spawnSync(process.execPath, [join(folder, 'node_modules', '.bin', 'espalier'), ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...environment(), ...more },
  });

beforeAll(() => {
  if (!isBuilt) return;
  execFileSync(process.execPath, [join(root, 'scripts', 'prebuild.mjs')], { stdio: 'ignore' });
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout } = spawnSync('npm', words, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const listed = JSON.parse(stdout) as (typeof packed)[] | Record<string, typeof packed>;
  packed = Object.values(listed)[0];
  writeFileSync(join(folder, 'package.json'), '{"name":"consumer","private":true,"type":"module"}');
  installed =
    npm('install', join(folder, packed.filename), '--omit=optional', '--prefer-offline', '--no-audit', '--no-fund')
      .status === 0;
}, 300_000);

describe.skipIf(!isBuilt)('the package', () => {
  it('holds what is needed and nothing else', () => {
    const files = packed.files.map(({ path }) => path);
    for (const needed of ['dist/cli/main.js', 'dist/index.d.ts', 'dist/web/index.html', 'native/CMakeLists.txt'])
      expect(files).toContain(needed);
    for (const needed of ['dist/browser/index.js', 'README.md', 'LICENSE', 'CHANGELOG.md'])
      expect(files).toContain(needed);
    const shipped = files.filter((file) => /^networks\/.*\.onnx$/.test(file));
    expect(shipped).toContain('networks/scenes.onnx');
    for (const file of shipped)
      for (const ending of ['.json', '.md', '.yaml']) expect(files).toContain(file.replace('.onnx', ending));
    expect(files.filter((file) => /^prebuilds\/.*espalier\.node$/.test(file)).length).toBeGreaterThan(0);
    const rooms = new Set(files.map((file) => file.split('/')[0]));
    const wanted = ['dist', 'native', 'prebuilds', 'networks', 'docs', 'examples', 'README.md', 'LICENSE'];
    expect([...rooms].sort()).toEqual(
      [...wanted, 'CHANGELOG.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'package.json'].sort(),
    );
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
  });

  it('holds every file that its README links to', () => {
    const files = new Set(packed.files.map(({ path }) => path));
    const folders = new Set(
      [...files].flatMap((file) => file.split('/').map((_, i, all) => all.slice(0, i).join('/'))),
    );
    const links = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)];
    expect(links.length).toBeGreaterThan(3);
    for (const [, link] of links) expect(files.has(link) || folders.has(link), link).toBe(true);
  });

  it('has no fault that publint or arethetypeswrong know', async () => {
    const { publint } = await import('publint');
    const { formatMessage } = await import('publint/utils');
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball()).buffer } });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
    const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball())));
    // ES modules only: what a CommonJS program gets is said by its own error.
    const problems = checked.types ? checked.problems.filter(({ kind }) => kind !== 'CJSResolvesToESM') : ['no types'];
    const resolved = problems.filter(
      (each) => !(typeof each === 'object' && 'resolutionKind' in each && each.resolutionKind === 'node10'),
    );
    expect(resolved).toEqual([]);
  });

  it('is bundled for the browser by esbuild, without a line of Node', async () => {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      entryPoints: [join(root, 'dist', 'browser', 'index.js')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      external: ['onnxruntime-web*'],
      write: false,
    });
    expect(outputFiles[0].text).toContain('onnxruntime-web/webgpu');
    expect(outputFiles[0].text).not.toMatch(/node:|\brequire\(|process\./);
  });

  it('works from an empty folder', ({ skip }) => {
    skip(!installed, 'the npm registry is not reachable');
    const info = espalier(['info', 'auto-deeplab-s', '--json']);
    expect(JSON.parse(info.stdout)).toMatchObject({ parameters: 10_147_427 });
    writeFileSync(join(folder, 'grey.png'), encodePng({ width: 8, height: 8, channels: 1, data: new Uint8Array(64) }));
    const predicted = espalier(['predict', 'scenes', 'grey.png']);
    // Installed without what is optional.
    expect([predicted.status, predicted.stderr]).toEqual([
      1,
      expect.stringMatching(
        /onnxruntime-node does not load .*; run: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node /,
      ),
    ]);
    const setup = espalier(['setup', '--json']);
    expect(setup.stderr).toBe('');
    expect(JSON.parse(setup.stdout)).toMatchObject({ origin: 'prebuilt' });
    const search = espalier([
      'search',
      'data=scenes:64x48',
      ...TINY_SEARCH,
      'epochs=1',
      'warmupEpochs=0',
      'threads=1',
      'name=a',
    ]);
    expect([search.status, search.stderr.includes('Error')]).toEqual([0, false]);
    expect(existsSync(join(folder, 'runs', 'search', 'a', 'genotype.json'))).toBe(true);
    // Nothing was built, so the cache was not needed.
    expect(existsSync(join(folder, 'cache'))).toBe(false);
  });

  it('is imported from JavaScript and checked by TypeScript, without the types of its dependencies', ({ skip }) => {
    skip(!installed, 'the npm registry is not reachable');
    writeFileSync(
      join(folder, 'plain.js'),
      "import { readArchitecture, buildArchitecture, countNetwork } from 'espalier';\n" +
        "const graph = buildArchitecture(readArchitecture('unet'), { inputs: 3, classes: 2 });\n" +
        'console.log(countNetwork(graph, [64, 64]).parameters > 0);\n',
    );
    expect(execFileSync(process.execPath, ['plain.js'], { cwd: folder, encoding: 'utf8' })).toBe('true\n');
    writeFileSync(
      join(folder, 'program.ts'),
      "import { openNetwork, search, segment, train } from 'espalier';\n" +
        "const found = await search({ data: 'scenes', preset: 'demo', epochs: 2 });\n" +
        "const trained = await train({ data: 'scenes', preset: 'demo', arch: found.run });\n" +
        "const { ids } = await segment(openNetwork(trained.run), 'a.png');\n" +
        'export const pixels: number = ids.length;\n',
    );
    const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, skipLibCheck: false, noEmit: true };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, types: [] }, include: ['program.ts'] }),
    );
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' }).stdout).toBe('');
  });

  it('says which command to run where no addon can be had, and takes nothing half-built for whole', ({ skip }) => {
    skip(!installed, 'the npm registry is not reachable');
    const package_ = join(folder, 'node_modules', 'espalier');
    rmSync(join(package_, 'prebuilds'), { recursive: true });
    const words = ['search', 'data=scenes', 'preset=demo'];
    const noTools = espalier(words, { PATH: '' });
    expect(noTools.status).toBe(1);
    expect(noTools.stderr).toMatch(
      /^espalier: programs that build the addon are missing \(cmake, make, g\+\+\).*run: .*\n$/,
    );
    const wrong = espalier(words, { LIBTORCH: folder });
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringMatching(/^espalier: LIBTORCH=.*expected a folder/)]);
    const homeless = espalier(words, { HOME: '/nowhere', XDG_CACHE_HOME: '' });
    expect([homeless.status, homeless.stderr]).toEqual([1, expect.stringMatching(/no home folder.*XDG_CACHE_HOME=/)]);
    // A compiler that fails, and what it leaves.
    const tools = join(folder, 'tools');
    mkdirSync(tools);
    writeFileSync(
      join(tools, 'cmake'),
      '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "error: no space left" >&2\nexit 1\n',
      {
        mode: 0o755,
      },
    );
    const failed = espalier(words, { PATH: `${tools}:${process.env.PATH}` });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('espalier: the addon could not be built: error: no space left; run: cmake -S ');
    expect(readdirSync(join(folder, 'cache', 'espalier', 'addon'))).toEqual([]);
  });
});
