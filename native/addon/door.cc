/// @file The door to libtorch: finds any operator of the dispatcher by name and calls it with a boxed stack. Autograd
/// records as usual. Everything else here is what operators cannot say: bytes in and out, gradients, generators,
/// threads. One file although it is long: it is the whole list of what the addon exports.
#include "convert.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace espalier {
namespace {

State& stateOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  State& state = *static_cast<State*>(data);
  PendingReferences& pending = *state.pending;
  if (!pending.any.exchange(false, std::memory_order_acquire)) return state;
  std::lock_guard<std::mutex> lock(pending.mutex);
  for (napi_ref reference : pending.references) napi_delete_reference(env, reference);
  pending.references.clear();
  return state;
}

constexpr size_t kMostArguments = 24;  // no operator takes more than 22
constexpr size_t kFirstPositional = 2;
struct Arguments {
  napi_value values[kMostArguments];
  size_t count = kMostArguments;
  napi_value operator[](size_t i) const { return values[i]; }  // Node-API fills what is missing with undefined
};

void throwError(napi_env env, const std::string& message) {
  // The error of a getter that threw says more than the one that follows from it.
  bool thrown = false;
  if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown) return;
  napi_value text, factory, receiver, error;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  napi_get_undefined(env, &receiver);
  napi_ref reference = stateOf(env).errorFactory;
  if (reference && napi_get_reference_value(env, reference, &factory) == napi_ok &&
      napi_call_function(env, receiver, factory, 1, &text, &error) == napi_ok) {
    napi_throw(env, error);
  } else {
    napi_throw_error(env, "ESPALIER_ENGINE", message.c_str());
  }
}

/// Wraps a function so that no C++ exception leaves it: each becomes a JavaScript error with its message.
template <napi_value (*function)(napi_env, State&, const Arguments&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  std::string message;
  try {
    Arguments arguments;
    napi_get_cb_info(env, info, &arguments.count, arguments.values, nullptr, nullptr);
    return function(env, stateOf(env), arguments);
  } catch (const Refusal& refusal) {
    message = refusal.message;
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "an unknown C++ exception";
  }
  throwError(env, message);
  return nullptr;
}

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

napi_value text(napi_env env, const std::string& value) {
  napi_value result;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

/// The tensors of a list; null stands for none where `optional`.
std::vector<at::Tensor> tensors(napi_env env, State& state, napi_value list, const char* what, bool optional = false) {
  const uint32_t length = arrayLength(env, list, what);
  std::vector<at::Tensor> result;
  result.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item = element(env, list, i);
    result.push_back(optional && isNothing(env, item) ? at::Tensor() : state.get(toNumber(env, item, what)));
  }
  return result;
}

/// findOperator(name, overload) -> id
napi_value findOperator(napi_env env, State& state, const Arguments& arguments) {
  const std::string name = toString(env, arguments[0], "name"), overload = toString(env, arguments[1], "overload");
  auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!found) refuse("libtorch " TORCH_VERSION " has no operator " + name + (overload.empty() ? "" : "." + overload));
  state.operators.push_back(*found);
  return number(env, static_cast<double>(state.operators.size() - 1));
}

/// By value, as everything that is read from the state: JavaScript may run while a call reads its arguments (getters),
/// and whatever it does there with the tables of the state must not touch what the call holds.
c10::OperatorHandle operatorOf(napi_env env, State& state, napi_value id) {
  const double index = toNumber(env, id, "operator");
  if (!(index >= 0 && index < state.operators.size())) refuse("unknown operator id");
  return state.operators[static_cast<size_t>(index)];
}

/// schema(id) -> the operator's signature as text
napi_value schema(napi_env env, State& state, const Arguments& arguments) {
  std::ostringstream out;
  const c10::OperatorHandle handle = operatorOf(env, state, arguments[0]);
  out << handle.schema();
  return text(env, out.str());
}

std::string describeCall(const c10::FunctionSchema& schema, const torch::jit::Stack& stack) {
  std::string message = schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name()) + "(";
  for (size_t i = 0; i < stack.size(); i++) {
    if (i) message += ", ";
    const auto& value = stack[i];
    if (value.isTensor())
      message += describe(value.toTensor());
    else if (value.isTensorList()) {
      message += "[";
      for (const at::Tensor& tensor : value.toTensorVector()) message += describe(tensor) + "; ";
      message += "]";
    } else {
      std::ostringstream out;
      out << value;
      message += schema.arguments()[i].name() + "=" + out.str();
    }
  }
  return message + ")";
}

