/**
 * @file Sequences of choices in the order of their scores, the best first: a search that extends the sequence whose score so far and best rest are the
 * largest. Where the best rest is exact, nothing is extended in vain.
 */

/** One choice of a stage, and where it leads. */
export interface Choice<State> {
  readonly score: number;
  readonly state: State;
}

/** A space of sequences. */
export interface Sequences<State> {
  readonly start: State;
  /** The choices from a state; empty where a sequence is complete. */
  choices(state: State): readonly Choice<State>[];
  /** The largest sum of scores from a state to the end, or more than that. */
  best(state: State): number;
}

/**
 * The complete sequences by descending score, each as the state that it ends in; of equal ones the one that was reached first. Ends early when more than
 * `most` partial sequences wait.
 */
export function* bestFirst<State>(
  { start, choices, best }: Sequences<State>,
  most = 300_000,
): Generator<{ readonly state: State; readonly score: number }> {
  const heap: Waiting<State>[] = [];
  let reached = 0;
  push(heap, { state: start, score: 0, bound: best(start), order: reached++ });
  while (heap.length > 0 && heap.length < most) {
    const { state, score } = pop(heap);
    const next = choices(state);
    if (next.length === 0) yield { state, score };
    for (const choice of next) {
      const sum = score + choice.score;
      const bound = sum + best(choice.state);
      if (bound > Number.NEGATIVE_INFINITY) push(heap, { state: choice.state, score: sum, bound, order: reached++ });
    }
  }
}

interface Waiting<State> {
  readonly state: State;
  readonly score: number;
  readonly bound: number;
  readonly order: number;
}

const isBefore = (a: Waiting<unknown>, b: Waiting<unknown>): boolean =>
  a.bound > b.bound || (a.bound === b.bound && a.order < b.order);

function push<State>(heap: Waiting<State>[], item: Waiting<State>): void {
  let i = heap.length;
  heap.push(item);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(item, heap[parent])) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = item;
}

function pop<State>(heap: Waiting<State>[]): Waiting<State> {
  const first = heap[0];
  const item = heap.pop() as Waiting<State>;
  if (heap.length === 0) return first;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
    if (!isBefore(heap[child], item)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = item;
  return first;
}
