/// @file All operators on an edge of DiNTS, forward and backward; included by the file of each instruction set. Convolutions are direct: a panel of
/// outputs in registers, taps outside of the volume left out. The sums of a norm are taken while its input is written, the norms are applied in the
/// last pass, the weighted sum. Results do not depend on the number of threads: sums go by row and are added in order.
/// One file although it is long: as in `stateKernels.h`, each stage stands beside its way back, and each instruction set compiles all of it.
#pragma once
#include "edge.h"
#include "product.h"
#include "scratch.h"

namespace espalier::kernels {
namespace {

constexpr int kSlopeSums = kMostBranches + 2;  // of a slope: alone, against every branch, against x
constexpr int64_t kPanelRows = 8;              // voxels that a panel should have at least
constexpr int64_t kRowsOfTile = 32;            // rows of the volume that the gradient of a weight takes in at once
constexpr int64_t kInputsOfTask = 32;
constexpr int64_t kTapBytes = 1 << 19;         // of the weights that a convolution works with at a time

/// Sizes that follow from the volume, and scratch memory.
template <class T>
struct EdgePlan {
  Volume volume;
  int64_t channels, line, paddedLine;  // elements of a row without and with its rim
  T* input;       // ReLU of x, with a rim
  T* middle;      // between two convolutions where it is not kept, with a rim
  T* rowSums;     // [rows, kSlopeSums, channels]
  double* sums;   // [batch, kSlopeSums, channels]
  T* coefficients;  // [batch, kSlopeSums, channels]
  // Backward alone.
  T* slope;        // before a norm, with a rim
  T* middleSlope;  // with a rim
  T* inputSlope;   // of the ReLU: [voxels, channels]

  EdgePlan(const Volume& v, bool backward, Arena& arena)
      : volume(v), channels(v.channels), line(v.width * v.channels), paddedLine((v.width + 2) * v.channels) {
    const int64_t padded = v.paddedVoxels() * channels;
    input = arena.take<T>(padded);
    middle = arena.take<T>(padded);
    rowSums = arena.take<T>(v.rows() * kSlopeSums * channels);
    sums = arena.take<double>(v.batch * kSlopeSums * channels);
    coefficients = arena.take<T>(v.batch * kSlopeSums * channels);
    if (!backward) return;
    slope = arena.take<T>(padded);
    middleSlope = arena.take<T>(padded);
    inputSlope = arena.take<T>(v.voxels() * channels);
  }

  /// The element at which a row begins in a tensor with a rim.
  int64_t paddedRow(int64_t row) const {
    const int64_t plane = row / volume.height, y = row % volume.height;
    return (plane * (volume.height + 2) + y + 1) * paddedLine + channels;
  }
};

/// A tensor by rows, with or without a rim.
template <class T>
struct Rows {
  T* start;
  bool padded;
  T* at(const EdgePlan<T>& plan, int64_t row) const { return start + (padded ? plan.paddedRow(row) : row * plan.line); }
  int64_t stride(const EdgePlan<T>& plan) const { return padded ? plan.paddedLine : plan.line; }
};

/// Zeroes the rim of every plane.
template <class T>
void clearRim(const EdgePlan<T>& plan, T* padded) {
  const int64_t lines = plan.volume.height + 2;
  parallel(plan.volume.batch * plan.volume.depth * lines, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      T* const at = padded + row * plan.paddedLine;
      const int64_t y = row % lines;
      if (y == 0 || y == lines - 1) {
        clear(at, plan.paddedLine);
      } else {
        clear(at, plan.channels);
        clear(at + plan.paddedLine - plan.channels, plan.channels);
      }
    }
  });
}

template <class T>
void fillInput(const EdgePlan<T>& plan, const T* x) {
  clearRim(plan, plan.input);
  parallel(plan.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const T* const from = x + row * plan.line;
      T* const to = plan.input + plan.paddedRow(row);
      forLanes<T>(plan.line, [&](int64_t i, auto vector) { store(to + i, rectified(load<decltype(vector)>(from + i))); });
    }
  });
}

/// The taps `[from, to)` of a window that reach into the volume from rows `[y, y + rows)` of the plane at depth z; rim rows are zeros and count as
/// inside.
struct ReachedTaps {
  int64_t data[kMostTaps], weight[kMostTaps];
  int count = 0;

