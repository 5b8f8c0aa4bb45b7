/** @file The model card shows scores by their names, and keeps what was measured after the training apart. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type CardFacts, writeCard } from '../../src/export/card.ts';

const FACTS: CardFacts = {
  ...{ name: 'n', license: 'unknown', method: 'unet', isFound: false, summary: 'unet', rank: 3 },
  ...{ classes: ['background', 'a|b'], dataset: 'hippocampus', cost: { parameters: 1, multiplyAdds: 1 } },
  ...{ size: [32, 32, 32], reduction: 1, command: undefined, version: '1.0.0', evaluations: [] },
  scores: {
    columns: ['dice', 'surface_dice', 'hausdorff95_mm'],
    rows: [
      { name: 'a|b', values: [0.9, 0.95, 1.5] },
      { name: 'mean', values: [0.9, undefined, 1.5] },
    ],
  },
};

const frontOf = (card: string) => parse(card.split(/^---$/m)[1]);

it('of volumes has Dice and distances under their own names', () => {
  const card = writeCard(FACTS);
  expect(card).toContain('| class | Dice % | surface Dice % | HD95 mm |');
  expect(card).toContain('| a\\|b | 90.00 | 95.00 | 1.50 |');
  expect(card).toContain('| mean | 90.00 | – | 1.50 |');
  expect(card).toContain('at the end of the training, on the validation split of hippocampus');
  expect(card).not.toContain('Measured after the training');
  expect(frontOf(card)['model-index'][0].results[0].metrics).toEqual([
    { type: 'dice', value: 0.9 },
    { type: 'hausdorff95_mm', value: 1.5 },
  ]);
});

it('lists evaluations in a table of their own, and never among the scores of the training', () => {
  const evaluation = { dataset: 'other', split: 'val', samples: 3, how: 'best weights; whole images', miou: 0.25 };
  const evaluations = [
    { ...evaluation, trainedOn: false, dice: 0.5 },
    { ...evaluation, dataset: 'hippocampus', split: 'train', trainedOn: true, dice: null },
  ];
  const card = writeCard({ ...FACTS, evaluations });
  expect(card).toContain('Measured after the training by `espalier evaluate`:');
  expect(card).toContain('| other (not of the training) | val, 3 | best weights; whole images | 50.00 | 25.00 |');
  expect(card).toContain('| hippocampus | train, 3 | best weights; whole images | – | 25.00 |');
  expect(frontOf(card)).toEqual(frontOf(writeCard(FACTS)));
  const unscored = writeCard({ ...FACTS, scores: undefined, evaluations });
  expect(frontOf(unscored)).not.toHaveProperty('model-index');
  expect(unscored).toContain('It was not scored at the end of its training.');
});
