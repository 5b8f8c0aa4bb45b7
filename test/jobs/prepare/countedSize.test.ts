import { expect, it } from 'vitest';
import { openTrainingData } from '../../../src/jobs/openData.ts';
import { withCountedSize } from '../../../src/jobs/prepare/countedSize.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';

const configOf = (given: Record<string, unknown>) =>
  parseConfig(settings.train, [{ arch: 'unet', steps: 1, budget: { multiplyAdds: 1e8 }, ...given }]);

it.each([
  { given: { data: 'scenes:48x33' }, size: [33, 48] },
  { given: { data: 'scenes:48x34', scale: 2 }, size: [17, 24] },
  { given: { data: 'scenes:48x36', longSide: 24 }, size: [18, 24] },
  { given: { data: 'scenes:48x33', size: [100, 200] }, size: [100, 200] },
  { given: { data: 'phantoms:24x24x24', crop: 16 }, size: [16, 16, 16] },
])('a budget is counted for the data as inference reads them: $given', async ({ given, size }) => {
  const config = configOf(given);
  const dataset = await openTrainingData(config);
  const counted = await withCountedSize(config, dataset, config.crop ?? 96);
  expect(counted.size).toEqual(size);
});

it('nothing is read where there is no budget', async () => {
  const config = { ...configOf({ data: 'scenes:48x33' }), budget: {} };
  const dataset = await openTrainingData(config);
  expect(await withCountedSize(config, dataset, 513)).toBe(config);
});
