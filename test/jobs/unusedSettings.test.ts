/** @file No setting is accepted and not used: what a description restricts to some data or some other setting is refused elsewhere. */
import { describe, expect, it } from 'vitest';
import { refuseUnusedSettings } from '../../src/jobs/prepare/unusedSettings.ts';
import { parseConfig, type Settings, settingsOf, variantsOf } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { otherValue } from '../helpers/otherValue.ts';

const KINDS = [
  { kind: 'train', all: settings.train as Settings, schema: settings.train.schema, base: { data: 'x', arch: 'y' } },
  ...Object.entries(variantsOf(settings.search)).map(([method, { schema }]) => ({
    kind: `search ${method}`,
    all: settings.search as Settings,
    schema,
    base: { data: 'x', method },
  })),
];

/** What the beginning of a description says of when a setting holds: the data and the other settings under which it does not. */
function elsewhere(key: string, description: string): { rank: 2 | 3; beside: object } | undefined {
  const group = key.includes('.') ? `${key.split('.')[0]}.` : '';
  if (description.startsWith('of volumes:')) return { rank: 2, beside: {} };
  if (description.startsWith('of images:')) return { rank: 3, beside: {} };
  if (description.startsWith('of a budget:')) return { rank: 2, beside: {} };
  if (description.startsWith('of sampling:')) return { rank: 2, beside: { sampling: 'none' } };
  const [, schedules] = /^of schedule=([a-z]+(?: and [a-z]+)*):/.exec(description) ?? [];
  if (schedules === undefined) return undefined;
  const other = ['poly', 'cosine', 'steps'].find((schedule) => !schedules.includes(schedule));
  return { rank: 2, beside: { [`${group}schedule`]: other } };
}

describe.each(KINDS)('the settings of $kind', ({ all, schema, base }) => {
  const restricted = settingsOf(schema).flatMap(({ key, leaf }) => {
    const where = elsewhere(key, leaf.meta()?.description ?? '');
    return where === undefined ? [] : [{ key, leaf, ...where }];
  });

  it('are refused where their description says that they do not hold', () => {
    expect(restricted.length).toBeGreaterThan(10);
    for (const { key, leaf, rank, beside } of restricted) {
      const plain = parseConfig(all, [{ ...base, ...beside }]);
      const current = key.split('.').reduce<unknown>((group, part) => (group as Record<string, unknown>)[part], plain);
      const config = parseConfig(all, [{ ...base, ...beside, [key]: otherValue(leaf, current) }]);
      expect(() => refuseUnusedSettings(all, plain, rank), key).not.toThrow();
      expect(() => refuseUnusedSettings(all, config, rank), key).toThrow(new RegExp(`^${key} has no effect: `));
    }
  });

  it('that a preset brings pass on data of either rank', () => {
    for (const { presets = {} } of Object.values(variantsOf(all)))
      for (const preset of Object.keys(presets)) {
        const method = 'method' in base && preset in (variantsOf(all)[String(base.method)].presets ?? {}) ? {} : null;
        if ('method' in base && method === null) continue;
        const config = parseConfig(all, [{ ...base, preset }]);
        for (const rank of [2, 3] as const) expect(() => refuseUnusedSettings(all, config, rank), preset).not.toThrow();
      }
  });
});

it('names what reads a setting instead', () => {
  const refused = (layer: object, rank: 2 | 3 = 2) =>
    expect(() =>
      refuseUnusedSettings(settings.train, parseConfig(settings.train, [{ data: 'x', arch: 'y', ...layer }]), rank),
    );
  refused({ optimizer: 'adamw', momentum: 0.5 }).toThrow(
    'momentum has no effect: optimizer is adamw; leave it out, or set optimizer=sgd',
  );
  refused({ size: [64, 64] }).toThrow('size has no effect: there is no budget');
  refused({ size: [64, 64], 'budget.parameters': 1e6 }).not.toThrow();
  refused({ longSide: 64 }, 3).toThrow('longSide has no effect: the data are volumes; leave it out');
  refused({ schedule: 'steps', milestones: [0.5] }).not.toThrow();
});