  /// `sign`: 1 for a convolution, -1 for the gradient of its input.
  template <class T>
  ReachedTaps(const EdgePlan<T>& plan, const Window& window, int64_t sign, int64_t z, int64_t y, int64_t rows, int64_t from, int64_t to) {
    const Volume& v = plan.volume;
    int64_t tap = 0;
    for (int64_t kz = -(window.depth / 2); kz <= window.depth / 2; kz++)
      for (int64_t ky = -(window.height / 2); ky <= window.height / 2; ky++)
        for (int64_t kx = -(window.width / 2); kx <= window.width / 2; kx++, tap++) {
          const int64_t dz = sign * kz, dy = sign * ky;
          if (tap < from || tap >= to || z + dz < 0 || z + dz >= v.depth || y + rows + dy <= 0 || y + dy >= v.height) continue;
          data[count] = (dz * (v.height + 2) + dy) * plan.paddedLine + sign * kx * plan.channels;
          weight[count++] = tap * plan.channels * plan.channels;
        }
  }
};

/// `out (+)= in * weights`, panel of outputs by panel, and as many taps at a time as the cache holds the weights of. `sums`: of the rows that are written,
/// `[rows, 2, channels]`, where a norm follows.
template <class T>
void convolve(const EdgePlan<T>& plan, const T* in, const Window& window, int64_t sign, const T* weight, Rows<T> out, bool add, T* sums) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels;
  const int64_t rowsOfStrip = larger(1, smaller(v.height, kPanelRows / v.width));
  const int64_t strips = (v.height + rowsOfStrip - 1) / rowsOfStrip;
  const int64_t group = larger(1, kTapBytes / (channels * channels * static_cast<int64_t>(sizeof(T))));
  parallel(v.batch * v.depth * strips, [&](int64_t begin, int64_t end, int) {
    const auto stripsOf = [&](int64_t column, int64_t columns, int64_t from, auto compute) {
      for (int64_t strip = begin; strip < end; strip++) {
        const int64_t plane = strip / strips, y = strip % strips * rowsOfStrip, count = smaller(rowsOfStrip, v.height - y);
        const int64_t row = plane * v.height + y;
        const ReachedTaps taps(plan, window, sign, plane % v.depth, y, count, from, from + group);
        Product<T> product{count * v.width, columns, in + plan.paddedRow(row), channels, 1, weight, channels, out.at(plan, row), channels, add || from > 0,
                           channels, taps.count, taps.data, taps.weight};
        product.wrap = v.width;
        product.aWrap = plan.paddedLine;
        product.cWrap = out.stride(plan);
        if (taps.count > 0 || !product.add) compute(product);
        if (!sums || from + group < window.taps()) continue;
        for (int64_t r = row; r < row + count; r++)
          sumRow(out.at(plan, r) + column, channels, v.width, columns, sums + r * 2 * channels + column, channels);
      }
    };
    for (int64_t from = 0; from < window.taps(); from += group) {
      forPanels<T>(channels, [&](int64_t column, auto vectors) {
        stripsOf(column, vectors * lanesIn<T, Main<T>>, from,
                 [&](const Product<T>& p) { wrappedPanels<Main<T>, decltype(vectors)::value>(p, column); });
      });
      for (int64_t column = channels / lanesIn<T, Main<T>> * lanesIn<T, Main<T>>; column < channels; column += lanesIn<T, Tail<T>>)
        stripsOf(column, lanesIn<T, Tail<T>>, from, [&](const Product<T>& p) { wrappedPanels<Tail<T>, 1>(p, column); });
    }
  });
}

