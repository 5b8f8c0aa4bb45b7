/**
 * @file Writes an ONNX graph node by node: names, constants, and sizes, which are known now or computed in the graph.
 */
import { ONNX_DTYPES, type OnnxAttribute, type OnnxDtype, type OnnxNode, type OnnxTensor } from './proto.ts';

/** The spatial size of a value: numbers where it is known, else the name of an int64 value that holds it when the model runs. */
export type SpatialSize = readonly number[] | string;

/** A graph under construction; values are names. */
export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #names = new Set<string>();
  /** Constants and shapes that were asked for before. */
  readonly #known = new Map<string, string>();
  readonly #batch: number | 'dynamic';
  #prefix = '';

  /** @param batch samples at a time. */
  constructor(batch: number | 'dynamic') {
    this.#batch = batch;
  }

  /** Everything that `build` adds has names that begin with `prefix`: several networks in one graph. */
  within<Result>(prefix: string, build: () => Result): Result {
    const outer = this.#prefix;
    this.#prefix = prefix;
    try {
      return build();
    } finally {
      this.#prefix = outer;
    }
  }

  /** Adds a node; returns the name of its output, which begins with `name`. */
  node(
    operator: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const output = this.#claim(name);
    this.nodes.push({ operator, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds a tensor under exactly this name, behind the prefix. */
  tensor(given: string, dtype: OnnxDtype, shape: readonly number[], data: ArrayBufferView): string {
    const name = this.#prefixed(given);
    this.#names.add(name);
    this.tensors.push({ name, dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    return name;
  }

  /** An int64 constant: a list, or one number for a scalar. */
  integers(value: readonly number[] | number): string {
    const [list, shape] = typeof value === 'number' ? [[value], []] : [value, [value.length]];
    return this.#once(`integers ${JSON.stringify(value)}`, () =>
      this.tensor(this.#claim('sizes'), 'int64', shape, BigInt64Array.from(list, BigInt)),
    );
  }

  cast(value: string, dtype: OnnxDtype): string {
    return this.node('Cast', `${value}.${dtype}`, [value], { to: { int: ONNX_DTYPES[dtype] } });
  }

  /** Lengths of the axes `[start, end)` of a value, when the model runs. */
  shape(value: string, start: number, end?: number): string {
    return this.#once(`shape ${value} ${start} ${end}`, () =>
      this.node('Shape', `${value}.shape`, [value], {
        start: { int: start },
        ...(end === undefined ? {} : { end: { int: end } }),
      }),
    );
  }

  /** `floor((size numerator + offset) / denominator)` of a size that is computed; each is a number or the name of an int64 value. */
  scaleSize(size: string, numerator: number | string, denominator: number | string, offset: number | string): string {
    const value = (one: number | string) => (typeof one === 'string' ? one : this.integers(one));
    return this.#once(`scale ${size} ${numerator} ${denominator} ${offset}`, () => {
      const times = numerator === 1 ? size : this.node('Mul', `${size}.times`, [size, value(numerator)]);
      const moved = offset === 0 ? times : this.node('Add', `${size}.moved`, [times, value(offset)]);
      // Whole numbers only: onnxruntime-web computes with no others but float32, which rounds sizes.
      return denominator === 1 ? moved : this.node('Div', `${size}.divided`, [moved, value(denominator)]);
    });
  }

  /** Linear with aligned corners, to a spatial size; `channels` are those of the value. */
  resize(name: string, value: string, channels: number, size: SpatialSize): string {
    return this.node('Resize', name, [value, '', '', this.#wholeSize(name, value, channels, size)], {
      mode: { text: 'linear' },
      coordinate_transformation_mode: { text: 'align_corners' },
    });
  }

  #wholeSize(name: string, value: string, channels: number, size: SpatialSize): string {
    if (typeof size !== 'string' && this.#batch !== 'dynamic') return this.integers([this.#batch, channels, ...size]);
    const spatial = typeof size === 'string' ? size : this.integers(size);
    return this.node('Concat', `${name}.size`, [this.shape(value, 0, 2), spatial], { axis: { int: 0 } });
  }

  #once(key: string, make: () => string): string {
    const name = this.#known.get(key) ?? make();
    this.#known.set(key, name);
    return name;
  }

  #prefixed(name: string): string {
    return name.startsWith(this.#prefix) ? name : this.#prefix + name;
  }

  #claim(given: string): string {
    const name = this.#prefixed(given);
    let free = name;
    for (let i = 1; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }
}
