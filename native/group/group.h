/// @file What the gradients of a group need of it: asynchronous sums over all ranks, while this process computes.
#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <functional>

namespace espalier::group {

using Clock = std::chrono::steady_clock;

/// Start and end of a collective.
struct Interval {
  Clock::time_point began;
  Clock::time_point ended;
};

/// Starts an all-reduce (sum, in place) of a contiguous tensor on the CPU; the returned function waits for its end.
/// These collectives have connections of their own: every rank starts them in the same order, whatever others run.
std::function<Interval()> beginSum(const at::Tensor& tensor);

/// Number of ranks.
int groupSize();

}  // namespace espalier::group
