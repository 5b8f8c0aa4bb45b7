/// @file All operators on an edge of DiNTS, forward and backward; included by the file of each instruction set. The sums of a norm are taken while its
/// input is written, the norms are applied in the last pass, the weighted sum. Results do not depend on the number of threads: sums go by row and are
/// added in order.
#pragma once
#include "edgeConvolution.h"

namespace espalier::kernels {
namespace {

template <class T>
void fillInput(const EdgePlan<T>& plan, const T* x) {
  clearRim(plan, plan.input);
  writeRows(plan, plan.input, [&](int64_t row, T* to) {
    const T* const from = x + row * plan.line;
    forLanes<T>(plan.line, [&](int64_t i, auto vector) { store(to + i, rectified(load<decltype(vector)>(from + i))); });
  });
}

/// Mean and 1 / standard deviation of every sample from the sums of rows, combined in double.
template <class T>
void finishNorm(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, double epsilon) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels, rows = v.rowsOfSample();
  double* const means = plan.sums;
  double* const squares = plan.sums + channels;
  for (int64_t sample = 0; sample < v.batch; sample++) {
    const T* const raw = branch.raw + sample * rows * plan.line;
    const T* const sums = plan.rowSums + sample * rows * 2 * channels;
    const auto rowMean = [&](int64_t row, int64_t c) {
      return static_cast<double>(raw[row * plan.line + c]) + static_cast<double>(sums[row * 2 * channels + c]) / v.width;
    };
    for (int64_t c = 0; c < channels; c++) means[c] = squares[c] = 0;
    for (int64_t row = 0; row < rows; row++)
      for (int64_t c = 0; c < channels; c++) means[c] += rowMean(row, c);
    for (int64_t c = 0; c < channels; c++) means[c] /= rows;
    for (int64_t row = 0; row < rows; row++)
      for (int64_t c = 0; c < channels; c++) {
        const double sum = sums[row * 2 * channels + c], off = rowMean(row, c) - means[c];
        squares[c] += sums[(row * 2 + 1) * channels + c] - sum * sum / v.width + v.width * off * off;
      }
    for (int64_t c = 0; c < channels; c++) {
      branch.mean[sample * channels + c] = static_cast<T>(means[c]);
      branch.inverse[sample * channels + c] = static_cast<T>(1 / __builtin_sqrt((squares[c] > 0 ? squares[c] : 0) / v.voxelsOfSample() + epsilon));
    }
  }
}

template <class T>
bool isKept(const EdgeBranch<T>& branch) {
  return branch.middle.exact || branch.middle.half;
}

/// What lies between the two convolutions of a branch: where it is kept, or scratch.
template <class T>
Operand<T> middleOf(const EdgePlan<T>& plan, const EdgeBranch<T>& branch) {
  return isKept(branch) ? branch.middle : plan.middle;
}

template <class T>
void fillMiddle(const EdgePlan<T>& plan, const EdgeBranch<T>& branch) {
  const Operand<T> middle = middleOf(plan, branch);
  clearRim(plan, middle);
  convolve(plan, plan.input, branch.convolution[0].window, 1, branch.convolution[0].weight, Rows<T>::of(middle), false, static_cast<T*>(nullptr));
}

/// The convolutions of a branch, and the sums of its norm.
template <class T>
void runBranch(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, double epsilon) {
  const bool two = branch.convolutions == 2;
  if (two) fillMiddle(plan, branch);
  const EdgeConvolution<T>& last = branch.convolution[branch.convolutions - 1];
  convolve(plan, two ? middleOf(plan, branch) : plan.input, last.window, 1, last.weight, Rows<T>{branch.raw, false}, false, plan.rowSums);
  finishNorm(plan, branch, epsilon);
}

/// The weighted sum of all operators: each a scale, and one shift for all.
template <class T>
void mixRows(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels;
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    T* const own = plan.coefficients + sample * kSlopeSums * channels;  // scales, shift
    for (int64_t c = 0; c < channels; c++) {
      double shift = 0;
      for (int b = 0; b < job.branches; b++) {
        const EdgeBranch<T>& branch = job.branch[b];
        const T scale = job.mixture[1 + b] * branch.scale[c] * branch.inverse[sample * channels + c];
        own[b * channels + c] = scale;
        shift += static_cast<double>(job.mixture[1 + b]) * branch.shift[c] - static_cast<double>(scale) * branch.mean[sample * channels + c];
      }
      own[kMostBranches * channels + c] = static_cast<T>(shift);
    }
  }
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const T* const own = plan.coefficients + row / job.volume.rowsOfSample() * kSlopeSums * channels;
      forLanes<T>(channels, [&](int64_t c, auto vector) {
        using V = decltype(vector);
        V scale[kMostBranches];
        for (int b = 0; b < job.branches; b++) scale[b] = load<V>(own + b * channels + c);
        const V shift = load<V>(own + kMostBranches * channels + c);
        for (int64_t i = row * plan.line + c; i < (row + 1) * plan.line; i += channels) {
          V sum = shift + load<V>(job.x + i) * job.mixture[0];
          for (int b = 0; b < job.branches; b++) sum += scale[b] * load<V>(job.branch[b].raw + i);
          store(job.out + i, sum);
        }
      });
    }
  });
}

