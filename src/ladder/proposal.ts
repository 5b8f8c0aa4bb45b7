/**
 * @file What becomes a candidate: an architecture with a name, brought to the budgets.
 */
import { type Architecture, isGenotype, summariseArchitecture } from '../models/architecture.ts';
import { architectureKey, type Candidate, type Fit, type Origin } from './candidate.ts';

/** An architecture with a name, before its width is known. */
export interface Proposal {
  readonly name: string;
  readonly origin: Origin;
  readonly architecture: Architecture;
  readonly parents?: readonly string[];
  readonly change?: string;
}

/** Short names that sort. */
export const idAt = (index: number): string => `c${String(index + 1).padStart(2, '0')}`;

/** A proposal as a candidate, unless nothing of it fits or an equal one is in `keys`, which grows. */
export function fitted(proposed: Proposal, id: string, toBudget: Fit, keys: Set<string>): Candidate | null {
  const key = architectureKey(proposed.architecture);
  if (keys.has(key)) return null;
  const found = toBudget(proposed.architecture);
  if (!found) return null;
  keys.add(key);
  const detail = isGenotype(proposed.architecture) ? `: ${summariseArchitecture(proposed.architecture)}` : '';
  const name = proposed.origin === 'hand-made' ? proposed.name : `${proposed.name}${detail}`;
  return { ...proposed, ...found, id, name };
}
