import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePng, encodePng } from '../../src/data/images/png.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { writeAtomically } from '../../src/run/files.ts';
import { runCommand } from '../helpers/cli.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const TINY = [
  'data=own',
  'preset=demo',
  'batch=2',
  'crop=33',
  'filters=2',
  'aspp.filters=4',
  'decoder.filters=4',
  'workers=0',
  'threads=1',
];

describe('ordinary networks on the command line', () => {
  const folder = sharedFolder();
  beforeAll(() => {
    const { width, height, image, label } = paintScene(5, 48, 33);
    const values = Uint8Array.from(label, (id) => (id === 255 ? 255 : 10 * (id + 1)));
    for (const split of ['train', 'val']) {
      for (const kind of ['images', 'masks']) mkdirSync(join(folder, 'own', kind, split), { recursive: true });
      for (const name of ['a', 'b']) {
        writeAtomically(
          join(folder, 'own', 'images', split, `${name}.png`),
          encodePng({ width, height, channels: 3, data: image }),
        );
        writeAtomically(
          join(folder, 'own', 'masks', split, `${name}.png`),
          encodePng({ width, height, channels: 1, data: values }),
        );
      }
    }
    const classes = Array.from({ length: 12 }, (_, id) => `${10 * (id + 1)}: class ${id}`);
    writeFileSync(join(folder, 'own', 'data.yaml'), `classes: {${classes.join(', ')}}\n`);
  });
  const espalier = (...words: string[]) => {
    const { out, error, code } = runCommand(folder, words);
    expect(code, error).toBe(0);
    return out;
  };

  it('are compared, and their runs evaluate, predict, count and pass their weights on', () => {
    const { architectures } = JSON.parse(
      espalier('compare', 'archs=deeplabv3,deeplabv3:outputStride=8', 'budget=2steps', 'seeds=1', ...TINY, '--json'),
    );
    expect(architectures).toHaveLength(2);
    const text = espalier('compare', 'config=runs/compare/comparison/compare.yaml');
    expect(text).toMatch(/\| deeplabv3:outputStride=8 \|/);

    const run = 'runs/train/comparison-deeplabv3_outputStride_8-0';
    expect(existsSync(join(folder, run, 'genotype.json'))).toBe(false);
    expect(JSON.parse(readFileSync(join(folder, run, 'network.json'), 'utf8')).architecture).toEqual({
      network: 'deeplabv3',
      options: { outputStride: 8 },
    });
    const info = JSON.parse(espalier('info', run, 'size=[33, 33]', '--json'));
    expect(info.parameters).toBe(architectures[0].parameters);
    const evaluated = JSON.parse(espalier('evaluate', `run=${run}`, '--json'));
    const best = architectures.find(({ runs }: { runs: { run: string }[] }) => runs[0].run.endsWith(run)).runs[0].score;
    expect(evaluated.miou).toBeCloseTo(best, 6);
    expect(JSON.parse(espalier('predict', `run=${run}`, 'own/images/val/a.png', '--json')).images).toHaveLength(1);

    espalier('train', `arch=${run}`, `from=${run}`, 'norms=frozen', 'name=next', 'steps=1', 'accumulate=2', ...TINY);
    const events = readFileSync(join(folder, 'runs/train/next/events.jsonl'), 'utf8');
    expect(events).toContain(`weights start from ${run}`);
  });

  it('keep a budget of the network beside that of the training, from the file of the comparison too', () => {
    const limit = 3e7;
    const words = ['archs=unet:levels=2', 'name=within', 'budget=1steps', `budget.multiplyAdds=${limit}`, 'seeds=1'];
    const { architectures } = JSON.parse(espalier('compare', ...words, ...TINY, '--json'));
    expect(architectures[0].multiplyAdds).toBeLessThanOrEqual(limit);
    expect(architectures[0].multiplyAdds).toBeGreaterThan(0.9 * limit);
    const again = JSON.parse(espalier('compare', 'config=runs/compare/within/compare.yaml', '--json'));
    expect(again.architectures).toEqual(architectures);
    const run = architectures[0].runs[0].run;
    const refused = (key: string) => () =>
      espalier('export', `run=${run}`, 'size=[33, 33]', `output=${key}.onnx`, `budget.${key}=1000`);
    expect(refused('parameters')).toThrow(/budget\.parameters=1000: this network takes \d+ for an input of 33 x 33/);
    expect(refused('multiplyAdds')).toThrow(/budget\.multiplyAdds=1000: this network takes/);
    expect(existsSync(join(folder, 'parameters.onnx'))).toBe(false);
  });

  it('write the values of the label files for a submission', () => {
    espalier('train', 'arch=random:1:2x1', 'name=values', 'steps=1', 'trainOn=[train, val]', ...TINY);
    const idsOf = (...words: string[]) => {
      const { images } = JSON.parse(
        espalier('predict', 'run=runs/train/values', 'own/images/val/a.png', '--json', ...words),
      );
      return decodePng(readFileSync(join(folder, images[0].ids)), 'ids').data;
    };
    const plain = idsOf();
    expect([...idsOf('submission=true')]).toEqual([...plain].map((id) => 10 * (id + 1)));
  });
});