/// The stack of a call: what was given, what was named, and the defaults of the schema.
torch::jit::Stack stackOf(napi_env env, State& state, const c10::FunctionSchema& schema, const Arguments& arguments) {
  const auto& formal = schema.arguments();
  const size_t given = arguments.count - kFirstPositional;
  napi_value named = arguments[1];
  const bool keywords = !isNothing(env, named);
  if (given > formal.size()) {
    refuse("takes at most " + std::to_string(formal.size()) + " arguments, got " + std::to_string(given));
  }
  torch::jit::Stack stack;
  stack.reserve(formal.size());
  for (size_t i = 0; i < formal.size(); i++) {
    napi_valuetype type = napi_undefined;
    napi_value value = nullptr;
    if (i < given) {
      value = arguments[kFirstPositional + i];
      napi_typeof(env, value, &type);
    }
    if (type == napi_undefined && keywords) {
      if (napi_get_named_property(env, named, formal[i].name().c_str(), &value) != napi_ok)
        refuse("the keyword \"" + formal[i].name() + "\" cannot be read");
      napi_typeof(env, value, &type);
    }
    if (type != napi_undefined) {
      stack.push_back(toIValue(env, state, value, formal[i]));
    } else if (formal[i].default_value()) {
      stack.push_back(*formal[i].default_value());
    } else {
      refuse("argument \"" + formal[i].name() + "\" is missing");
    }
  }
  return stack;
}

/// call(id, keywords | null, ...positional) -> result
napi_value call(napi_env env, State& state, const Arguments& arguments) {
  const c10::OperatorHandle handle = operatorOf(env, state, arguments[0]);
  const c10::FunctionSchema& schema = handle.schema();
  if (arguments.count < kFirstPositional || arguments.count > kMostArguments)
    refuse("call: too few or too many arguments");
  torch::jit::Stack stack;
  try {
    stack = stackOf(env, state, schema, arguments);
  } catch (const Refusal& refusal) {
    refuse(schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name()) + ": " +
           refusal.message);
  }
  // The operator consumes its stack: a message of its failure reads the arguments again.
  const auto described = [&] { return describeCall(schema, stackOf(env, state, schema, arguments)) + ": "; };
  try {
    handle.callBoxed(stack);
  } catch (const c10::Error& error) {
    refuse(described() + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    refuse(described() + "out of memory");
  } catch (const std::exception& error) {
    refuse(described() + error.what());
  }
  if (stack.empty()) return undefined(env);
  if (stack.size() == 1) return fromIValue(env, state, stack[0]);
  napi_value results;
  napi_create_array_with_length(env, stack.size(), &results);
  for (size_t i = 0; i < stack.size(); i++) napi_set_element(env, results, i, fromIValue(env, state, stack[i]));
  return results;
}

/// Reports to the garbage collector how much memory its objects hold: it cannot know how large a tensor is.
void report(napi_env env, int64_t bytes) {
  int64_t total;
  if (bytes) napi_adjust_external_memory(env, bytes, &total);
}

/// release(handles[])
napi_value release(napi_env env, State& state, const Arguments& arguments) {
  const uint32_t length = arrayLength(env, arguments[0], "handles");
  int64_t bytes = 0;
  for (uint32_t i = 0; i < length; i++) bytes += state.release(toNumber(env, element(env, arguments[0], i), "handle"));
  report(env, -bytes);
  return undefined(env);
}

/// free(handle)
napi_value freeOne(napi_env env, State& state, const Arguments& arguments) {
  report(env, -state.release(toNumber(env, arguments[0], "handle")));
  return undefined(env);
}

/// handOver(handle): from now on the garbage collector decides how long it lives
napi_value handOver(napi_env env, State& state, const Arguments& arguments) {
  report(env, state.handOver(toNumber(env, arguments[0], "handle")));
  return undefined(env);
}

struct Bytes {
  void* data = nullptr;
  size_t length = 0;
  napi_value buffer = nullptr;
};