/// The gradient of a weight, tile of rows by tile, so that what a tap reads is still in the cache for the next.
template <class T>
void weightGradient(const EdgePlan<T>& plan, const T* in, const Window& window, const T* slope, T* gradient) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels, parts = (channels + kInputsOfTask - 1) / kInputsOfTask;
  parallel(window.taps() * parts, [&](int64_t begin, int64_t end, int) {
    for (int64_t tile = 0; tile < v.rows(); tile += kRowsOfTile)
      for (int64_t task = begin; task < end; task++) {
        const int64_t tap = task / parts, first = task % parts * kInputsOfTask, inputs = smaller(kInputsOfTask, channels - first);
        const int64_t dz = tap / (window.height * window.width) - window.depth / 2;
        const int64_t dy = tap / window.width % window.height - window.height / 2;
        const int64_t dx = tap % window.width - window.width / 2;
        int64_t inAt[kRowsOfTile], slopeAt[kRowsOfTile], count = 0;
        for (int64_t row = tile; row < smaller(v.rows(), tile + kRowsOfTile); row++) {
          const int64_t z = row / v.height % v.depth + dz, y = row % v.height + dy;
          if (z < 0 || z >= v.depth || y < 0 || y >= v.height) continue;
          slopeAt[count] = plan.paddedRow(row);
          inAt[count] = slopeAt[count] + (dz * (v.height + 2) + dy) * plan.paddedLine + dx * channels;
          count++;
        }
        if (count == 0 && tile > 0) continue;
        multiply<T>({inputs, channels, in + first, 1, channels, slope, channels, gradient + (tap * channels + first) * channels, channels, tile > 0, v.width,
                     count, inAt, slopeAt});
      }
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

/// What lies between the two convolutions of a branch: where it is kept, or scratch.
template <class T>
T* middleOf(const EdgePlan<T>& plan, const EdgeBranch<T>& branch) {
  return branch.middle ? branch.middle : plan.middle;
}

template <class T>
void fillMiddle(const EdgePlan<T>& plan, const EdgeBranch<T>& branch) {
  T* const middle = middleOf(plan, branch);
  clearRim(plan, middle);
  convolve(plan, plan.input, branch.convolution[0].window, 1, branch.convolution[0].weight, Rows<T>{middle, true}, false, static_cast<T*>(nullptr));
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
  const EdgePlan<T> plan(job.volume, false, arena);
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
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t sample = row / job.volume.rowsOfSample();
      const T* const own = plan.coefficients + sample * kSlopeSums * channels;
      T* const to = plan.slope + plan.paddedRow(row);
      forLanes<T>(channels, [&](int64_t c, auto vector) {
        using V = decltype(vector);
        const V scale = load<V>(own + c), meanSlope = load<V>(own + channels + c), along = load<V>(own + 2 * channels + c);
        const V mean = load<V>(branch.mean + sample * channels + c);
        for (int64_t i = c; i < plan.line; i += channels) {
          const int64_t at = row * plan.line + i;
          store(to + i, scale * (load<V>(job.slope + at) - meanSlope - (load<V>(branch.raw + at) - mean) * along));
        }
      });
    }
  });
}

/// Back through the convolutions of a branch from `plan.slope`; sets or adds to `plan.inputSlope`.
template <class T>
void branchBackward(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, bool add) {
  const EdgeConvolution<T>& first = branch.convolution[0];
  const T* slope = plan.slope;
  T* const none = nullptr;
  if (branch.convolutions == 2) {
    const EdgeConvolution<T>& second = branch.convolution[1];
    if (second.gradient) weightGradient(plan, middleOf(plan, branch), second.window, slope, second.gradient);
    convolve(plan, slope, second.window, -1, second.transposed, Rows<T>{plan.middleSlope, true}, false, none);
    slope = plan.middleSlope;
  }
  if (first.gradient) weightGradient(plan, plan.input, first.window, slope, first.gradient);
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
  const EdgePlan<T> plan(job.volume, true, arena);
  fillInput(plan, job.x);
  if (job.recompute)
    for (int b = 0; b < job.branches; b++) runBranch(plan, job.branch[b], job.epsilon);
  sumSlope(plan, job);
  mixtureGradients(plan, job);
  clearRim(plan, plan.slope);
  clearRim(plan, plan.middleSlope);
  for (int b = 0; b < job.branches; b++) {
    const EdgeBranch<T>& branch = job.branch[b];
    if (branch.convolutions == 2 && branch.convolution[1].gradient && !branch.middle) fillMiddle(plan, branch);
    branchSlope(plan, job, b);
    branchBackward(plan, branch, b > 0);
  }
  finishInput(plan, job);
}

template <class T>
size_t edgeArenaBytes(const Volume& volume, bool isBackward) {
  Arena arena{nullptr};
  const EdgePlan<T> plan(volume, isBackward, arena);
  return arena.used;
}

template <class T>
constexpr EdgeKernels<T> kEdgeKernels = {forward<T>, backward<T>, edgeArenaBytes<T>};

}  // namespace
}  // namespace espalier::kernels
