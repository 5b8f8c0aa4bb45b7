/**
 * @file Copies the addon of this clone to `prebuilds/<platform>-<processor>-torch<version>/`, which the package ships: an installed package loads it where
 * the same libtorch is installed, and builds its own elsewhere. Run by `prepack`; a release runs it in a chroot for each libtorch.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const build = join(root, 'build', 'native');
const about = JSON.parse(readFileSync(join(build, 'about.json'), 'utf8'));
if (about.folder !== '') {
  // A libtorch in a folder of its own is found by its path, which no other machine has.
  console.error('espalier: no prebuilt addon, this clone is built for the libtorch in a folder of its own');
} else {
  const torch = about.libtorch.split('.').slice(0, 2).join('.');
  const target = join(root, 'prebuilds', `${process.platform}-${process.arch}-torch${torch}`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const file = join(target, 'espalier.node');
  copyFileSync(join(build, 'espalier.node'), file);
  try {
    execFileSync('strip', ['--strip-unneeded', file]);
  } catch {
    // Larger, and as good.
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(target, 'about.json'), `${JSON.stringify({ version, libtorch: about.libtorch, folder: '' })}\n`);
  console.error(`espalier: ${target}`);
}