Bytes bytesOf(napi_env env, napi_value view) {
  bool isTyped = false;
  napi_is_typedarray(env, view, &isTyped);
  if (!isTyped) refuse("expected a typed array");
  napi_typedarray_type type;
  size_t count, offset;
  Bytes bytes;
  static const size_t kWidth[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  if (napi_get_typedarray_info(env, view, &type, &count, &bytes.data, &bytes.buffer, &offset) != napi_ok ||
      static_cast<size_t>(type) >= std::size(kWidth)) {
    refuse("expected a typed array of numbers of 1, 2, 4 or 8 bytes");
  }
  bytes.length = count * kWidth[type];
  return bytes;
}

/// Refuses a buffer whose memory can move or shrink while a tensor lives on it.
void requireFixed(napi_env env, State& state, napi_value buffer) {
  bool isPlain = false, flag = false;
  napi_is_arraybuffer(env, buffer, &isPlain);
  napi_value getter, result;
  napi_ref reference = isPlain ? state.isResizable : state.isGrowable;
  if (!reference || napi_get_reference_value(env, reference, &getter) != napi_ok)
    return;  // this Node has no such buffers
  if (napi_call_function(env, buffer, getter, 0, nullptr, &result) != napi_ok ||
      napi_get_value_bool(env, result, &flag) != napi_ok || flag)
    refuse("a buffer that can be resized cannot be shared with a tensor: copy it, or pass an array of fixed length");
}

/// The getter of a property of a class of JavaScript, out of reach of what a program defines on its own objects; null
/// where there is none.
napi_ref getterOf(napi_env env, const char* className, const char* property) {
  napi_value global, object, describe, constructor, prototype, descriptor, getter, name;
  napi_valuetype type;
  napi_ref reference = nullptr;
  napi_get_global(env, &global);
  napi_get_named_property(env, global, "Object", &object);
  napi_get_named_property(env, object, "getOwnPropertyDescriptor", &describe);
  napi_get_named_property(env, global, className, &constructor);
  napi_get_named_property(env, constructor, "prototype", &prototype);
  napi_create_string_utf8(env, property, NAPI_AUTO_LENGTH, &name);
  const napi_value arguments[] = {prototype, name};
  if (napi_call_function(env, object, describe, 2, arguments, &descriptor) != napi_ok) return nullptr;
  if (napi_typeof(env, descriptor, &type) != napi_ok || type != napi_object) return nullptr;
  napi_get_named_property(env, descriptor, "get", &getter);
  if (napi_typeof(env, getter, &type) == napi_ok && type == napi_function)
    napi_create_reference(env, getter, 1, &reference);
  return reference;
}

/// fromBytes(view, shape, dtype, share) -> handle. With `share` the tensor lives on the array's own memory, without a
/// copy.
napi_value fromBytes(napi_env env, State& state, const Arguments& arguments) {
  const auto shape = toIntegers(env, arguments[1], "shape");
  const at::ScalarType type = scalarTypeOf(toString(env, arguments[2], "dtype"));
  const bool share = toBool(env, arguments[3], "share");
  // Last: reading the shape may run JavaScript, which may take the memory away.
  const Bytes bytes = bytesOf(env, arguments[0]);
  if (share) requireFixed(env, state, bytes.buffer);
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0) refuse("shape: sizes must not be negative");
    if (__builtin_mul_overflow(count, size, &count)) refuse("shape: too many elements");
  }
  const size_t width = c10::elementSize(type);
  if (static_cast<size_t>(count) > SIZE_MAX / width || count * width != bytes.length) {
    refuse("the shape needs " + std::to_string(count) + " x " + std::to_string(width) + " bytes, the array has " +
           std::to_string(bytes.length));
  }
  const auto options = at::TensorOptions().dtype(type);
  if (!share) {
    at::Tensor tensor = at::empty(shape, options);
    if (bytes.length) std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
    return number(env, state.put(tensor));
  }
  napi_ref reference;
  napi_create_reference(env, arguments[0], 1, &reference);
  // Tensors may outlive the environment, in a graph of autograd or a collective of another thread: they hold the list,
  // not its owner.
  at::Tensor tensor = at::from_blob(
      bytes.data, shape,
      [pending = state.pending, reference](void*) {
        std::lock_guard<std::mutex> lock(pending->mutex);
        pending->references.push_back(reference);
        pending->any.store(true, std::memory_order_release);
      },
      options);
  return number(env, state.put(tensor));
}