template <class T>
void forward(const EdgeJob<T>& job) {
  Arena arena{job.arena};
  const EdgePlan<T> plan(job.volume, false, job.threads, job.tiles, arena);
  fillInput(plan, job.x);
  for (int b = 0; b < job.branches; b++) runBranch(plan, job.branch[b], job.epsilon);
  mixRows(plan, job);
}

/// The sums of the slope against everything that a weight multiplies, by sample: alone, against the centred branches, against x.
template <class T>
void sumSlope(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels, rows = job.volume.rowsOfSample();
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      forLanes<T>(channels, [&](int64_t c, auto vector) {
        using V = decltype(vector);
        V mean[kMostBranches], sum[kSlopeSums] = {};
        for (int b = 0; b < job.branches; b++) mean[b] = load<V>(job.branch[b].mean + row / rows * channels + c);
        for (int64_t i = row * plan.line + c; i < (row + 1) * plan.line; i += channels) {
          const V slope = load<V>(job.slope + i);
          sum[0] += slope;
          for (int b = 0; b < job.branches; b++) sum[1 + b] += slope * (load<V>(job.branch[b].raw + i) - mean[b]);
          sum[kSlopeSums - 1] += slope * load<V>(job.x + i);
        }
        for (int k = 0; k < kSlopeSums; k++) store(plan.rowSums + (row * kSlopeSums + k) * channels + c, sum[k]);
      });
  });
  const int64_t count = kSlopeSums * channels;
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    double* const to = plan.sums + sample * count;
    for (int64_t i = 0; i < count; i++) to[i] = 0;
    for (int64_t row = sample * rows; row < (sample + 1) * rows; row++)
      for (int64_t i = 0; i < count; i++) to[i] += plan.rowSums[row * count + i];
  }
}

/// The gradients of the mixture and of the norms' scales and shifts.
template <class T>
void mixtureGradients(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels;
  const auto sumOf = [&](int64_t sample, int k, int64_t c) { return plan.sums[(sample * kSlopeSums + k) * channels + c]; };
  double identity = 0;
  for (int64_t sample = 0; sample < job.volume.batch; sample++)
    for (int64_t c = 0; c < channels; c++) identity += sumOf(sample, kSlopeSums - 1, c);
  job.mixtureGradient[0] = static_cast<T>(identity);
  for (int b = 0; b < job.branches; b++) {
    const EdgeBranch<T>& branch = job.branch[b];
    double total = 0;
    for (int64_t c = 0; c < channels; c++) {
      double alone = 0, against = 0;  // of the norm's output before scale and shift
      for (int64_t sample = 0; sample < job.volume.batch; sample++) {
        alone += sumOf(sample, 0, c);
        against += sumOf(sample, 1 + b, c) * branch.inverse[sample * channels + c];
      }
      branch.scaleGradient[c] = static_cast<T>(job.mixture[1 + b] * against);
      branch.shiftGradient[c] = static_cast<T>(job.mixture[1 + b] * alone);
      total += branch.scale[c] * against + branch.shift[c] * alone;
    }
    job.mixtureGradient[1 + b] = static_cast<T>(total);
  }
}

