/** @file Which convolutions give the logits, found for every architecture of the registry by adding a class. */
import { expect, it } from 'vitest';
import { logitsOf } from '../../src/jobs/weights/transferWeights.ts';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { architectureNames, findArchitecture } from '../../src/models/registry.ts';

it.each(architectureNames())('%s: a class more is a row more of the logits, and nothing else', (name) => {
  const architecture = findArchitecture(name)!;
  const supervised = [false, true];
  for (const deepSupervision of supervised) {
    const [few, more] = [3, 4].map((classes) =>
      buildArchitecture(architecture, { inputs: 3, classes, deepSupervision, filters: 4 }),
    );
    const outputs = few.nodes.flatMap((node, i) => {
      const other = more.nodes[i];
      return node.kind === 'convolution' && other.kind === 'convolution' && node.outputs !== other.outputs
        ? [node.name]
        : [];
    });
    expect(logitsOf(few).sort()).toEqual(outputs.sort());
  }
});
