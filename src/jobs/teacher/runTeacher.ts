/**
 * @file The network of a run as a teacher, in the engine.
 */
import { ConfigError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import { Generator } from '../../engine/device.ts';
import { contiguous } from '../../engine/operators.ts';
import { keepForever, scope } from '../../engine/tensor.ts';
import { toTensors } from '../../infer/batch.ts';
import { reduced } from '../../infer/inference.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { Teacher } from '../../train/distillation.ts';
import { loadNetwork } from '../network.ts';
import { inOrderOf, noTeacherOfRegions, type Student } from './student.ts';

/** @throws ConfigError where it reads other data, or knows other classes. */
export function openRunTeacher(run: string, student: Student): Teacher {
  const { network, description } = loadNetwork(openRunFolder(run), 'best', new Generator(0), student.device);
  if (description.regions) throw noTeacherOfRegions(`${run} finds`);
  const { rank, nodes } = network.graph;
  const channels = nodes[0].kind === 'input' ? nodes[0].channels : 0;
  const modalities = description.volumes?.modalities ?? [];
  if (rank !== student.rank || channels !== student.channels || modalities.join('\n') !== student.modalities.join('\n'))
    throw new ConfigError(
      `teacher: ${run} reads ${describeInput(rank, channels, modalities)}, the data are ${describeInput(student.rank, student.channels, student.modalities)}`,
      'take a teacher that was trained on such data',
    );
  const classes = description.classes.map(({ name }) => name);
  const ordered = inOrderOf(student.classes, classes, run);
  // Crops are at the scale of the student.
  const forward = reduced(
    (images) => network.forward(images, { training: false }),
    description.reduction / student.reduction,
  );
  return {
    async teach(batch) {
      return noGrad(() =>
        scope(() => keepForever(contiguous(ordered(forward(toTensors(batch, student.device).images))))),
      );
    },
    async close() {
      network.parameters.free();
    },
  };
}

const describeInput = (rank: number, channels: number, modalities: readonly string[]): string =>
  `${rank === 2 ? 'images' : 'volumes'} of ${channels} channels${modalities.length > 0 ? ` (${modalities.join(', ')})` : ''}`;
