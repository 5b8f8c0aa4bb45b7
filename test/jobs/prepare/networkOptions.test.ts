import { describe, expect, it } from 'vitest';
import { createPhantomSet } from '../../../src/data/volumes/phantomSet.ts';
import { networkOptions } from '../../../src/jobs/prepare/networkOptions.ts';
import { type Architecture, buildArchitecture } from '../../../src/models/architecture.ts';
import { countNetwork } from '../../../src/models/graph.ts';
import { findArchitecture } from '../../../src/models/registry.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';

const dataset = createPhantomSet({ shape: [16, 16, 16] });

describe('the network of a training', () => {
  it.each(['dints-random:1:2x2', 'dints-cvpr2021', 'unet:levels=4'])('%s of volumes keeps its budget', (arch) => {
    const architecture = findArchitecture(arch) as Architecture;
    const multiplyAdds = 2e8;
    const config = parseConfig(settings.train, [
      { data: 'phantoms', arch, steps: 1, crop: 32, budget: { multiplyAdds } },
    ]);
    const graph = buildArchitecture(architecture, networkOptions(architecture, config, dataset));
    const counted = countNetwork(graph, [32, 32, 32]).multiplyAdds;
    expect(counted).toBeLessThanOrEqual(multiplyAdds);
    expect(counted).toBeGreaterThan(0.9 * multiplyAdds);
  });
});
