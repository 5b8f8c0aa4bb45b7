/**
 * @file The methods by name. A new one is a row here, not a fork of the loop.
 */
import { decodeAutoDeepLab } from '../decode/autoDeepLab.ts';
import { moveEntropy, operatorEntropy, skipShare } from '../decode/entropy.ts';
import type { ArchitectureSnapshot } from '../supernet/architecture.ts';
import { createSupernet } from '../supernet/network.ts';
import type { Method } from './method.ts';

/** Keys of the Auto-DeepLab space. */
export interface AutoDeepLabSettings {
  readonly layers: number;
  readonly filters: number;
  readonly blocks: number;
  readonly atrous: 'dense' | 'separable';
  readonly cellWeights: 'perNode' | 'perEdge';
  readonly betaNormalisation: 'outgoing' | 'incoming';
  readonly stemFilters?: number;
}

/** Auto-DeepLab: cells and resolutions, both searched by gradient. @paper auto-deeplab */
export const autoDeepLab: Method<AutoDeepLabSettings> = {
  name: 'auto-deeplab',
  createSearchNetwork(origin, settings, data) {
    const { stemFilters: stem } = settings;
    const supernet = createSupernet(origin, {
      ...settings,
      rank: 2,
      ...data,
      ...(stem === undefined ? {} : { stem: [stem, stem, 2 * stem] }),
    });
    return {
      weights: supernet.parameters,
      architecture: supernet.architecture.parameters,
      forward: supernet.forward,
      snapshot: supernet.architecture.snapshot,
    };
  },
  describe(snapshot, settings) {
    const parameters = snapshot as ArchitectureSnapshot;
    const genotype = decodeAutoDeepLab(parameters, { filters: settings.filters, atrous: settings.atrous, rank: 2 });
    return {
      genotype,
      operatorEntropy: operatorEntropy(parameters.alpha),
      moveEntropy: moveEntropy(parameters.beta),
      skipShare: skipShare(genotype),
    };
  },
};

/** Every method. */
export const METHODS = { 'auto-deeplab': autoDeepLab } as const;
