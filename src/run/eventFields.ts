/**
 * @file What an event must hold to be read: a log from elsewhere may be anything. Types that are not known here pass, so that a newer log can
 * still be read; so do fields beyond these.
 */
import type { RunEventBody } from './events.ts';

type Kind =
  | 'text'
  | 'number'
  | 'number or null'
  | 'number or nothing'
  | 'number, null or nothing'
  | 'texts or nothing'
  | 'group'
  | 'group or nothing'
  | 'group of numbers or null'
  | 'group of numbers or nothing'
  | 'numbers'
  | 'numbers or nothing'
  | 'numbers or null';
type EventOf<Type extends RunEventBody['type']> = Extract<RunEventBody, { type: Type }>;

/** The fields that every event of a type has, and of those that it may have the ones that are read. */
const FIELDS: {
  readonly [Type in RunEventBody['type']]: { readonly [Key in keyof Omit<EventOf<Type>, 'type'>]?: Kind };
} = {
  start: { command: 'text', config: 'group', versions: 'group' },
  step: {
    phase: 'text',
    epoch: 'number',
    step: 'number',
    steps: 'number or nothing',
    loss: 'number or null',
    architectureLoss: 'number, null or nothing',
    learningRate: 'number',
  },
  epoch: { phase: 'text', epoch: 'number', metrics: 'group of numbers or null' },
  architecture: {
    epoch: 'number',
    entropies: 'group of numbers or null',
    limits: 'group of numbers or nothing',
    path: 'numbers or nothing',
  },
  evaluation: {
    split: 'text',
    miou: 'number or null',
    pixelAccuracy: 'number or null',
    meanAccuracy: 'number or null',
    iou: 'numbers or null',
    volumes: 'group or nothing',
    classNames: 'texts or nothing',
  },
  warning: { message: 'text' },
  note: { message: 'text' },
  memory: { epoch: 'number', residentBytes: 'number', peakBytes: 'number' },
  ranks: { epoch: 'number', computedSeconds: 'numbers', exchangedSeconds: 'numbers', hiddenSeconds: 'numbers' },
  checkpoint: { path: 'text' },
  end: { status: 'text', message: 'text' },
};

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isNumberOrNull = (value: unknown): boolean => value === null || isNumber(value);
const isGroup = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumbers = (value: unknown): boolean => Array.isArray(value) && value.every(isNumber);
const TESTS: Record<Kind, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  number: isNumber,
  'number or null': isNumberOrNull,
  'number or nothing': (value) => value === undefined || isNumber(value),
  'number, null or nothing': (value) => value === undefined || isNumberOrNull(value),
  numbers: isNumbers,
  'numbers or nothing': (value) => value === undefined || isNumbers(value),
  'numbers or null': (value) => Array.isArray(value) && value.every(isNumberOrNull),
  'texts or nothing': (value) =>
    value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string')),
  group: isGroup,
  'group or nothing': (value) => value === undefined || isGroup(value),
  'group of numbers or nothing': (value) =>
    value === undefined || (isGroup(value) && Object.values(value).every(isNumberOrNull)),
  'group of numbers or null': (value) => isGroup(value) && Object.values(value).every(isNumberOrNull),
};

/** What is wrong with an event, such as `epoch: expected a number`; undefined when nothing is. */
export function faultOf(event: Readonly<Record<string, unknown>>): string | undefined {
  if (!isEventType(event.type)) return undefined;
  for (const [key, kind] of Object.entries(FIELDS[event.type]) as [string, Kind][])
    if (!TESTS[kind](event[key])) return `${key}: expected a ${kind}`;
  return undefined;
}

const isEventType = (type: unknown): type is RunEventBody['type'] =>
  typeof type === 'string' && Object.hasOwn(FIELDS, type);
