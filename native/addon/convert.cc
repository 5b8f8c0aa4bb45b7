/// @file Conversions between JavaScript values and IValues, led by the operator's own schema. Knows no operator by
/// name. Longer than other files because both directions of every kind of value are in it: what one of them takes, the
/// other gives.
#include "convert.h"

#include <cmath>
#include <utility>
#include <sstream>

namespace espalier {

void refuse(const std::string& message) { throw Refusal{message}; }

double State::put(at::Tensor tensor) {
  uint32_t index;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = static_cast<uint32_t>(slots_.size());
    if (index >= kSlots) refuse("more than 4 million live tensors: free some, or work inside scope()");
    slots_.emplace_back();
  }
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.used = true;
  live_++;
  return static_cast<double>((static_cast<uint64_t>(slot.generation) << kSlotBits) | index);
}

const State::Slot* State::find(double handle) const {
  if (!(handle >= kFirstHandle && handle < 9007199254740992.0)) return nullptr;
  const uint64_t bits = static_cast<uint64_t>(handle);
  const uint64_t index = bits & (kSlots - 1);
  if (static_cast<double>(bits) != handle || index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  return slot.used && slot.generation == bits >> kSlotBits ? &slot : nullptr;
}

at::Tensor State::get(double handle) const {
  const Slot* slot = find(handle);
  if (!slot) {
    refuse(handle >= kFirstHandle ? "this tensor was freed already (it left its scope, or free() was called)"
                                  : "expected a tensor, got a number");
  }
  return slot->tensor;
}

int64_t State::handOver(double handle) {
  const Slot* found = find(handle);
  if (!found || found->reported) return 0;
  Slot& slot = slots_[found - slots_.data()];
  return slot.reported = static_cast<int64_t>(slot.tensor.numel()) * slot.tensor.element_size();
}

int64_t State::release(double handle) {
  const Slot* found = find(handle);
  if (!found) return 0;
  const uint32_t index = static_cast<uint32_t>(found - slots_.data());
  Slot& slot = slots_[index];
  slot.tensor = at::Tensor();
  slot.used = false;
  slot.generation++;
  live_--;
  free_.push_back(index);
  return std::exchange(slot.reported, 0);
}

namespace {

/// What a value is for, put into words only when it is refused.
struct What {
  What(const char* name) : plain(name) {}
  What(const c10::Argument& formal) : argument(&formal) {}
  const char* plain = nullptr;
  const c10::Argument* argument = nullptr;
  std::string text() const { return argument ? "argument \"" + argument->name() + "\"" : plain; }
};

const char* kindName(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_bigint: return "a bigint";
    case napi_function: return "a function";
    default: return "an object";
  }
}

[[noreturn]] void wrongKind(napi_env env, napi_value value, const What& what, const char* expected) {
  refuse(what.text() + ": expected " + expected + ", got " + kindName(env, value));
}

napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  return type;
}

struct Named {
  const char* name;
  at::ScalarType type;
};
constexpr Named kScalarTypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf},
    {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},       {"int8", at::kChar},
    {"uint8", at::kByte},    {"bool", at::kBool},
};

/// Enumerations arrive as strings where the schema says int: dtype, memory format, layout.
int64_t enumerationValue(const std::string& text, const What& what) {
  for (const auto& entry : kScalarTypes)
    if (text == entry.name) return static_cast<int64_t>(entry.type);
  if (text == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (text == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (text == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (text == "channelsLast3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
  if (text == "strided") return static_cast<int64_t>(at::kStrided);
  refuse(what.text() + ": unknown name \"" + text +
         "\"; expected a dtype (float32, float64, bfloat16, float16, int64, int32, int16, int8, uint8, bool) or a "
         "memory format (contiguous, preserve, channelsLast, channelsLast3d)");
}

double toNumber(napi_env env, napi_value value, const What& what) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) wrongKind(env, value, what, "a number");
  return number;
}

bool toBool(napi_env env, napi_value value, const What& what) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) wrongKind(env, value, what, "a boolean");
  return flag;
}

std::string toString(napi_env env, napi_value value, const What& what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) wrongKind(env, value, what, "a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

constexpr uint32_t kMostElements = 1 << 24;

uint32_t arrayLength(napi_env env, napi_value value, const What& what) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok) wrongKind(env, value, what, "a list");
  // An array without elements can have any length: nothing is allocated on its word.
  if (length > kMostElements)
    refuse(what.text() + ": a list of " + std::to_string(length) + " elements, at most " +
           std::to_string(kMostElements) + " are taken");
  return length;
}

