/**
 * @file Tensor: a handle to a libtorch tensor, with its shape, dtype, device and its data in and out of typed arrays.
 * Who frees it: the innermost open `scope`; without one, `free()` or, as a safety net, the garbage collector.
 */
import { ShapeError } from '../base/errors.ts';
import { type Handle, native } from './native.ts';

/** Element types of the engine. */
export type DType =
  | 'float32'
  | 'float64'
  | 'bfloat16'
  | 'float16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** Arrays that JavaScript can hold for a dtype; bfloat16 and float16 travel as the bits in a `Uint16Array`. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

interface Facts {
  dtype: DType;
  device: string;
  elementSize: number;
  shape: readonly number[];
}

/** Tensors made outside every scope, or handed out of one: released when JavaScript forgets them. */
const forgotten = new FinalizationRegistry<Handle>((handle) => native().release([handle]));
const scopes: Scope[] = [];

/** The tensors that an open scope will free: a list through the tensors themselves, which adds and removes without hashing. */
class Scope {
  first: Tensor | undefined;
}

/** A tensor of libtorch. Immutable in shape and dtype; its data may be changed by operators whose name ends in `_`. */
export class Tensor {
  /** @internal The addon's name of this tensor. */
  readonly handle: Handle;
  #facts: Facts | undefined;
  #scope: Scope | undefined;
  #before: Tensor | undefined;
  #after: Tensor | undefined;

  /** @internal Use `fromArray`, `zeros` or an operator. */
  constructor(handle: Handle) {
    this.handle = handle;
    this.#enter(scopes[scopes.length - 1]);
  }

  /** Sizes, `[batch, channels, ...spatial]` by convention of the layers. */
  get shape(): readonly number[] {
    return this.#read().shape;
  }

  get dtype(): DType {
    return this.#read().dtype;
  }

  /** `cpu`, `cuda:0`, ... */
  get device(): string {
    return this.#read().device;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  /** Bytes of the elements (not of shared storage). */
  get bytes(): number {
    return this.size * this.#read().elementSize;
  }

  /** Whether autograd records what is computed from this tensor. */
  get requiresGradient(): boolean {
    return native().info(this.handle)[2];
  }

  /** The elements in row-major order: one copy, made in the array that is returned. */
  data(): TypedArray {
    const array = new (arrayOf(this.dtype))(this.size);
    native().copyOut(this.handle, array);
    return array;
  }

  /** As `data`, into an array that the caller owns; its byte length must be that of the tensor. */
  copyInto(array: TypedArray): void {
    native().copyOut(this.handle, array);
  }

  /** The elements as plain numbers (int64 beyond 2^53 loses precision; float16 and bfloat16 must be converted first). */
  numbers(): number[] {
    if (this.dtype === 'float16' || this.dtype === 'bfloat16')
      throw new ShapeError(`numbers() of a ${this.dtype} tensor`, 'convert it to float32 first');
    return Array.from(this.data() as ArrayLike<number | bigint>, Number);
  }

  /** The value of a tensor of one element. */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError(`item() needs one element, this tensor has shape [${this.shape.join(', ')}]`);
    return this.numbers()[0];
  }

