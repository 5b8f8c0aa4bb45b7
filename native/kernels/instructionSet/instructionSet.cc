/// @file The choice of the instruction set, and the way of all kernels to the threads of libtorch.
#include "instructionSet.h"

#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <string>
#include <vector>

namespace espalier::kernels {

void runParallel(int64_t count, void (*body)(void*, int64_t, int64_t, int), void* context) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) { body(context, begin, end, at::get_thread_num()); });
}

namespace {

bool runsHere(const InstructionSet& set) {
#if defined(__x86_64__)
  if (&set == &kAvx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  }
  if (&set == &kAvx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
#else
  return &set == &kPortable;
#endif
}

const InstructionSet* const kSets[] = {&kAvx512, &kAvx2, &kPortable};

const InstructionSet& best() {
  for (const InstructionSet* set : kSets)
    if (runsHere(*set)) return *set;
  return kPortable;
}

const InstructionSet*& current() {
  static const InstructionSet* set = &best();
  return set;
}

const TileKernels* findTiles() {
#if defined(__x86_64__)
  if (!runsHere(kAvx512) || !__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("amx-bf16"))
    return nullptr;
  return grantedTiles();
#else
  return nullptr;
#endif
}

/// Sets what the kernels run on ("" leaves it, "best" is the default) and returns its name; for tests and comparisons.
std::string instructionSet(c10::string_view wanted) {
  const std::string name(wanted.data(), wanted.size());
  if (name == "best") current() = &best();
  for (const InstructionSet* set : kSets) {
    if (name != set->name) continue;
    TORCH_CHECK(runsHere(*set), "this machine has no ", name);
    current() = set;
  }
  TORCH_CHECK(name.empty() || name == "best" || name == current()->name,
              "expected avx512, avx2, portable or best, got ", name);
  return current()->name;
}

/// Whether cells and edges compute products in bfloat16 where they are asked to.
bool hasTiles() { return tileKernels() != nullptr; }

/// How many threads take part when as many pieces as there may be threads are shared out: one, where this was built
/// without OpenMP.
int64_t kernelThreads() {
  std::vector<char> seen(at::get_num_threads(), 0);
  runParallel(
      static_cast<int64_t>(seen.size()),
      [](void* context, int64_t, int64_t, int thread) { static_cast<char*>(context)[thread] = 1; }, seen.data());
  return std::count(seen.begin(), seen.end(), 1);
}

}  // namespace

const InstructionSet& currentSet() { return *current(); }

const TileKernels* tileKernels() {
  static const TileKernels* const tiles = findTiles();
  return &currentSet() == &kAvx512 ? tiles : nullptr;
}

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("bfloat16_tiles() -> bool", hasTiles);
  library.def("instruction_set(str wanted) -> str", instructionSet);
  library.def("kernel_threads() -> int", kernelThreads);
}

}  // namespace espalier::kernels
