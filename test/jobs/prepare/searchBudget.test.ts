import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { createSceneSet } from '../../../src/data/scenes/sceneSet.ts';
import { saveTable } from '../../../src/jobs/cost/latency/table.ts';
import { methodOf } from '../../../src/jobs/prepare/methodOf.ts';
import { searchBudgetOf } from '../../../src/jobs/prepare/searchBudget.ts';
import { buildArchitecture } from '../../../src/models/architecture.ts';
import { EMPTY_TABLE } from '../../../src/models/latency/predict.ts';
import { latencyUnits, unitKey } from '../../../src/models/latency/units.ts';
import { parseConfig } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { randomGenotype } from '../../../src/space/genotype.ts';
import { trellisEdges } from '../../../src/space/trellis.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

beforeEach(() => void vi.stubEnv('XDG_CACHE_HOME', temporaryFolder()));
afterEach(() => void vi.unstubAllEnvs());

const dataset = createSceneSet();
const configOf = (given: Record<string, unknown>) =>
  parseConfig(settings.search, [
    { data: 'scenes', preset: 'demo', layers: 3, blocks: 2, filters: 4, threads: 1, size: [65, 65], ...given },
  ]);

it('is none without a limit, and counts for the training that follows, with its own filters where they are set', () => {
  expect(searchBudgetOf(configOf({}), dataset)).toBeUndefined();
  const budget = searchBudgetOf(configOf({ budget: { parameters: 1e5 }, trainFilters: 12 }), dataset);
  expect(budget).toMatchObject({ limits: { parameters: 1e5 }, size: [65, 65], options: { filters: 12 } });
  // The training preset of that name has filters of its own.
  const { filters } = parseConfig(settings.train, [{ data: 'scenes', arch: 'unet', preset: 'demo' }]);
  expect(searchBudgetOf(configOf({ budget: { parameters: 1e5 } }), dataset)?.options.filters).toBe(filters);
});

it('of a latency needs a table of this machine, and decodes within it also what the table has only seen similar things of', () => {
  const config = configOf({ budget: { latencyMs: 5 } });
  expect(() => searchBudgetOf(config, dataset)).toThrow(
    /no latency table of this machine for target=engine on 1 thread; make one: espalier measure target=engine threads=1/,
  );
  // Three networks have every operator, but not at every stride and with everything that may follow.
  const seen = [0, 1, 2].map((seed) => randomGenotype({ layers: 3, blocks: 5, filters: 4 }, createRandom(seed)));
  const options = { inputs: 3, classes: dataset.classes.length };
  const units = seen.flatMap((one) => latencyUnits(buildArchitecture(one, options), [65, 65], 'engine'));
  const rows = units.map(
    (unit) =>
      [unitKey(unit), { kind: unit.kind, shape: unit.shape, ms: 0.01 + unit.shape.writtenPixels / 1e5 }] as const,
  );
  saveTable('engine', 1, { ...EMPTY_TABLE, units: Object.fromEntries(rows) });
  const budget = searchBudgetOf(config, dataset);
  const exists = new Set(trellisEdges(3).map(({ layer, from, move }) => `${layer},${from},${move}`));
  const snapshot = {
    method: 'auto-deeplab',
    alpha: Array.from({ length: 5 }, (_, edge) => Array.from({ length: 8 }, (__, k) => ((edge * 7 + k * 3) % 5) / 5)),
    beta: [0, 1, 2].map((layer) =>
      [0, 1, 2, 3].map((from) => [0, 1, 2].map((move) => (exists.has(`${layer},${from},${move}`) ? 0 : null))),
    ),
  };
  const data = { rank: 2, inputs: 3, classes: options.classes, batch: 1, size: [65, 65], budget } as const;
  const { metrics, warnings, genotype } = methodOf(config).describe(snapshot, data);
  expect(genotype.layers).toBe(3);
  expect(metrics.budgetUse).toBeGreaterThan(0);
  // What does not fit is reported by its key and its share.
  const tight = { ...data, budget: budget && { ...budget, limits: { latencyMs: 0.01 } } };
  expect(methodOf(config).describe(snapshot, tight).warnings.join()).toMatch(
    /budget\.latencyMs=0\.01: no architecture within it was found; the least takes \d+ % of it/,
  );
  expect(warnings.filter((text) => text.includes('budget')).length).toBe(metrics.budgetUse > 1 ? 1 : 0);
});
