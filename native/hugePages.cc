/// @file Large tensors in large pages: the system is asked for pages of 2 MiB where a tensor fills them, which spares a step most of its page faults.
/// From libtorch 2.1 on its own allocator does that when it is told to; before, one of ours asks for what that allocator gave. On Linux alone, and without
/// effect where the system has large pages switched off.
#include <torch/version.h>

#if defined(__linux__)
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace espalier {
namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 1)
const int told = setenv("THP_MEM_ALLOC_ENABLE", "1", 0);
#else
constexpr size_t kLargePage = size_t{1} << 21;

/// Whole pages inside of `[start, start + bytes)`.
void askForLargePages(void* start, size_t bytes) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)), address = reinterpret_cast<uintptr_t>(start);
  const uintptr_t first = (address + page - 1) / page * page, last = (address + bytes) / page * page;
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

struct LargePageAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) const override {
    void* const start = c10::alloc_cpu(bytes);
    if (bytes >= 2 * kLargePage) askForLargePages(start, bytes);
    return {start, start, &c10::free_cpu, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &c10::free_cpu; }
};

const bool told = [] {
  static LargePageAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
  return true;
}();
#endif

}  // namespace
}  // namespace espalier
#endif
