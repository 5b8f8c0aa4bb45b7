/** @file What holds for a modality when nothing else is stated. */
import { expect, it } from 'vitest';
import { standardPreparation, windowNormalisation } from '../../../src/data/volumes/preparation.ts';

it('windows CT and standardises everything else, channel by channel', () => {
  const kinds = (modalities: string[]) => standardPreparation(modalities).normalisation.map(({ kind }) => kind);
  expect(kinds(['CT', 'ct', 'MRI', 'T1', 'FLAIR', 'CTP'])).toEqual([
    'window',
    'window',
    'zscore',
    'zscore',
    'zscore',
    'zscore',
  ]);
});

it('maps a window to [-1, 1]', () => {
  const made = windowNormalisation([-125, 275]);
  expect(made).toEqual({ kind: 'window', window: [-125, 275], mean: 75, deviation: 200 });
});
