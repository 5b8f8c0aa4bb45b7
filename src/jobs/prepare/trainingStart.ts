/**
 * @file Where the training of what a search found starts from.
 */
import type { Layer } from '../../run/config/config.ts';
import { settings, trainPreset } from '../../run/config/presets.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';

/** The preset of training that has the name of the preset of a search, if any, with the crop of the search where the network cannot read its own. */
export function trainingStart(config: SearchConfig): Layer {
  const preset = trainPreset(config.preset);
  if (preset === undefined) return {};
  if (config.method !== 'dints') return { preset };
  const { crop } = settings.train.presets[preset as keyof typeof settings.train.presets] as {
    crop: number | readonly number[];
  };
  const fits = [crop].flat().every((side) => side % 2 ** (config.levels + 1) === 0);
  return fits ? { preset } : { preset, crop: config.crop };
}
