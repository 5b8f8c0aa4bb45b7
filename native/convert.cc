/// @file Conversions between JavaScript values and IValues, led by the operator's own schema. Knows no operator by name.
#include "convert.h"

#include <cmath>
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
  return slot.generation * kSlots + index;
}

bool State::isLive(double handle) const {
  if (!(handle >= kFirstGeneration * kSlots) || handle != std::floor(handle)) return false;
  const double generation = std::floor(handle / kSlots);
  const size_t index = static_cast<size_t>(handle - generation * kSlots);
  return index < slots_.size() && slots_[index].used && slots_[index].generation == generation;
}

const at::Tensor& State::get(double handle) const {
  if (!isLive(handle)) {
    refuse(handle >= kFirstGeneration * kSlots ? "this tensor was freed already (it left its scope, or free() was called)"
                                               : "expected a tensor, got a number");
  }
  return slots_[static_cast<size_t>(std::fmod(handle, kSlots))].tensor;
}

void State::release(double handle) {
  if (!isLive(handle)) return;
  const uint32_t index = static_cast<uint32_t>(std::fmod(handle, kSlots));
  Slot& slot = slots_[index];
  slot.tensor = at::Tensor();
  slot.used = false;
  slot.generation++;
  live_--;
  free_.push_back(index);
}

namespace {

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

[[noreturn]] void wrongKind(napi_env env, napi_value value, const std::string& what, const char* expected) {
  refuse(what + ": expected " + expected + ", got " + kindName(env, value));
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
    {"float32", at::kFloat},   {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf},
    {"int64", at::kLong},      {"int32", at::kInt},      {"int16", at::kShort},       {"int8", at::kChar},
    {"uint8", at::kByte},      {"bool", at::kBool},
};

/// Enumerations arrive as strings where the schema says int: dtype, memory format, layout.
int64_t enumerationValue(const std::string& text, const std::string& what) {
  for (const auto& entry : kScalarTypes)
    if (text == entry.name) return static_cast<int64_t>(entry.type);
  if (text == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (text == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (text == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (text == "channelsLast3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
  if (text == "strided") return static_cast<int64_t>(at::kStrided);
  refuse(what + ": unknown name \"" + text + "\"; expected a dtype (float32, float64, bfloat16, float16, int64, int32, int16, int8, uint8, bool) or a "
         "memory format (contiguous, preserve, channelsLast, channelsLast3d)");
}

int64_t toInteger(napi_env env, napi_value value, const std::string& what) {
  switch (typeOf(env, value)) {
    case napi_number: {
      double number;
      napi_get_value_double(env, value, &number);
      if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) refuse(what + ": expected a whole number, got " + std::to_string(number));
      return static_cast<int64_t>(number);
    }
    case napi_boolean: {
      bool flag;
      napi_get_value_bool(env, value, &flag);
      return flag;
    }
    case napi_bigint: {
      int64_t number;
      bool lossless;
      napi_get_value_bigint_int64(env, value, &number, &lossless);
      if (!lossless) refuse(what + ": the bigint does not fit in 64 bits");
      return number;
    }
    case napi_string: return enumerationValue(toString(env, value, what.c_str()), what);
    default: wrongKind(env, value, what, "a whole number");
  }
}

c10::IValue toScalar(napi_env env, napi_value value, const std::string& what) {
  switch (typeOf(env, value)) {
    case napi_boolean: return toBool(env, value, what.c_str());
    case napi_bigint: return toInteger(env, value, what);
    case napi_number: {
      const double number = toNumber(env, value, what.c_str());
      // A whole number stays an integer, so that integer tensors keep their dtype, as in Python; -0 and everything else is a double.
      if (number == std::floor(number) && std::abs(number) < 9007199254740992.0 && !(number == 0 && std::signbit(number))) return static_cast<int64_t>(number);
      return number;
    }
    default: wrongKind(env, value, what, "a number");
  }
}

const at::Tensor& toTensor(napi_env env, State& state, napi_value value, const std::string& what) {
  if (typeOf(env, value) != napi_number) wrongKind(env, value, what, "a tensor");
  return state.get(toNumber(env, value, what.c_str()));
}

c10::IValue convert(napi_env env, State& state, napi_value value, const c10::Type& type, std::optional<int32_t> repeat, const std::string& what) {
  switch (type.kind()) {
    case c10::TypeKind::OptionalType:
      if (isNothing(env, value)) return c10::IValue();
      return convert(env, state, value, *type.containedType(0), repeat, what);
    case c10::TypeKind::TensorType:
      if (isNothing(env, value)) return at::Tensor();
      return toTensor(env, state, value, what);
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return toInteger(env, value, what);
    case c10::TypeKind::FloatType: return toNumber(env, value, what.c_str());
    case c10::TypeKind::BoolType: return toBool(env, value, what.c_str());
    case c10::TypeKind::NumberType: return toScalar(env, value, what);
    case c10::TypeKind::StringType: return toString(env, value, what.c_str());
    case c10::TypeKind::DeviceObjType: return c10::Device(toString(env, value, what.c_str()));
    case c10::TypeKind::GeneratorType: {
      const double index = toNumber(env, value, what.c_str());
      if (!(index >= 0 && index < state.generators.size())) refuse(what + ": expected a generator");
      return state.generators[static_cast<size_t>(index)];
    }
    case c10::TypeKind::ListType: {
      const auto& inner = *type.containedType(0);
      bool isArray = false;
      napi_is_array(env, value, &isArray);
      // `int[2] stride=1` in a schema: one number stands for all.
      if (!isArray && repeat && typeOf(env, value) == napi_number && inner.kind() != c10::TypeKind::TensorType) {
        if (inner.kind() == c10::TypeKind::FloatType) return c10::List<double>(std::vector<double>(*repeat, toNumber(env, value, what.c_str())));
        return c10::List<int64_t>(std::vector<int64_t>(*repeat, toInteger(env, value, what)));
      }
      const uint32_t length = arrayLength(env, value, what.c_str());
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
            if (isNothing(env, item)) list.push_back(c10::optional<at::Tensor>());
            else list.push_back(toTensor(env, state, item, what));
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
          for (uint32_t i = 0; i < length; i++) list.push_back(toNumber(env, element(env, value, i), what.c_str()));
          return list;
        }
        case c10::TypeKind::BoolType: {
          c10::List<bool> list;
          for (uint32_t i = 0; i < length; i++) list.push_back(toBool(env, element(env, value, i), what.c_str()));
          return list;
        }
        case c10::TypeKind::NumberType: {
          c10::List<at::Scalar> list;
          for (uint32_t i = 0; i < length; i++) list.push_back(toScalar(env, element(env, value, i), what).toScalar());
          return list;
        }
        default: refuse(what + ": lists of " + inner.str() + " cannot be passed");
      }
    }
    default: refuse(what + ": arguments of type " + type.str() + " cannot be passed");
  }
}

}  // namespace

double toNumber(napi_env env, napi_value value, const char* what) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) wrongKind(env, value, what, "a number");
  return number;
}