  /** Releases the memory now. Using the tensor afterwards is an `EngineError`; freeing twice is none. */
  free(): void {
    if (this.#scope) this.#leave();
    else forgotten.unregister(this);
    native().free(this.handle);
  }

  /** @internal Takes the tensor out of its scope, if that is `from` (or any, when not given), and into `to`, or out of all. */
  moveTo(to: Scope | undefined, from?: Scope): void {
    if (from && this.#scope !== from) return;
    if (this.#scope) this.#leave();
    else forgotten.unregister(this);
    this.#enter(to);
  }

  /** @internal The handles of all tensors of a scope, which is empty afterwards. */
  static handlesOf(scope: Scope): Handle[] {
    const handles: Handle[] = [];
    for (let tensor = scope.first; tensor; ) {
      const next: Tensor | undefined = tensor.#after;
      handles.push(tensor.handle);
      tensor.#forget();
      tensor = next;
    }
    scope.first = undefined;
    return handles;
  }

  #enter(scope: Scope | undefined): void {
    this.#scope = scope;
    if (!scope) {
      handOver(this);
      return;
    }
    this.#after = scope.first;
    if (scope.first) scope.first.#before = this;
    scope.first = this;
  }

  #leave(): void {
    if (this.#before) this.#before.#after = this.#after;
    else (this.#scope as Scope).first = this.#after;
    if (this.#after) this.#after.#before = this.#before;
    this.#forget();
  }

  #forget(): void {
    this.#scope = undefined;
    this.#before = undefined;
    this.#after = undefined;
  }

  #read(): Facts {
    if (!this.#facts) {
      const [dtype, device, , elementSize, ...shape] = native().info(this.handle);
      this.#facts = { dtype: dtype as DType, device, elementSize, shape };
    }
    return this.#facts;
  }
}

/** Anything that may hold tensors: what `scope` looks through to find what it must keep. */
export type Holder =
  | Tensor
  | readonly Holder[]
  | { readonly [key: string]: unknown }
  | undefined
  | null
  | number
  | string
  | boolean;

/**
 * Runs `work` and frees every tensor made inside it, except those it returns (a tensor, or arrays and plain objects of tensors).
 * Kept ones belong to the scope around, if there is one.
 */
export function scope<T>(work: () => T): T {
  const made = new Scope();
  scopes.push(made);
  let result: T;
  try {
    result = work();
  } catch (error) {
    scopes.pop();
    releaseAll(made);
    throw error;
  }
  scopes.pop();
  keep(result, made);
  releaseAll(made);
  return result;
}

/** Takes a tensor out of every open scope: it lives until `free()` or until nothing refers to it. */
export function keepForever(tensor: Tensor): Tensor {
  tensor.moveTo(undefined);
  return tensor;
}

function keep(value: unknown, made: Scope): void {
  if (value instanceof Tensor) value.moveTo(scopes[scopes.length - 1], made);
  else if (Array.isArray(value)) for (const item of value) keep(item, made);
  else if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) keep(item, made);
  }
}

/** Leaves a tensor to the garbage collector, to which its size is reported. */
function handOver(tensor: Tensor): void {
  forgotten.register(tensor, tensor.handle, tensor);
  native().handOver(tensor.handle);
}

function releaseAll(made: Scope): void {
  const handles = Tensor.handlesOf(made);
  if (handles.length > 0) native().release(handles);
}

type ArrayConstructor = new (length: number) => TypedArray;
const ARRAYS: Record<DType, ArrayConstructor> = {
  float32: Float32Array,
  float64: Float64Array,
  bfloat16: Uint16Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

function arrayOf(dtype: DType): ArrayConstructor {
  return ARRAYS[dtype];
}

/** A tensor on the CPU with a copy of `array`, or, with `share`, on the array's own memory (do not transfer it while the tensor lives; resizable buffers are refused). */
export function fromArray(
  array: TypedArray | readonly number[],
  shape: readonly number[],
  dtype?: DType,
  options: { share?: boolean } = {},
): Tensor {
  const kind = dtype ?? dtypeOf(array);
  const typed = ArrayBuffer.isView(array) ? (array as TypedArray) : fill(array as readonly number[], kind);
  return new Tensor(native().fromBytes(typed, shape, kind, options.share ?? false));
}

function fill(values: readonly number[], dtype: DType): TypedArray {
  if (dtype === 'float16' || dtype === 'bfloat16')
    throw new ShapeError(`a list of numbers cannot become ${dtype} directly`, 'create float32 and convert');
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  const array = new (arrayOf(dtype))(values.length) as Float32Array;
  array.set(values);
  return array;
}

function dtypeOf(array: TypedArray | readonly number[]): DType {
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint8Array) return 'uint8';
  return 'float32';
}
