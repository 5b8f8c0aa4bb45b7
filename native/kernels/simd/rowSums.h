/// @file The statistics of a norm from sums that are taken row by row while its input is written. Their order does not
/// depend on the threads.
#pragma once
#include "scratch.h"

namespace espalier::kernels {
namespace {

/// The backward pass of a norm in a line: `scale * (gradient - meanGrad - (raw - mean) * along)`, derived in
/// native/README.md. Coefficients by lane.
enum NormCoefficient { kNormScale, kNormMeanGrad, kNormAlong };

/// Sums of a row against its own first pixel, which keeps them exact where the mean is large: into `[2, lanes]`.
template <class T>
void sumRow(const T* row, int64_t pixel, int64_t width, int64_t lanes, T* sums, int64_t second) {
  forLanes<T>(lanes, [&](int64_t lane, auto vector) {
    using V = decltype(vector);
    const V shift = load<V>(row + lane);
    V sum{}, squares{};
    for (int64_t x = 1; x < width; x++) {
      const V value = load<V>(row + x * pixel + lane) - shift;
      sum += value;
      squares += value * value;
    }
    store(sums + lane, sum);
    store(sums + second + lane, squares);
  });
}

/// Mean and 1 / standard deviation of every lane over `rows` rows of `width` pixels, from the sums of each row (`[rows,
/// 2, lanes]`, see `sumRow`), combined in double.
template <class T>
void finishNorm(const T* raw, const T* sums, int64_t rows, int64_t width, int64_t lanes, double epsilon, T* mean,
                T* inverse) {
  const double share = 1.0 / width;
  parallelLanes(lanes, [&](int64_t first, int64_t last) {
    double means[kLanesOfTask] = {}, squares[kLanesOfTask] = {};
    const int64_t count = last - first;
    const auto rowMean = [&](int64_t row, int64_t i) {
      return static_cast<double>(raw[row * width * lanes + first + i]) +
             static_cast<double>(sums[row * 2 * lanes + first + i]) * share;
    };
    for (int64_t row = 0; row < rows; row++)
      for (int64_t i = 0; i < count; i++) means[i] += rowMean(row, i);
    for (int64_t i = 0; i < count; i++) means[i] /= rows;
    for (int64_t row = 0; row < rows; row++)
      for (int64_t i = 0; i < count; i++) {
        const double sum = sums[row * 2 * lanes + first + i], off = rowMean(row, i) - means[i];
        squares[i] += sums[(row * 2 + 1) * lanes + first + i] - sum * sum * share + width * off * off;
      }
    for (int64_t i = 0; i < count; i++) {
      mean[first + i] = static_cast<T>(means[i]);
      inverse[first + i] =
          static_cast<T>(1 / __builtin_sqrt((squares[i] > 0 ? squares[i] : 0) / (rows * width) + epsilon));
    }
  });
}

}  // namespace
}  // namespace espalier::kernels
