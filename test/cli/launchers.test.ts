/** @file Launchers that are not ours: a search that `torchrun` and `mpirun` start as two ranks, with nothing changed in its command. */
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readWhole } from '../durability/program.ts';
import { MAIN } from '../helpers/cli.ts';
import { freePort, hasGroups } from '../helpers/ranks.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH } from '../helpers/tinyRuns.ts';

/** Debian's Python, which holds torch where `python3` is another one. */
const PYTHONS = ['python3', '/usr/bin/python3'];
const answers = (command: string, ...words: string[]) => spawnSync(command, words, { stdio: 'ignore' }).status === 0;
const python = hasGroups ? PYTHONS.find((each) => answers(each, '-c', 'import torch.distributed.run')) : undefined;
const hasMpirun = hasGroups && answers('mpirun', '--version');
if (hasGroups && !python) console.log('skipped: no Python with torch.distributed.run (apt-get install python3-torch)');
if (hasGroups && !hasMpirun) console.log('skipped: no mpirun (apt-get install openmpi-bin)');

const folder = sharedFolder();
beforeAll(() => {
  const program = join(folder, 'espalier');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(program, 0o755);
});

/** Runs a search behind the words of a launcher, which find `espalier` as users would, and returns what it left. */
function searchBehind(launcher: readonly string[], name: string, environment: Record<string, string> = {}) {
  const [command, ...words] = launcher;
  const search = ['search', 'data=scenes:64x48', ...TINY_SEARCH, 'epochs=1', 'warmupEpochs=0', 'threads=1'];
  const { status, stderr } = spawnSync(command, [...words, ...search, 'batch=100', `name=${name}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, ...environment },
  });
  return { status, stderr, events: readWhole(join(folder, 'runs'), 'search', name) };
}

function expectTwoRanks({ status, stderr, events }: ReturnType<typeof searchBehind>): void {
  expect(status, stderr).toBe(0);
  const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  expect(notes).toContainEqual(expect.stringContaining('2 processes share each batch'));
  expect(events.filter(({ type }) => type === 'start')).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({ type: 'end', status: 'done' });
}

describe.skipIf(!python)('torchrun', () => {
  // Torch 1.13 under Python 3.11, as in Debian 12, stumbles over the default of these two, which is 0.
  const streams = ['--redirects', '2', '--tee', '2'];
  const torchrun = [python ?? '', '-m', 'torch.distributed.run', ...streams, '--nproc_per_node', '2', '--no_python'];

  it('starts ranks that meet at the store of the launcher', async () => {
    const place = ['--master_addr', '127.0.0.1', '--master_port', String(await freePort())];
    expectTwoRanks(searchBehind([...torchrun, ...place, 'espalier'], 'served'));
  });

  it('starts ranks that find a port of their own', () => {
    expectTwoRanks(searchBehind([...torchrun, '--standalone', 'espalier'], 'standalone'));
  });
});

describe.skipIf(!hasMpirun)('mpirun', () => {
  it('starts ranks whose numbers one line of shell translates', async () => {
    const translate =
      'RANK=$OMPI_COMM_WORLD_RANK LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK WORLD_SIZE=$OMPI_COMM_WORLD_SIZE ' +
      'LOCAL_WORLD_SIZE=$OMPI_COMM_WORLD_LOCAL_SIZE exec espalier "$@"';
    const launcher = ['mpirun', '-n', '2', '--allow-run-as-root', '--oversubscribe', '-x', 'MASTER_ADDR'];
    const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
    expectTwoRanks(searchBehind([...launcher, '-x', 'MASTER_PORT', 'sh', '-c', translate, 'espalier'], 'mpi', place));
  });
});
