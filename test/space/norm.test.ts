import { describe, expect, it } from 'vitest';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { formatGenotype, type Genotype, parseGenotype, summariseGenotype } from '../../src/space/genotype.ts';
import { NORMS, STANDARD_NORM } from '../../src/space/norm.ts';

/** What the norms of a network average over. */
const normsOf = (genotype: Genotype) =>
  new Set(
    buildArchitecture(genotype, { inputs: 1, classes: 2 }).nodes.flatMap((node) =>
      node.kind === 'norm' ? [node.over] : [],
    ),
  );

describe.each(['auto-deeplab-s', 'dints-cvpr2021'])('the norm of %s', (name) => {
  const genotype = findArchitecture(name) as Genotype;
  const standard = STANDARD_NORM[genotype.method];

  it.each(NORMS)('is %s throughout where the genotype says so, also after a round trip', (norm) => {
    const read = parseGenotype(formatGenotype({ ...genotype, norm }), 'test');
    expect(normsOf(read)).toEqual(new Set([norm]));
    expect(summariseGenotype(read).includes(`${norm} norm`)).toBe(norm !== standard);
    // The standard one is not written: the same network is the same file.
    expect(formatGenotype(read).includes('"norm"')).toBe(norm !== standard);
  });

  it('is the one of the paper without the field', () => expect(normsOf(genotype)).toEqual(new Set([standard])));

  it('is refused when it is neither', () =>
    expect(() => parseGenotype({ ...genotype, norm: 'layer' }, 'x.json')).toThrow(
      'x.json: norm is "layer", expected "batch" or "instance"',
    ));
});