bool toBool(napi_env env, napi_value value, const char* what) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) wrongKind(env, value, what, "a boolean");
  return flag;
}

std::string toString(napi_env env, napi_value value, const char* what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) wrongKind(env, value, what, "a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

std::vector<int64_t> toIntegers(napi_env env, napi_value value, const char* what) {
  const uint32_t length = arrayLength(env, value, what);
  std::vector<int64_t> list(length);
  for (uint32_t i = 0; i < length; i++) list[i] = toInteger(env, element(env, value, i), what);
  return list;
}

bool isNothing(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_null || type == napi_undefined;
}

uint32_t arrayLength(napi_env env, napi_value value, const char* what) {
  bool isArray = false;
  napi_is_array(env, value, &isArray);
  if (!isArray) wrongKind(env, value, what, "a list");
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  return length;
}

napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value item;
  napi_get_element(env, array, index, &item);
  return item;
}

at::ScalarType scalarTypeOf(const std::string& name) {
  for (const auto& entry : kScalarTypes)
    if (name == entry.name) return entry.type;
  refuse("unknown dtype \"" + name + "\"; expected float32, float64, bfloat16, float16, int64, int32, int16, int8, uint8 or bool");
}

const char* nameOf(at::ScalarType type) {
  for (const auto& entry : kScalarTypes)
    if (type == entry.type) return entry.name;
  return c10::toString(type);
}

c10::IValue toIValue(napi_env env, State& state, napi_value value, const c10::Argument& argument) {
  std::optional<int32_t> repeat;
  if (argument.N()) repeat = *argument.N();
  return convert(env, state, value, *argument.type(), repeat, "argument \"" + argument.name() + "\"");
}

napi_value fromIValue(napi_env env, State& state, const c10::IValue& value) {
  napi_value result = nullptr;
  if (value.isTensor()) {
    if (!value.toTensor().defined()) napi_get_null(env, &result);
    else napi_create_double(env, state.put(value.toTensor()), &result);
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
