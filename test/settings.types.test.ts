/** @file Settings of the library at compile time: what is wrong does not compile. Checked by `npm run typecheck`; nothing of it runs. */
import { expectTypeOf, it } from 'vitest';
import type {
  AutoDeepLabSearchSettings,
  AutoSettings,
  CompareSettings,
  DintsSearchSettings,
  EvaluateSettings,
  TrainSettings,
} from '../src/run/config/given.ts';

it('takes keys, values, presets and groups of the schemas', () => {
  const searches: AutoDeepLabSearchSettings[] = [
    { data: 'd' },
    { data: 'd', preset: 'small', crop: [33, 65], epochs: 2, weights: { learningRate: 0.1 }, 'architecture.decay': 0 },
    { data: 'd', crop: '240x320', method: 'auto-deeplab', atrous: 'separable', name: undefined, seed: null },
  ];
  const dints: DintsSearchSettings = { data: 'd', method: 'dints', preset: 'volumes-small', budget: { memory: 0.2 } };
  const train: TrainSettings = {
    data: 'd',
    arch: 'unet',
    minutes: 5,
    'aspp.rates': [1, 2, 3],
    augmentation: { flip: false },
  };
  const auto: AutoSettings = { data: 'd', minutes: 60, 'budget.multiplyAdds': 0.5e9, training: { batch: 4, crop: 32 } };
  const compare: CompareSettings = {
    data: 'd',
    archs: ['a', 'unet'],
    budget: '400steps',
    seeds: 2,
    preset: 'small',
    crop: 33,
  };
  const evaluate: EvaluateSettings = { run: 'r', tta: { flip: true, scales: [0.5, 1] }, 'tta.mirror': ['width'] };
  expectTypeOf([searches, dints, train, auto, compare, evaluate]).toBeArray();
});

it('refuses what the schemas refuse', () => {
  // @ts-expect-error an unknown preset
  const preset: AutoDeepLabSearchSettings = { data: 'd', preset: 'smal' };
  // @ts-expect-error a preset of the other method
  const other: AutoDeepLabSearchSettings = { data: 'd', preset: 'volumes-small' };
  // @ts-expect-error an unknown key
  const key: AutoDeepLabSearchSettings = { data: 'd', epoch: 3 };
  // @ts-expect-error an unknown key of a group
  const inner: AutoDeepLabSearchSettings = { data: 'd', weights: { learnRate: 0.1 } };
  // @ts-expect-error an unknown key behind a dot
  const dotted: AutoDeepLabSearchSettings = { data: 'd', 'weights.learnRate': 0.1 };
  // @ts-expect-error a text for a number
  const value: AutoDeepLabSearchSettings = { data: 'd', epochs: 'ten' };
  // @ts-expect-error none of the choices
  const choice: AutoDeepLabSearchSettings = { data: 'd', atrous: 'sparse' };
  // @ts-expect-error a setting of the other method
  const levels: AutoDeepLabSearchSettings = { data: 'd', levels: 3 };
  // @ts-expect-error no data
  const data: AutoDeepLabSearchSettings = { preset: 'small' };
  // @ts-expect-error no architecture
  const arch: TrainSettings = { data: 'd', preset: 'small' };
  // @ts-expect-error a mistake in the recipe
  const recipe: AutoSettings = { data: 'd', training: { batsh: 4 } };
  // @ts-expect-error a comparison sets the seeds itself
  const seed: CompareSettings = { data: 'd', archs: 'a,b', budget: '4steps', seed: 1 };
  expectTypeOf([preset, other, key, inner, dotted, value, choice, levels, data, arch, recipe, seed]).toBeArray();
});