/// copyOut(handle, view): the tensor's elements, row-major, into the array. One copy where the tensor is a contiguous
/// CPU tensor.
napi_value copyOut(napi_env env, State& state, const Arguments& arguments) {
  at::Tensor tensor = state.get(toNumber(env, arguments[0], "tensor")).detach();
  const Bytes bytes = bytesOf(env, arguments[1]);
  if (tensor.nbytes() != bytes.length && static_cast<size_t>(tensor.numel()) * tensor.element_size() != bytes.length) {
    refuse("the array has " + std::to_string(bytes.length) + " bytes, the tensor " + describe(tensor) + " needs " +
           std::to_string(tensor.numel() * tensor.element_size()));
  }
  if (bytes.length == 0) return undefined(env);
  at::Tensor target = at::from_blob(bytes.data, tensor.sizes(), at::TensorOptions().dtype(tensor.scalar_type()));
  at::NoGradGuard noGrad;
  target.copy_(tensor);
  return undefined(env);
}

/// info(handle) -> [dtype, device, requiresGradient, elementSize, ...shape]
napi_value info(napi_env env, State& state, const Arguments& arguments) {
  const at::Tensor tensor = state.get(toNumber(env, arguments[0], "tensor"));
  napi_value result, flag;
  napi_create_array_with_length(env, 4 + tensor.dim(), &result);
  napi_get_boolean(env, tensor.requires_grad(), &flag);
  napi_set_element(env, result, 0, text(env, nameOf(tensor.scalar_type())));
  napi_set_element(env, result, 1, text(env, tensor.device().str()));
  napi_set_element(env, result, 2, flag);
  napi_set_element(env, result, 3, number(env, static_cast<double>(tensor.element_size())));
  for (int64_t i = 0; i < tensor.dim(); i++)
    napi_set_element(env, result, 4 + i, number(env, static_cast<double>(tensor.size(i))));
  return result;
}

/// backward(outputs[], gradients[] (entries may be null), keepGraph)
napi_value backward(napi_env env, State& state, const Arguments& arguments) {
  torch::autograd::backward(tensors(env, state, arguments[0], "outputs"),
                            tensors(env, state, arguments[1], "gradients", true),
                            toBool(env, arguments[2], "keepGraph"));
  return undefined(env);
}

/// gradients(outputs[], inputs[], gradientsOfOutputs[], keepGraph, createGraph) -> handles, null where an input was not
/// used
napi_value gradients(napi_env env, State& state, const Arguments& arguments) {
  const auto results = torch::autograd::grad(
      tensors(env, state, arguments[0], "outputs"), tensors(env, state, arguments[1], "inputs"),
      tensors(env, state, arguments[2], "gradients", true), toBool(env, arguments[3], "keepGraph"),
      toBool(env, arguments[4], "createGraph"), /*allow_unused=*/true);
  napi_value list;
  napi_create_array_with_length(env, results.size(), &list);
  for (size_t i = 0; i < results.size(); i++) napi_set_element(env, list, i, fromIValue(env, state, results[i]));
  return list;
}

/// gradientOf(handle) -> handle of .grad, or null
napi_value gradientOf(napi_env env, State& state, const Arguments& arguments) {
  return fromIValue(env, state, state.get(toNumber(env, arguments[0], "tensor")).grad());
}

/// setGradient(handle, handle | null)
napi_value setGradient(napi_env env, State& state, const Arguments& arguments) {
  at::Tensor tensor = state.get(toNumber(env, arguments[0], "tensor"));
  tensor.mutable_grad() =
      isNothing(env, arguments[1]) ? at::Tensor() : state.get(toNumber(env, arguments[1], "gradient"));
  return undefined(env);
}

/// requireGradient(handle, flag)
napi_value requireGradient(napi_env env, State& state, const Arguments& arguments) {
  at::Tensor tensor = state.get(toNumber(env, arguments[0], "tensor"));
  tensor.set_requires_grad(toBool(env, arguments[1], "flag"));
  return undefined(env);
}

/// gradientMode(flag) -> the mode before
napi_value gradientMode(napi_env env, State&, const Arguments& arguments) {
  napi_value before;
  napi_get_boolean(env, c10::GradMode::is_enabled(), &before);
  c10::GradMode::set_enabled(toBool(env, arguments[0], "flag"));
  return before;
}

/// createGenerator(device, seed) -> id
napi_value createGenerator(napi_env env, State& state, const Arguments& arguments) {
  const c10::Device device(toString(env, arguments[0], "device"));
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  const double seed = toNumber(env, arguments[1], "seed");
  if (!(seed >= 0 && seed < 9007199254740992.0)) refuse("seed: expected a number from 0 below 2^53");
  generator.set_current_seed(static_cast<uint64_t>(seed));
  state.generators.push_back(generator);
  return number(env, static_cast<double>(state.generators.size() - 1));
}

