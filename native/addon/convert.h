/// @file What door.cc and convert.cc share: the table of live tensors of one JavaScript environment, and conversions
/// between JS values and IValues. A tensor is a number in JavaScript: slot index plus generation, so that a handle used
/// after it was freed is recognised.
#pragma once
#include <node_api.h>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace espalier {

/// A message for JavaScript; becomes an EngineError there.
struct Refusal {
  std::string message;
};

[[noreturn]] void refuse(const std::string& message);

/// References to shared JS buffers whose tensors are gone; deleted on the JS thread.
struct PendingReferences {
  std::mutex mutex;
  std::vector<napi_ref> references;
  std::atomic<bool> any{false};
};

/// All that one environment (main thread or worker) owns. What it gives out is given by value: JavaScript may change
/// the tables at any getter.
class State {
 public:
  double put(at::Tensor tensor);
  at::Tensor get(double handle) const;
  /// Returns the bytes that were reported to the garbage collector for it.
  int64_t release(double handle);
  /// The tensor now belongs to the garbage collector: returns its bytes, to be reported.
  int64_t handOver(double handle);
  size_t live() const { return live_; }

  std::vector<c10::OperatorHandle> operators;
  std::vector<at::Generator> generators;

  std::shared_ptr<PendingReferences> pending = std::make_shared<PendingReferences>();
  /// The getters `ArrayBuffer.prototype.resizable` and `SharedArrayBuffer.prototype.growable`; null where this Node has
  /// none.
  napi_ref isResizable = nullptr, isGrowable = nullptr;
  /// Makes the error that JavaScript sees from a message.
  napi_ref errorFactory = nullptr;

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = kFirstGeneration;
    bool used = false;
    int64_t reported = 0;
  };
  static constexpr uint32_t kFirstGeneration =
      4096;                             // handles start far above any plain number that could be passed by mistake
  static constexpr int kSlotBits = 22;  // generation << kSlotBits | index stays below 2^53
  static constexpr uint64_t kSlots = uint64_t{1} << kSlotBits;
  static constexpr double kFirstHandle = static_cast<double>(kFirstGeneration * kSlots);
  const Slot* find(double handle) const;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

// JavaScript -> C++; each refuses with what was expected.
double toNumber(napi_env env, napi_value value, const char* what);
bool toBool(napi_env env, napi_value value, const char* what);
std::string toString(napi_env env, napi_value value, const char* what);
std::vector<int64_t> toIntegers(napi_env env, napi_value value, const char* what);
bool isNothing(napi_env env, napi_value value);
uint32_t arrayLength(napi_env env, napi_value value, const char* what);
napi_value element(napi_env env, napi_value array, uint32_t index);

at::ScalarType scalarTypeOf(const std::string& name);
const char* nameOf(at::ScalarType type);

/// A JS value as the schema's argument type wants it.
c10::IValue toIValue(napi_env env, State& state, napi_value value, const c10::Argument& argument);
/// A result for JavaScript: tensors become handles, undefined tensors null, tuples and lists arrays.
napi_value fromIValue(napi_env env, State& state, const c10::IValue& value);
/// `float32 [2, 3, 4]` for messages.
std::string describe(const at::Tensor& tensor);

}  // namespace espalier
