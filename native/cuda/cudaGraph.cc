/// @file CUDA graphs: work of a CUDA device captured once and replayed as a whole; the peak of the device's memory.
/// Built where libtorch has CUDA; where not, espalier::graph_* and espalier::cuda_* do not exist.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace espalier::cuda {
namespace {

using Graph = at::cuda::CUDAGraph;

std::mutex mutex;
/// Never destroyed: when a process ends, CUDA may shut down before its graphs.
auto& graphs = *new std::map<int64_t, std::unique_ptr<Graph>>;
int64_t newest = 0;
/// One capture at a time: its graph, and the stream that was current before it.
struct Capture {
  std::unique_ptr<Graph> graph;
  c10::cuda::CUDAStream before;
};
std::optional<Capture> capture;

/// The memory pool of all graphs: they are replayed one after the other, so that they share temporary memory. It ends
/// with the last of them, and is replaced after a capture that failed.
at::cuda::MempoolId_t pool;
bool poolIsUsed = false;

at::cuda::MempoolId_t sharedPool() {
  if (!poolIsUsed) pool = at::cuda::graph_pool_handle();
  poolIsUsed = true;
  return pool;
}

/// From here to graph_end nothing is computed: what is called on the current device is captured.
void graphBegin() {
  std::lock_guard<std::mutex> lock(mutex);
  TORCH_CHECK(!capture, "a CUDA graph is being captured already");
  auto graph = std::make_unique<Graph>();
  c10::cuda::device_synchronize();
  const c10::cuda::CUDAStream before = c10::cuda::getCurrentCUDAStream();
  c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool());
  try {
    graph->capture_begin(sharedPool());
  } catch (...) {
    c10::cuda::setCurrentCUDAStream(before);
    throw;
  }
  capture.emplace(Capture{std::move(graph), before});
}

/// Ends the capture; with `keep` its graph can be replayed by the number that is returned.
int64_t graphEnd(bool keep) {
  std::lock_guard<std::mutex> lock(mutex);
  TORCH_CHECK(capture, "no CUDA graph is being captured");
  Capture done = std::move(*capture);
  capture.reset();
  // Until it is known that all went well.
  poolIsUsed = false;
  try {
    done.graph->capture_end();
  } catch (...) {
    c10::cuda::setCurrentCUDAStream(done.before);
    if (keep) throw;
    return 0;
  }
  c10::cuda::setCurrentCUDAStream(done.before);
  if (!keep) return 0;
  poolIsUsed = true;
  graphs[++newest] = std::move(done.graph);
  return newest;
}

/// Computes everything that was captured, in the memory of the capture.
void graphReplay(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = graphs.find(id);
  TORCH_CHECK(found != graphs.end(), "unknown CUDA graph");
  found->second->replay();
}

void graphFree(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex);
  c10::cuda::device_synchronize();
  graphs.erase(id);
  if (graphs.empty()) poolIsUsed = false;
}

/// Waits until the current device has finished all work.
void synchronise() { c10::cuda::device_synchronize(); }

/// The most bytes that tensors have held on a device since the last call with `reset`.
int64_t peakBytes(int64_t device, bool reset) {
  const auto index = static_cast<c10::DeviceIndex>(device);
  const int64_t peak = c10::cuda::CUDACachingAllocator::getDeviceStats(index).allocated_bytes[0].peak;
  if (reset) c10::cuda::CUDACachingAllocator::resetPeakStats(index);
  return peak;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("graph_begin() -> ()", graphBegin);
  library.def("graph_end(bool keep) -> int", graphEnd);
  library.def("graph_replay(int graph) -> ()", graphReplay);
  library.def("graph_free(int graph) -> ()", graphFree);
  library.def("cuda_synchronise() -> ()", synchronise);
  library.def("cuda_peak(int device, bool reset) -> int", peakBytes);
}

}  // namespace espalier::cuda
