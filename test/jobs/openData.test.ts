/** @file The data set of a run: folds and preparation from settings, and the plan of a data check as settings of both commands. */
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/data/volumes/fingerprint.ts';
import { createPhantomSet } from '../../src/data/volumes/phantomSet.ts';
import { formatPlan, planVolumes } from '../../src/data/volumes/plan.ts';
import { openTrainingData } from '../../src/jobs/openData.ts';
import { layerFor, parseConfig, parseConfigText } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';

const one = (value: number) => ({
  smallest: [value, value, value],
  median: [value, value, value],
  largest: [value, value, value],
});
const fingerprint: Fingerprint = {
  volumes: 20,
  shapes: one(48),
  spacings: one(1.5),
  extents: one(72),
  intensities: [{ modality: 'CT', low: -100, median: 40, high: 240, mean: 55, deviation: 60 }],
};

describe('the data of a training', () => {
  it('has the preparation that the settings ask for, over that of the modalities', async () => {
    const standard = createPhantomSet().preparation;
    const opened = async (preparation: object) => {
      const config = parseConfig(settings.train, [{ data: 'phantoms', arch: 'unet', preparation }]);
      const dataset = await openTrainingData(config);
      return dataset.rank === 3 ? dataset.preparation : null;
    };
    expect(await opened({})).toEqual(standard);
    expect(await opened({ spacingMm: [2, 1, 1], cropForeground: false })).toEqual({
      ...standard,
      spacingMm: [2, 1, 1],
      cropForeground: false,
    });
    await expect(opened({ normalisation: [{ kind: 'none' }, { kind: 'none' }] })).rejects.toThrow(/2 entries.*MRI/);
    await expect(opened({ normalisation: [{ kind: 'median' }] })).rejects.toThrow(/normalisation/);
    await expect(opened({ spacingMm: [0, 1, 1] })).rejects.toThrow(/spacingMm: expected three numbers above 0/);
  });

  it('is proposed by a plan that search and train take as it is', () => {
    const plan = planVolumes(fingerprint, 20);
    const layer = parseConfigText(formatPlan(plan, fingerprint, { name: 'livers' }, 'phantoms'), 'plan.yaml');
    const train = parseConfig(settings.train, [layerFor('train', layer), { arch: 'unet' }]);
    const search = parseConfig(settings.search, [layerFor('search', layer)]);
    for (const config of [train, search]) {
      expect([config.crop, config.batch]).toEqual([plan.crop, plan.batch]);
      expect(config.preparation).toEqual(plan.preparation);
    }
    expect(search.method).toBe('dints');
  });
});
