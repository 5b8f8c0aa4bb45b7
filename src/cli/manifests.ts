/**
 * @file The same command on a cluster, as text: a batch script for Slurm, a job for Kubernetes. Either several processes share each batch, or several
 * trials run by themselves, each with a seed and a run of its own.
 */
import { stringify } from 'yaml';
import { ConfigError } from '../base/errors.ts';
import { shellWord } from '../run/config/commandLine.ts';

/** What is asked of a cluster. */
export interface ClusterJob {
  /** The words behind `espalier`. */
  readonly words: readonly string[];
  /** Name of the job, of letters, digits and dashes. */
  readonly name: string;
  /** Processes that share the batches of one run. */
  readonly processes: number;
  /** Independent runs with seeds 0, 1, ...; 1 leaves the command as it is. */
  readonly trials: number;
  /** Processor cores of a process. */
  readonly cores: number;
  /** For Kubernetes: the image of the container, in which `espalier` is a command. */
  readonly image: string;
  /** For Kubernetes: the claim of the volume that holds data and runs. */
  readonly claim: string;
}

/** The words of one trial, for a shell; `index` is the variable that holds its number. A process cannot see which of a node's cores are its own. */
function trialWords({ words, name, trials, cores }: ClusterJob, index: string): string {
  const threads = words.some((word) => word.startsWith('threads=')) ? [] : [`threads=${cores}`];
  const own = trials > 1 ? [`seed="$${index}"`, `name=${shellWord(`${name}-`)}"$${index}"`] : [];
  return [...words.map(shellWord), ...threads, ...own].join(' ');
}

/** A script for `sbatch`: tasks of one job are the ranks, an array of jobs are the trials. */
export function slurmScript(job: ClusterJob): string {
  const { name, processes, trials, cores } = job;
  return [
    '#!/bin/bash',
    `#SBATCH --job-name=${name}`,
    `#SBATCH --ntasks=${processes}`,
    `#SBATCH --cpus-per-task=${cores}`,
    trials > 1 ? `#SBATCH --array=0-${trials - 1}` : undefined,
    `#SBATCH --output=%x-${trials > 1 ? '%A_%a' : '%j'}.log`,
    'set -eu',
    processes > 1 ? 'export MASTER_ADDR="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"' : undefined,
    processes > 1 ? 'export MASTER_PORT="$((20000 + SLURM_JOB_ID % 20000))"' : undefined,
    processes > 1
      ? `srun --cpus-per-task=${cores} --kill-on-bad-exit=1 bash -c 'RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS exec espalier "$@"' espalier \\`
      : 'exec espalier \\',
    `  ${trialWords(job, 'SLURM_ARRAY_TASK_ID')}`,
  ]
    .filter((line) => line !== undefined)
    .concat('')
    .join('\n');
}

/** An indexed job: its pods are the ranks, which meet at the first by the name that a headless service gives it, or the trials. */
export function kubernetesObjects(job: ClusterJob): Record<string, unknown>[] {
  const { name, processes, trials, cores, image, claim } = job;
  if (processes > 1 && trials > 1)
    throw new ConfigError(
      'a job of Kubernetes has either ranks or trials, got both',
      'print one manifest a trial, with its own name',
    );
  const pods = Math.max(processes, trials);
  const place = [
    { name: 'WORLD_SIZE', value: String(processes) },
    { name: 'MASTER_ADDR', value: `${name}-0.${name}` },
    { name: 'MASTER_PORT', value: '29500' },
  ];
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    // The first pod must be found before it is ready: the others wait for it.
    spec: { clusterIP: 'None', selector: { 'job-name': name }, publishNotReadyAddresses: true },
  };
  const container = {
    name: 'espalier',
    image,
    workingDir: MOUNT,
    command: ['sh', '-c', `RANK="$JOB_COMPLETION_INDEX" exec espalier ${trialWords(job, 'JOB_COMPLETION_INDEX')}`],
    env: processes > 1 ? place : [],
    resources: { requests: { cpu: String(cores) } },
    volumeMounts: [{ name: 'files', mountPath: MOUNT }],
  };
  const batch = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completionMode: 'Indexed',
      completions: pods,
      parallelism: pods,
      // A rank cannot come back into a group: the whole job is started again, with --resume.
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          ...(processes > 1 ? { subdomain: name } : {}),
          containers: [container],
          volumes: [{ name: 'files', persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  };
  return processes > 1 ? [service, batch] : [batch];
}

/** Where the volume with data and runs is seen in a pod; paths of the command start there. */
const MOUNT = '/espalier';

/** The objects for `kubectl apply -f -`. */
export const kubernetesManifest = (job: ClusterJob): string =>
  kubernetesObjects(job)
    .map((object) => stringify(object, { lineWidth: 0 }))
    .join('---\n');