int64_t toInteger(napi_env env, napi_value value, const What& what) {
  double number;
  // Numbers are tried first, without a check of their type: lists of them are a large part of what a call costs.
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0)
      refuse(what.text() + ": expected a whole number, got " + std::to_string(number));
    return static_cast<int64_t>(number);
  }
  switch (typeOf(env, value)) {
    case napi_boolean: {
      bool flag;
      napi_get_value_bool(env, value, &flag);
      return flag;
    }
    case napi_bigint: {
      int64_t number;
      bool lossless;
      napi_get_value_bigint_int64(env, value, &number, &lossless);
      if (!lossless) refuse(what.text() + ": the bigint does not fit in 64 bits");
      return number;
    }
    case napi_string: return enumerationValue(toString(env, value, "name"), what);
    default: wrongKind(env, value, what, "a whole number");
  }
}

c10::IValue toScalar(napi_env env, napi_value value, const What& what) {
  switch (typeOf(env, value)) {
    case napi_boolean: return toBool(env, value, what);
    case napi_bigint: return toInteger(env, value, what);
    case napi_number: {
      const double number = toNumber(env, value, what);
      // A whole number stays an integer, so that integer tensors keep their dtype, as in Python; -0 and everything else
      // is a double.
      if (number == std::floor(number) && std::abs(number) < 9007199254740992.0 &&
          !(number == 0 && std::signbit(number)))
        return static_cast<int64_t>(number);
      return number;
    }
    default: wrongKind(env, value, what, "a number");
  }
}

at::Tensor toTensor(napi_env env, State& state, napi_value value, const What& what) {
  if (typeOf(env, value) != napi_number) wrongKind(env, value, what, "a tensor");
  return state.get(toNumber(env, value, what));
}

c10::IValue convert(napi_env env, State& state, napi_value value, const c10::Type& type, std::optional<int32_t> repeat,
                    const What& what) {
  switch (type.kind()) {
    case c10::TypeKind::OptionalType:
      if (isNothing(env, value)) return c10::IValue();
      return convert(env, state, value, *type.containedType(0), repeat, what);
    case c10::TypeKind::TensorType:
      if (isNothing(env, value)) return at::Tensor();
      return toTensor(env, state, value, what);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return toInteger(env, value, what);
    case c10::TypeKind::FloatType: return toNumber(env, value, what);
    case c10::TypeKind::BoolType: return toBool(env, value, what);
    case c10::TypeKind::NumberType: return toScalar(env, value, what);
    case c10::TypeKind::StringType: return toString(env, value, what);
    case c10::TypeKind::DeviceObjType: return c10::Device(toString(env, value, what));
    case c10::TypeKind::GeneratorType: {
      const double index = toNumber(env, value, what);
      if (!(index >= 0 && index < state.generators.size())) refuse(what.text() + ": expected a generator");
      return state.generators[static_cast<size_t>(index)];
    }
    case c10::TypeKind::ListType: {
      const auto& inner = *type.containedType(0);
      bool isArray = false;
      napi_is_array(env, value, &isArray);
      // `int[2] stride=1` in a schema: one number stands for all.
      if (!isArray && repeat && typeOf(env, value) == napi_number && inner.kind() != c10::TypeKind::TensorType) {
        if (inner.kind() == c10::TypeKind::FloatType)
          return c10::List<double>(std::vector<double>(*repeat, toNumber(env, value, what)));
        return c10::List<int64_t>(std::vector<int64_t>(*repeat, toInteger(env, value, what)));
      }
      const uint32_t length = arrayLength(env, value, what);
      switch (inner.kind()) {
        case c10::TypeKind::TensorType: {
          c10::List<at::Tensor> list;
          list.reserve(length);
          for (uint32_t i = 0; i < length; i++) list.push_back(toTensor(env, state, element(env, value, i), what));
          return list;
        }
        case c10::TypeKind::OptionalType: {
          c10::List<c10::optional<at::Tensor>> list;
          for (uint32_t i = 0; i < length; i++) {
            napi_value item = element(env, value, i);
            if (isNothing(env, item))
              list.push_back(c10::optional<at::Tensor>());
            else
              list.push_back(toTensor(env, state, item, what));
          }
          return list;
        }
        case c10::TypeKind::IntType:
        case c10::TypeKind::SymIntType: {
          c10::List<int64_t> list;
          list.reserve(length);
          for (uint32_t i = 0; i < length; i++) list.push_back(toInteger(env, element(env, value, i), what));
          return list;
        }
        case c10::TypeKind::FloatType: {
          c10::List<double> list;
          for (uint32_t i = 0; i < length; i++) list.push_back(toNumber(env, element(env, value, i), what));
          return list;
        }
        case c10::TypeKind::BoolType: {
          c10::List<bool> list;
          for (uint32_t i = 0; i < length; i++) list.push_back(toBool(env, element(env, value, i), what));
          return list;
        }
        case c10::TypeKind::NumberType: {
          c10::List<at::Scalar> list;
          for (uint32_t i = 0; i < length; i++) list.push_back(toScalar(env, element(env, value, i), what).toScalar());
          return list;
        }
        default: refuse(what.text() + ": lists of " + inner.str() + " cannot be passed");
      }
    }
    default: refuse(what.text() + ": arguments of type " + type.str() + " cannot be passed");
  }
}

}  // namespace

