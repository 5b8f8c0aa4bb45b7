import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { Job } from 'kubernetes-models/batch/v1';
import { Service } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type ClusterJob, kubernetesManifest, kubernetesObjects, slurmScript } from '../../src/cli/manifests.ts';

const job: ClusterJob = {
  words: ['search', 'data=my data', 'epochs=3'],
  ...{ name: 'street', processes: 1, trials: 1, cores: 2, image: 'espalier:1', claim: 'files' },
};

/** What a shell makes of the words of a command: it is run with `espalier` as a function that prints its arguments. */
function argumentsIn(shell: string, script: string, environment: Record<string, string>): string[] {
  const print = `printf '%s\\0' "$@"`;
  const text = script.replace(/exec espalier/, `set_arguments`);
  const own = `set_arguments() { ${print}; }\n${text}`;
  const out = execFileSync(shell, ['-c', own], { env: { ...process.env, ...environment }, encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

describe('a script for Slurm', () => {
  it('runs any words as they are, and trials with a seed and a name each', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((word) => !word.includes('\0'))),
        (more) => {
          const words = ['search', ...more];
          const given = words.some((word) => word.startsWith('threads=')) ? words : [...words, 'threads=2'];
          expect(argumentsIn('bash', slurmScript({ ...job, words }), {})).toEqual(given);
          const script = slurmScript({ ...job, words, trials: 4 });
          expect(script).toContain('#SBATCH --array=0-3\n');
          expect(argumentsIn('bash', script, { SLURM_ARRAY_TASK_ID: '2' })).toEqual([
            ...given,
            'seed=2',
            'name=street-2',
          ]);
        },
      ),
      { numRuns: 15 },
    );
    const own = slurmScript({ ...job, words: ['search', 'threads=7'] });
    expect(argumentsIn('bash', own, {})).toEqual(['search', 'threads=7']);
  });

  it('gives every rank its place', () => {
    const script = slurmScript({ ...job, processes: 2 });
    expect(script).toContain('#SBATCH --ntasks=2\n');
    expect(script).toContain('#SBATCH --cpus-per-task=2\n');
    const fakes =
      'scontrol() { echo node7; echo node8; }\nsrun() { shift 2; SLURM_PROCID=1 SLURM_LOCALID=0 SLURM_NTASKS=2 "$@"; }\n';
    const told = `${fakes}${script}`.replace(
      'exec espalier "$@"',
      `bash -c '"'"'echo "$RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $MASTER_PORT $@"'"'"' x "$@"`.replaceAll(
        `'"'"'`,
        `'\\''`,
      ),
    );
    const env = { ...process.env, SLURM_JOB_NODELIST: 'node[7-8]', SLURM_JOB_ID: '40123' };
    const out = execFileSync('bash', ['-c', told], { env, encoding: 'utf8' });
    expect(out).toBe('1 0 2 node7 20123 search data=my data epochs=3 threads=2\n');
  });
});

describe('a manifest for Kubernetes', () => {
  it.each([
    ['ranks', { processes: 3 }, ['Service', 'Job']],
    ['trials', { trials: 4 }, ['Job']],
    ['a single process', {}, ['Job']],
  ])('of %s is valid by the schemas of Kubernetes', (_, own, kinds) => {
    const objects = parseAllDocuments(kubernetesManifest({ ...job, ...own })).map((document) => document.toJS());
    expect(objects).toEqual(kubernetesObjects({ ...job, ...own }));
    expect(objects.map(({ kind }) => kind)).toEqual(kinds);
    for (const object of objects) (object.kind === 'Job' ? new Job(object) : new Service(object)).validate();
    // The check can fail.
    const [batch] = objects.slice(-1);
    expect(() => new Job({ ...batch, spec: { ...batch.spec, completions: 'many' } }).validate()).toThrow();
  });

  it('runs trials with a seed and a name each, and ranks that meet at the first', () => {
    const commandOf = (own: Partial<ClusterJob>) => {
      const { spec } = kubernetesObjects({ ...job, ...own }).at(-1) as {
        spec: { template: { spec: { containers: { command: string[]; env: { name: string; value: string }[] }[] } } };
      };
      return spec.template.spec.containers[0];
    };
    const [shell, , script] = commandOf({ trials: 4 }).command;
    const words = argumentsIn(shell, script, { JOB_COMPLETION_INDEX: '3' });
    expect(words).toEqual(['search', 'data=my data', 'epochs=3', 'threads=2', 'seed=3', 'name=street-3']);
    const environment = Object.fromEntries(commandOf({ processes: 2 }).env.map(({ name, value }) => [name, value]));
    expect(environment).toEqual({ WORLD_SIZE: '2', MASTER_ADDR: 'street-0.street', MASTER_PORT: '29500' });
  });

  it('takes no ranks and trials together', () => {
    expect(() => kubernetesObjects({ ...job, processes: 2, trials: 2 })).toThrow('either ranks or trials');
  });
});