/// The slope of branch b before its norm, `scale * (slope - meanSlope - (raw - mean) * along)`, into `plan.slope`.
template <class T>
void branchSlope(const EdgePlan<T>& plan, const EdgeJob<T>& job, int b) {
  const EdgeBranch<T>& branch = job.branch[b];
  const int64_t channels = plan.channels, voxels = job.volume.voxelsOfSample();
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    T* const own = plan.coefficients + sample * kSlopeSums * channels;
    const double* const sums = plan.sums + sample * kSlopeSums * channels;
    for (int64_t c = 0; c < channels; c++) {
      const double inverse = branch.inverse[sample * channels + c];
      own[c] = static_cast<T>(job.mixture[1 + b] * branch.scale[c] * inverse);
      own[channels + c] = static_cast<T>(sums[c] / voxels);
      own[2 * channels + c] = static_cast<T>(inverse * inverse * sums[(1 + b) * channels + c] / voxels);
    }
  }
  writeRows(plan, plan.slope, [&](int64_t row, T* to) {
    const int64_t sample = row / job.volume.rowsOfSample();
    const T* const own = plan.coefficients + sample * kSlopeSums * channels;
    forLanes<T>(channels, [&](int64_t c, auto vector) {
      using V = decltype(vector);
      const V scale = load<V>(own + c), meanSlope = load<V>(own + channels + c), along = load<V>(own + 2 * channels + c);
      const V mean = load<V>(branch.mean + sample * channels + c);
      for (int64_t i = c; i < plan.line; i += channels) {
        const int64_t at = row * plan.line + i;
        store(to + i, scale * (load<V>(job.slope + at) - meanSlope - (load<V>(branch.raw + at) - mean) * along));
      }
    });
  });
}

/// Back through the convolutions of a branch from `plan.slope`; sets or adds to `plan.inputSlope`.
template <class T>
void branchBackward(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, bool add) {
  const EdgeConvolution<T>& first = branch.convolution[0];
  Operand<T> slope = plan.slope;
  T* const none = nullptr;
  if (branch.convolutions == 2) {
    const EdgeConvolution<T>& second = branch.convolution[1];
    if (second.gradient) {
      const Operand<T> middle = middleOf(plan, branch);
      transpose(plan, middle, plan.ofTiles.middleTransposed);
      weightGradient(plan, middle, plan.ofTiles.middleTransposed, second.window, slope, second.gradient);
    }
    convolve(plan, slope, second.window, -1, second.transposed, Rows<T>::of(plan.middleSlope), false, none);
    slope = plan.middleSlope;
  }
  if (first.gradient) weightGradient(plan, plan.input, plan.ofTiles.inputTransposed, first.window, slope, first.gradient);
  convolve(plan, slope, first.window, -1, first.transposed, Rows<T>{plan.inputSlope, false}, add, none);
}

/// The gradient of x: what came through the ReLU where it let x through, and the identity.
template <class T>
void finishInput(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    forLanes<T>((end - begin) * plan.line, [&](int64_t i, auto vector) {
      using V = decltype(vector);
      const int64_t at = begin * plan.line + i;
      const V through = load<V>(job.x + at) > V{} ? load<V>(plan.inputSlope + at) : V{};
      store(job.xGradient + at, through + load<V>(job.slope + at) * job.mixture[0]);
    });
  });
}

template <class T>
void backward(const EdgeJob<T>& job) {
  Arena arena{job.arena};
  const EdgePlan<T> plan(job.volume, true, job.threads, job.tiles, arena);
  fillInput(plan, job.x);
  if (job.recompute)
    for (int b = 0; b < job.branches; b++) runBranch(plan, job.branch[b], job.epsilon);
  sumSlope(plan, job);
  mixtureGradients(plan, job);
  clearRim(plan, plan.slope);
  clearRim(plan, plan.middleSlope);
  transpose(plan, plan.input, plan.ofTiles.inputTransposed);
  for (int b = 0; b < job.branches; b++) {
    const EdgeBranch<T>& branch = job.branch[b];
    if (branch.convolutions == 2 && branch.convolution[1].gradient && !isKept(branch)) fillMiddle(plan, branch);
    branchSlope(plan, job, b);
    branchBackward(plan, branch, b > 0);
  }
  finishInput(plan, job);
}

template <class T>
size_t edgeArenaBytes(const Volume& volume, bool isBackward, int threads, const TileKernels* tiles) {
  Arena arena{nullptr};
  const EdgePlan<T> plan(volume, isBackward, threads, tiles, arena);
  return arena.used;
}

template <class T>
constexpr EdgeKernels<T> kEdgeKernels = {forward<T>, backward<T>, edgeArenaBytes<T>};

}  // namespace
}  // namespace espalier::kernels