double toNumber(napi_env env, napi_value value, const char* what) { return toNumber(env, value, What{what}); }

bool toBool(napi_env env, napi_value value, const char* what) { return toBool(env, value, What{what}); }

std::string toString(napi_env env, napi_value value, const char* what) { return toString(env, value, What{what}); }

std::vector<int64_t> toIntegers(napi_env env, napi_value value, const char* what) {
  const uint32_t length = arrayLength(env, value, what);
  std::vector<int64_t> list(length);
  for (uint32_t i = 0; i < length; i++) list[i] = toInteger(env, element(env, value, i), What{what});
  return list;
}

bool isNothing(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_null || type == napi_undefined;
}

uint32_t arrayLength(napi_env env, napi_value value, const char* what) { return arrayLength(env, value, What{what}); }

napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value item;
  if (napi_get_element(env, array, index, &item) != napi_ok) refuse("an element of a list cannot be read");
  return item;
}

at::ScalarType scalarTypeOf(const std::string& name) {
  for (const auto& entry : kScalarTypes)
    if (name == entry.name) return entry.type;
  refuse("unknown dtype \"" + name +
         "\"; expected float32, float64, bfloat16, float16, int64, int32, int16, int8, uint8 or bool");
}

const char* nameOf(at::ScalarType type) {
  for (const auto& entry : kScalarTypes)
    if (type == entry.type) return entry.name;
  return c10::toString(type);
}

/// Refuses a number that stands for no member of an enumeration, of which libtorch makes table places without looking.
/// `real` is the type that the schema names, where `int` is what is passed.
void requireMember(const c10::IValue& value, const c10::Type& real, const What& what) {
  if (!value.isInt()) return;
  const c10::Type& named = real.kind() == c10::TypeKind::OptionalType ? *real.containedType(0) : real;
  const auto among = [&](int64_t end) { return value.toInt() >= 0 && value.toInt() < end; };
  switch (named.kind()) {
    case c10::TypeKind::ScalarTypeType:
      if (among(static_cast<int64_t>(at::ScalarType::NumOptions)) &&
          value.toInt() != static_cast<int64_t>(at::ScalarType::Undefined))
        return;
      break;
    case c10::TypeKind::LayoutType:
      if (among(static_cast<int64_t>(at::Layout::NumOptions))) return;
      break;
    case c10::TypeKind::MemoryFormatType:
      if (among(static_cast<int64_t>(at::MemoryFormat::NumOptions))) return;
      break;
    default: return;
  }
  refuse(what.text() + ": " + std::to_string(value.toInt()) + " stands for no " + named.str());
}

c10::IValue toIValue(napi_env env, State& state, napi_value value, const c10::Argument& argument) {
  std::optional<int32_t> repeat;
  if (argument.N()) repeat = *argument.N();
  c10::IValue converted = convert(env, state, value, *argument.type(), repeat, argument);
  requireMember(converted, *argument.real_type(), argument);
  return converted;
}

napi_value fromIValue(napi_env env, State& state, const c10::IValue& value) {
  napi_value result = nullptr;
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined())
      napi_get_null(env, &result);
    else
      napi_create_double(env, state.put(tensor), &result);
  } else if (value.isInt()) {
    napi_create_double(env, static_cast<double>(value.toInt()), &result);
  } else if (value.isDouble()) {
    napi_create_double(env, value.toDouble(), &result);
  } else if (value.isBool()) {
    napi_get_boolean(env, value.toBool(), &result);
  } else if (value.isScalar()) {
    napi_create_double(env, value.toScalar().toDouble(), &result);
  } else if (value.isString()) {
    const std::string& text = value.toStringRef();
    napi_create_string_utf8(env, text.data(), text.size(), &result);
  } else if (value.isNone()) {
    napi_get_null(env, &result);
  } else if (value.isTuple()) {
    const auto& items = value.toTupleRef().elements();
    napi_create_array_with_length(env, items.size(), &result);
    for (size_t i = 0; i < items.size(); i++) napi_set_element(env, result, i, fromIValue(env, state, items[i]));
  } else if (value.isList()) {
    const auto items = value.toListRef();
    napi_create_array_with_length(env, items.size(), &result);
    for (size_t i = 0; i < items.size(); i++) napi_set_element(env, result, i, fromIValue(env, state, items[i]));
  } else {
    refuse("the operator returned a " + value.tagKind() + ", which has no JavaScript form");
  }
  return result;
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "none";
  std::ostringstream text;
  text << nameOf(tensor.scalar_type()) << " [";
  for (int64_t i = 0; i < tensor.dim(); i++) text << (i ? ", " : "") << tensor.size(i);
  text << "]";
  return text.str();
}

}  // namespace espalier