at::Generator generatorOf(napi_env env, State& state, napi_value id) {
  const double index = toNumber(env, id, "generator");
  if (!(index >= 0 && index < state.generators.size())) refuse("unknown generator");
  return state.generators[static_cast<size_t>(index)];
}

/// generatorState(id) -> handle of a uint8 tensor
napi_value generatorState(napi_env env, State& state, const Arguments& arguments) {
  return number(env, state.put(generatorOf(env, state, arguments[0]).get_state()));
}

/// setGeneratorState(id, handle)
napi_value setGeneratorState(napi_env env, State& state, const Arguments& arguments) {
  generatorOf(env, state, arguments[0]).set_state(state.get(toNumber(env, arguments[1], "state")));
  return undefined(env);
}

/// threads(count | null) -> the number of threads in use
napi_value threads(napi_env env, State&, const Arguments& arguments) {
  if (!isNothing(env, arguments[0])) {
    const double count = toNumber(env, arguments[0], "count");
    if (!(count >= 1 && count <= 4096)) refuse("threads: expected 1 to 4096");
    at::set_num_threads(static_cast<int>(count));
  }
  return number(env, at::get_num_threads());
}

/// setErrorFactory(message => error)
napi_value setErrorFactory(napi_env env, State& state, const Arguments& arguments) {
  napi_valuetype type;
  napi_typeof(env, arguments[0], &type);
  if (type != napi_function) refuse("expected a function");
  if (state.errorFactory) napi_delete_reference(env, state.errorFactory);
  state.errorFactory = nullptr;
  napi_create_reference(env, arguments[0], 1, &state.errorFactory);
  return undefined(env);
}

/// about() -> {version, cuda, mps, live}
napi_value about(napi_env env, State& state, const Arguments&) {
  napi_value result, cuda;
  napi_create_object(env, &result);
  napi_get_boolean(env, at::globalContext().hasCUDA(), &cuda);
  napi_set_named_property(env, result, "version", text(env, TORCH_VERSION));
  napi_set_named_property(env, result, "cuda", cuda);
  napi_set_named_property(env, result, "live", number(env, static_cast<double>(state.live())));
  return result;
}

template <napi_value (*function)(napi_env, State&, const Arguments&)>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<function>, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

/// Node makes glibc give freed memory back at once; every tensor above 128 KiB then costs a page fault per 4 KiB
/// (measured: two thirds of a small step). Here freed memory stays with the process, to be used by the next tensor.
/// Whoever measures what is needed sets ESPALIER_RETURN_MEMORY, and every tensor is given back at once.
void keepFreedMemory() {
#if defined(__GLIBC__)
  if (std::getenv("ESPALIER_RETURN_MEMORY") != nullptr) {
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    mallopt(M_TRIM_THRESHOLD, 64 << 10);
    return;
  }
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest value glibc takes
  mallopt(M_TRIM_THRESHOLD, -1);        // never
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

}  // namespace

NAPI_MODULE_INIT() {
  keepFreedMemory();
  State* const state = new State;
  state->isResizable = getterOf(env, "ArrayBuffer", "resizable");
  state->isGrowable = getterOf(env, "SharedArrayBuffer", "growable");
  napi_set_instance_data(
      env, state, [](napi_env, void* data, void*) { delete static_cast<State*>(data); }, nullptr);
  define<findOperator>(env, exports, "findOperator");
  define<schema>(env, exports, "schema");
  define<call>(env, exports, "call");
  define<release>(env, exports, "release");
  define<freeOne>(env, exports, "free");
  define<handOver>(env, exports, "handOver");
  define<fromBytes>(env, exports, "fromBytes");
  define<copyOut>(env, exports, "copyOut");
  define<info>(env, exports, "info");
  define<backward>(env, exports, "backward");
  define<gradients>(env, exports, "gradients");
  define<gradientOf>(env, exports, "gradientOf");
  define<setGradient>(env, exports, "setGradient");
  define<requireGradient>(env, exports, "requireGradient");
  define<gradientMode>(env, exports, "gradientMode");
  define<createGenerator>(env, exports, "createGenerator");
  define<generatorState>(env, exports, "generatorState");
  define<setGeneratorState>(env, exports, "setGeneratorState");
  define<threads>(env, exports, "threads");
  define<about>(env, exports, "about");
  define<setErrorFactory>(env, exports, "setErrorFactory");
  return exports;
}

}  // namespace espalier
