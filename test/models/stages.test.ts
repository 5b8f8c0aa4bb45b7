/** @file The encoder of every architecture: something, not everything, and no logits. */
import { expect, it } from 'vitest';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { architectureNames, findArchitecture } from '../../src/models/registry.ts';
import { encoderStages, stageOfTensor, stagesOf } from '../../src/models/stages.ts';

it.each(architectureNames())('%s has an encoder before its head', (name) => {
  const graph = buildArchitecture(findArchitecture(name)!, { inputs: 3, classes: 5, filters: 4 });
  const [encoder, all] = [encoderStages(graph), stagesOf(graph)];
  expect(encoder.length).toBeGreaterThan(1);
  // In the order of the nodes, all stages of the encoder before those of the head.
  expect(all.slice(0, encoder.length)).toEqual(encoder);
  expect(encoder.length).toBeLessThan(all.length);
  const stageOf = stageOfTensor(graph);
  for (const { kind, name, stage } of graph.nodes)
    if (kind === 'convolution') expect(stageOf(`${name}.weight`)).toBe(stage);
});

it('names those of a DeepLab and of a U-Net', () => {
  const stages = (name: string) => encoderStages(buildArchitecture(findArchitecture(name)!, { inputs: 3, classes: 2 }));
  expect(stages('deeplabv3plus')).toEqual(['stem', 'stage1', 'stage2', 'stage3', 'stage4']);
  expect(stages('unet:levels=3')).toEqual(['down0', 'down1', 'down2']);
});
