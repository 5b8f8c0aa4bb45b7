/// @file What the gradients of a group ask of it: sums over all ranks that go on while this process computes.
#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <functional>

namespace espalier::group {

using Clock = std::chrono::steady_clock;

/// From when to when a collective was under way.
struct Interval {
  Clock::time_point began;
  Clock::time_point ended;
};

/// Begins to add a contiguous tensor on the CPU up over all ranks, in place; the function waits for the end. These sums
/// have connections of their own: they need an order among themselves alone, the same on every rank.
std::function<Interval()> beginSum(const at::Tensor& tensor);

/// Number of ranks.
int groupSize();

}  // namespace espalier::group
