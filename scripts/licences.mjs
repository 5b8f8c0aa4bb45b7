/**
 * @file `npm run licences`: writes docs/licences.md from package-lock.json and node_modules, and ends with 1 where a package has no licence, or
 * one that asks for more than a notice. Plain Node.
 *
 * With `--check` it writes nothing and ends with 1 when the page is out of date.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(root, 'docs', 'licences.md');

/** Licences that ask for no more than a notice, and the weak copyleft of libvips, which is linked as a library of its own. */
const ACCEPTED = [
  /^(MIT|MIT-0|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|CC-BY-4\.0|Python-2\.0|Unlicense|Zlib)$/,
  /^(MPL-2\.0|LGPL-3\.0-or-later)$/,
];
const isAccepted = (licence) =>
  licence
    .replace(/[()]/g, '')
    .split(/ OR | AND /)
    .every((part) => ACCEPTED.some((pattern) => pattern.test(part.trim())));

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const rows = Object.entries(packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => {
    const manifest = join(root, path, 'package.json');
    const installed = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
    const written = entry.license ?? installed.license;
    return {
      name: path.slice(path.lastIndexOf('node_modules/') + 13),
      version: entry.version,
      licence: typeof written === 'object' ? written?.type : written,
      use: entry.dev ? 'development' : entry.optional ? 'one platform' : 'runtime',
      script: entry.hasInstallScript === true,
    };
  })
  .sort((a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en', { numeric: true }));

const counts = new Map();
for (const { licence } of rows) counts.set(licence, (counts.get(licence) ?? 0) + 1);
const scripts = rows.filter(({ script }) => script);
const text = `# Licences of the dependencies

Written by \`npm run licences\` from package-lock.json. Espalier itself is under Apache-2.0. libtorch, which is installed beside it, is under a BSD-style licence.

${rows.length} packages: ${[...counts]
  .sort((a, b) => b[1] - a[1])
  .map(([licence, count]) => `${count} ${licence}`)
  .join(', ')}.

Packages with an install script: ${scripts.length === 0 ? 'none' : scripts.map(({ name, use }) => `${name} (${use})`).join(', ')}. None is needed: \`npm ci --ignore-scripts\` gives a working installation.

| package | version | licence | used in |
|---|---|---|---|
${rows.map(({ name, version, licence, use }) => `| ${name} | ${version} | ${licence ?? '?'} | ${use} |`).join('\n')}
`;

const refused = rows.filter(({ licence }) => licence === undefined || !isAccepted(licence));
for (const { name, version, licence } of refused) console.error(`${name} ${version}: licence ${licence ?? 'unknown'}`);
const stale = process.argv.includes('--check') && (!existsSync(page) || readFileSync(page, 'utf8') !== text);
if (stale) console.error('docs/licences.md is out of date; run: npm run licences');
if (!process.argv.includes('--check')) writeFileSync(page, text);
process.exitCode = refused.length > 0 || stale ? 1 : 0;
