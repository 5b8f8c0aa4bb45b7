/// @file Bilinear resampling row by row: along the columns first, over whole rows at once, then along the row. In the
/// backward pass each row of the old image gathers what the new ones took of it, so that nothing is added to by two
/// threads.
#pragma once
#include "resize.h"
#include "../simd/scratch.h"

namespace espalier::kernels {
namespace {

/// `a x + b y`, and adding `a x`.
template <class T>
inline void setTo(T* __restrict to, int64_t count, T a, const T* __restrict x, T b, const T* __restrict y) {
  for (int64_t i = 0; i < count; i++) to[i] = a * x[i] + b * y[i];
}
template <class T>
inline void addTo(T* __restrict to, int64_t count, T a, const T* __restrict x) {
  for (int64_t i = 0; i < count; i++) to[i] += a * x[i];
}

template <class T>
void resizeForward(const ResizeJob<T>& job) {
  const int64_t channels = job.channels, line = job.width * channels;
  parallel(job.batch * job.newHeight, [&](int64_t begin, int64_t end, int thread) {
    T* const between = job.buffers + thread * line;
    for (int64_t row = begin; row < end; row++) {
      const int64_t y = row % job.newHeight, first = job.rows.first[y];
      const T share = job.rows.share[y];
      const T* const above = job.from + (row / job.newHeight * job.height + first) * line;
      setTo(between, line, 1 - share, above, share, share == 0 ? above : above + line);
      T* const to = job.to + row * job.newWidth * channels;
      for (int64_t x = 0; x < job.newWidth; x++) {
        const T part = job.columns.share[x];
        const T* const left = between + job.columns.first[x] * channels;
        setTo(to + x * channels, channels, 1 - part, left, part, part == 0 ? left : left + channels);
      }
    }
  });
}

template <class T>
void resizeBackward(const ResizeJob<T>& job) {
  const int64_t channels = job.channels, newLine = job.newWidth * channels;
  parallel(job.batch * job.height, [&](int64_t begin, int64_t end, int thread) {
    T* const gathered = job.buffers + thread * newLine;
    for (int64_t row = begin; row < end; row++) {
      const int64_t y = row % job.height;
      clear(gathered, newLine);
      const T* const gradOutput = job.from + row / job.height * job.newHeight * newLine;
      // Places rise: those between the row before and this one, then those between this one and the next.
      int64_t low = 0, high = job.newHeight;
      while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (job.rows.first[middle] < y - 1)
          low = middle + 1;
        else
          high = middle;
      }
      for (int64_t from = low; from < job.newHeight && job.rows.first[from] <= y; from++) {
        const T weight = job.rows.first[from] == y ? 1 - job.rows.share[from] : job.rows.share[from];
        if (weight != 0) addTo(gathered, newLine, weight, gradOutput + from * newLine);
      }
      T* const to = job.to + row * job.width * channels;
      clear(to, job.width * channels);
      for (int64_t x = 0; x < job.newWidth; x++) {
        const T part = job.columns.share[x];
        T* const left = to + job.columns.first[x] * channels;
        addTo(left, channels, 1 - part, gathered + x * channels);
        if (part != 0) addTo(left + channels, channels, part, gathered + x * channels);
      }
    }
  });
}

template <class T>
constexpr ResizeKernels<T> kResizeKernels = {resizeForward<T>, resizeBackward<T>};

}  // namespace
}  // namespace espalier::kernels
