/**
 * @file Architecture parameters of any method: from a file to trusted logits, from logits to a genotype. A new method is a case here.
 */
import { ArchitectureError } from '../base/errors.ts';
import { showShort as show } from '../base/text.ts';
import type { Genotype } from '../space/genotype.ts';
import { asRecord, type Fail } from '../space/genotypeFields.ts';
import type { AutoDeepLabLogits } from '../space/logits.ts';
import { decodeAutoDeepLab, parseAutoDeepLabLogits } from './autoDeepLab.ts';
import { type DintsLogits, decodeDints, parseDintsLogits } from './dints.ts';

/** Raw logits as plain numbers, what a search logs and stores; `method` tells the kinds apart. */
export type ArchitectureParameters =
  | ({ readonly method: 'auto-deeplab' } & AutoDeepLabLogits)
  | ({ readonly method: 'dints' } & DintsLogits);

/**
 * Logits from an untrusted value; `where` is named in errors: `{"method":"auto-deeplab","alpha":[edges][8],"beta":[layers][4][3]}` or
 * `{"method":"dints","edges":[layers][edges],"ops":[layers][edges][operators]}`.
 * @throws ArchitectureError for sizes that fit no space, values that are not finite, a number where there is no edge or null where there is one.
 */
export function parseArchitectureParameters(value: unknown, where: string): ArchitectureParameters {
  const fail: Fail = (problem, advice) => {
    throw new ArchitectureError(`${where}: ${problem}`, advice);
  };
  const file =
    asRecord(value) ?? fail('expected an object with method and its tables: alpha and beta, or edges and ops');
  const { method } = file;
  if (method === 'dints') return { method, ...parseDintsLogits(file, fail) };
  if (method === 'auto-deeplab') return { method, ...parseAutoDeepLabLogits(file, fail) };
  return fail(`method is ${show(method)}, expected "auto-deeplab" or "dints"`);
}

/** The network that the parameters stand for; `rank` and `atrous` are what the logits of Auto-DeepLab do not say. */
export function decodeArchitecture(
  parameters: ArchitectureParameters,
  options: {
    filters: number;
    atrous: 'dense' | 'separable';
    rank: 2 | 3;
    provenance?: Readonly<Record<string, string>>;
  },
): Genotype {
  switch (parameters.method) {
    case 'auto-deeplab':
      return decodeAutoDeepLab(parameters, options);
    case 'dints':
      return decodeDints(parameters, { filters: options.filters, provenance: options.provenance });
    default:
      return parameters satisfies never;
  }
}
