/// @file The arithmetic of a batch norm with its ReLU, one pass over memory for each stage. Included once per
/// instruction set: see `lanes.h`.
#pragma once
#include "norm.h"
#include "../simd/scratch.h"

namespace espalier::kernels {
namespace {

/// Periods whose sums are taken in the type of the elements before they are added up in float64.
constexpr int64_t kPeriodsAtOnce = 64;

/// Not of the standard library: its inline functions would be shared between instruction sets.
template <class T>
struct Two {
  T first, second;
};

/// Calls `body(element, lane)` for all elements of a piece, period by period; what is left of the last one too.
/// `between` is called after so many periods as sums can take.
template <class Body, class Between>
inline __attribute__((always_inline)) void forPeriods(int64_t count, int64_t period, const Body& body,
                                                      const Between& between) {
  int64_t start = 0, periods = 0;
  for (; start + period <= count; start += period) {
    for (int64_t lane = 0; lane < period; lane++) body(start + lane, lane);
    if (++periods % kPeriodsAtOnce == 0) between();
  }
  for (int64_t lane = 0; start + lane < count; lane++) body(start + lane, lane);
  between();
}

/// Adds the two values that `values(element, lane)` gives of every element to `sums`, by their place in the period.
template <class T, class Values>
inline __attribute__((always_inline)) void addUp(int64_t count, int64_t period, double* __restrict sums,
                                                 T* __restrict scratch, const Values& values) {
  clear(scratch, 2 * period);
  T* __restrict first = scratch;
  T* __restrict second = scratch + period;
  forPeriods(
      count, period,
      [&](int64_t i, int64_t lane) {
        const Two<T> both = values(i, lane);
        first[lane] += both.first;
        second[lane] += both.second;
      },
      [&] {
        for (int64_t i = 0; i < 2 * period; i++) {
          sums[i] += scratch[i];
          scratch[i] = 0;
        }
      });
}

template <class T>
void moments(const T* __restrict x, int64_t count, int64_t period, const T* __restrict about, double* __restrict sums,
             T* __restrict scratch) {
  addUp(count, period, sums, scratch, [&](int64_t i, int64_t lane) {
    const T distance = x[i] - about[lane];
    return Two<T>{distance, distance * distance};
  });
}

template <bool rectify, class T>
void applyNorm(const T* __restrict x, T* __restrict y, int64_t count, int64_t period, const T* __restrict scale,
               const T* __restrict shift, const T* __restrict mean) {
  forPeriods(
      count, period,
      [&](int64_t i, int64_t lane) {
        const T value = (x[i] - mean[lane]) * scale[lane] + shift[lane];
        y[i] = rectify && value < 0 ? T{} : value;
      },
      [] {});
}

template <bool rectify, class T>
void gradSumsOf(const T* __restrict x, const T* __restrict gradOutput, int64_t count, int64_t period,
                const T* __restrict scale, const T* __restrict shift, const T* __restrict mean, double* __restrict sums,
                T* __restrict scratch) {
  addUp(count, period, sums, scratch, [&](int64_t i, int64_t lane) {
    const T distance = x[i] - mean[lane];
    const T passed = rectify && distance * scale[lane] + shift[lane] <= 0 ? T{} : gradOutput[i];
    return Two<T>{passed, passed * distance};
  });
}

template <bool rectify, class T>
void gradInputOf(const T* __restrict x, const T* __restrict gradOutput, T* __restrict result, int64_t count,
                 int64_t period, const T* __restrict scale, const T* __restrict shift, const T* __restrict mean,
                 const T* __restrict constant, const T* __restrict linear) {
  forPeriods(
      count, period,
      [&](int64_t i, int64_t lane) {
        const T passed = rectify && (x[i] - mean[lane]) * scale[lane] + shift[lane] <= 0 ? T{} : gradOutput[i];
        result[i] = scale[lane] * passed - constant[lane] - linear[lane] * (x[i] - mean[lane]);
      },
      [] {});
}

template <class T>
constexpr NormKernels<T> kNormKernels = {
    moments<T>,
    [](const T* x, T* y, int64_t count, int64_t period, const T* scale, const T* shift, const T* mean, bool rectify) {
      (rectify ? applyNorm<true, T> : applyNorm<false, T>)(x, y, count, period, scale, shift, mean);
    },
    [](const T* x, const T* gradOutput, int64_t count, int64_t period, const T* scale, const T* shift, const T* mean,
       bool rectify, double* sums, T* scratch) {
      (rectify ? gradSumsOf<true, T> : gradSumsOf<false, T>)(x, gradOutput, count, period, scale, shift, mean, sums,
                                                             scratch);
    },
    [](const T* x, const T* gradOutput, T* result, int64_t count, int64_t period, const T* scale, const T* shift,
       const T* mean, const T* constant, const T* linear, bool rectify) {
      (rectify ? gradInputOf<true, T> : gradInputOf<false, T>)(x, gradOutput, result, count, period, scale, shift, mean,
                                                               constant, linear);
    },
};

}  // namespace
}  // namespace espalier::kernels
