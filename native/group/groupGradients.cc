/// @file `espalier::group_gradients`: the gradients of a loss as means over all ranks, all-reduced while the
/// backward pass runs.
///
/// As in the data-parallel training of PyTorch [Li et al., PyTorch Distributed, VLDB 2020, section 3.2]: a hook at
/// every leaf signals that its gradient is ready, and the all-reduce of a bucket starts as soon as it is full. Buckets
/// start in the same order on every rank, whatever order gradients are computed in. The caller chooses the buckets. On
/// a GPU, where a copy to the processor would stall the backward pass, all of them start after it.
#include "group.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/library.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace espalier::group {
namespace {

using at::Tensor;
using torch::autograd::Node;

/// Seconds of all backward passes so far: in which this process packed, waited and unpacked; in which all-reduces were
/// running; and those of them in which it still computed.
struct Figures {
  double spent = 0;
  double underWay = 0;
  double hidden = 0;
} figures;

double secondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// All nodes that a backward pass from `root` can reach.
std::unordered_set<Node*> reachable(Node* root) {
  std::unordered_set<Node*> found;
  std::vector<Node*> open;
  if (root) open.push_back(root);
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    if (!found.insert(node).second) continue;
    for (const auto& edge : node->next_edges()) {
      if (edge.function) open.push_back(edge.function.get());
    }
  }
  return found;
}

/// The gradients of one backward pass, accumulated by autograd in its leaves and cleared from them at the end.
class Pass {
 public:
  Pass(const Tensor& loss, at::TensorList inputs, c10::List<c10::optional<Tensor>> before, at::IntArrayRef sizes)
      : inputs(inputs.vec()), before(std::move(before)) {
    const std::unordered_set<Node*> used = reachable(loss.grad_fn().get());
    for (const int64_t size : sizes) buckets.emplace_back().count = size;
    size_t first = 0;
    for (Bucket& bucket : buckets) {
      bucket.first = first;
      for (size_t i = first; i < first + bucket.count; i++) {
        TORCH_CHECK(i < this->inputs.size(), "group_gradients: the buckets hold more than ", this->inputs.size(),
                    " tensors");
        accumulators.push_back(torch::autograd::impl::grad_accumulator(this->inputs[i]));
        if (!used.count(accumulators[i].get())) continue;
        bucket.absent++;
        hooks.emplace_back(accumulators[i].get(),
                           accumulators[i]->add_post_hook(std::make_unique<Arrival>(*this, bucket)));
        onProcessor = onProcessor && this->inputs[i].is_cpu();
      }
      first += bucket.count;
    }
    TORCH_CHECK(first == this->inputs.size(), "group_gradients: the buckets hold ", first, " of ", this->inputs.size(),
                " tensors");
  }

  ~Pass() {
    for (const auto& [node, key] : hooks) node->del_post_hook(key);
    for (const Tensor& input : inputs) input.mutable_grad().reset();
  }

  /// Starts what is left after the backward pass, waits for all buckets and returns the means.
  std::vector<Tensor> finish() {
    const auto end = Clock::now();
    for (; next < buckets.size(); next++) send(buckets[next]);
    Clock::time_point until{};
    for (Bucket& bucket : buckets) {
      if (!bucket.wait) continue;
      const auto [began, ended] = bucket.wait();
      // Sums that overlap each other count once.
      const auto from = std::max(began, until);
      until = std::max(until, ended);
      if (from < ended) {
        figures.underWay += secondsBetween(from, ended);
        if (from < end) figures.hidden += secondsBetween(from, std::min(ended, end));
      }
      bucket.flat.mul_(1.0 / groupSize());
      int64_t offset = 0;
      for (const Tensor& gradient : gradientsOf(bucket)) {
        gradient.copy_(bucket.flat.narrow(0, offset, gradient.numel()).view(gradient.sizes()));
        offset += gradient.numel();
      }
    }
    std::vector<Tensor> means;
    for (const Tensor& input : inputs) means.push_back(input.grad());
    figures.spent += secondsBetween(end, Clock::now());
    return means;
  }

 private:
  struct Bucket {
    size_t first = 0;
    size_t count = 0;
    /// Gradients that are not ready yet.
    size_t absent = 0;
    Tensor flat;
    std::function<Interval()> wait;
  };

  struct Arrival : torch::autograd::FunctionPostHook {
    Arrival(Pass& pass, Bucket& bucket) : pass(pass), bucket(bucket) {}
    std::vector<Tensor> operator()(const std::vector<Tensor>& outputs, const std::vector<Tensor>&) override {
      pass.arrived(bucket);
      return outputs;
    }
    Pass& pass;
    Bucket& bucket;
  };

  void arrived(Bucket& bucket) {
    // Leaves of different devices are reached by different threads.
    std::lock_guard<std::mutex> lock(mutex);
    bucket.absent--;
    if (!onProcessor) return;
    const auto began = Clock::now();
    for (; next < buckets.size() && buckets[next].absent == 0; next++) send(buckets[next]);
    figures.spent += secondsBetween(began, Clock::now());
  }

  std::vector<Tensor> gradientsOf(const Bucket& bucket) const {
    std::vector<Tensor> gradients;
    for (size_t i = bucket.first; i < bucket.first + bucket.count; i++) {
      if (inputs[i].grad().defined()) gradients.push_back(inputs[i].grad());
    }
    return gradients;
  }

  /// Adds what was accumulated before, and starts the all-reduce.
  void send(Bucket& bucket) {
    for (size_t i = bucket.first; i < bucket.first + bucket.count; i++) {
      const c10::optional<Tensor> sum = before.get(i);
      if (!sum) continue;
      Tensor& gradient = inputs[i].mutable_grad();
      if (gradient.defined())
        gradient.add_(*sum);
      else
        gradient = *sum;
    }
    std::vector<Tensor> parts;
    for (const Tensor& gradient : gradientsOf(bucket)) parts.push_back(gradient.reshape(-1));
    if (parts.empty()) return;
    bucket.flat = at::cat(parts).cpu();
    bucket.wait = beginSum(bucket.flat);
  }

  const std::vector<Tensor> inputs;
  const c10::List<c10::optional<Tensor>> before;
  std::vector<std::shared_ptr<Node>> accumulators;
  std::vector<std::pair<Node*, uintptr_t>> hooks;
  /// A deque: hooks keep references to their bucket, which must not move.
  std::deque<Bucket> buckets;
  std::mutex mutex;
  /// The first bucket that has not been started.
  size_t next = 0;
  bool onProcessor = true;
};

std::vector<Tensor> groupGradients(const Tensor& loss, at::TensorList inputs,
                                   const c10::List<c10::optional<Tensor>>& before, at::IntArrayRef buckets) {
  TORCH_CHECK(before.size() == inputs.size(), "group_gradients: expected a tensor or none for each of ", inputs.size(),
              " tensors, got ", before.size());
  Pass pass(loss, inputs, before, buckets);
  torch::autograd::backward({loss}, {}, /*retain_graph=*/false, /*create_graph=*/false, inputs.vec());
  at::NoGradGuard noGrad;
  return pass.finish();
}

/// Seconds so far, float64 `[3]`: spent, running, hidden.
Tensor groupFigures() { return at::tensor({figures.spent, figures.underWay, figures.hidden}, at::kDouble); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("group_gradients(Tensor loss, Tensor[] inputs, Tensor?[] before, int[] buckets) -> Tensor[]",
              groupGradients);
  library.def("group_figures() -> Tensor", groupFigures);
}

}  // namespace espalier::group
