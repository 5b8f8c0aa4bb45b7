/// @file What the kernels of a batch norm are given: plain pointers, so that a file compiled for one instruction set
/// shares no code with the others.
///
/// Elements are `[rows, channels]` without gaps. A period is the shortest whole number of rows that fills whole
/// vectors; what belongs to a channel is repeated over a period, so that no loop knows of channels. A piece is a number
/// of elements that begins at a row.
#pragma once
#include <cstdint>

namespace espalier::kernels {

/// Lanes of the widest vector: every period is a multiple of it.
constexpr int64_t kPeriodMultiple = 16;

template <class T>
struct NormKernels {
  /// Adds to `sums` (`[2, period]`) the sums of `x - about` and of its square. `scratch` is of the same size.
  void (*moments)(const T* x, int64_t count, int64_t period, const T* about, double* sums, T* scratch);
  /// `y = scale (x - mean) + shift`, or nothing where that is below zero and `rectify` is set.
  void (*apply)(const T* x, T* y, int64_t count, int64_t period, const T* scale, const T* shift, const T* mean,
                bool rectify);
  /// Adds to `sums` the sums of the gradient before a ReLU, and of its product with `x - mean`.
  void (*gradSums)(const T* x, const T* gradOutput, int64_t count, int64_t period, const T* scale, const T* shift,
                   const T* mean, bool rectify, double* sums, T* scratch);
  /// `result = scale gradient - constant - linear (x - mean)`, with the gradient before a ReLU.
  void (*gradInput)(const T* x, const T* gradOutput, T* result, int64_t count, int64_t period, const T* scale,
                    const T* shift, const T* mean, const T* constant, const T* linear, bool rectify);
};

}  // namespace espalier::kernels
