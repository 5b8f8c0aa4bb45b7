/// @file All operators on an edge of DiNTS, forward and backward; included by the file of each instruction set. The
/// sums of a norm are taken while its input is written, the norms are applied in the last pass, the weighted sum.
/// Results do not depend on the number of threads: sums go by row and are added in order.
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

/// The statistics of the norm of a branch, sample by sample.
template <class T>
void finishNorm(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, double epsilon) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels, rows = v.rowsOfSample();
  for (int64_t sample = 0; sample < v.batch; sample++)
    finishNorm(branch.raw + sample * rows * plan.line, plan.rowSums + sample * rows * 2 * channels, rows, v.width,
               channels, epsilon, branch.mean + sample * channels, branch.inverse + sample * channels);
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
  convolve(plan, plan.input, branch.convolution[0].kernelSize, 1, branch.convolution[0].weight, Rows<T>::of(middle),
           false, static_cast<T*>(nullptr));
}

/// The convolutions of a branch, and the sums of its norm.
template <class T>
void runBranch(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, double epsilon) {
  const bool two = branch.convolutions == 2;
  if (two) fillMiddle(plan, branch);
  const EdgeConvolution<T>& last = branch.convolution[branch.convolutions - 1];
  convolve(plan, two ? middleOf(plan, branch) : plan.input, last.kernelSize, 1, last.weight, Rows<T>{branch.raw, false},
           false, plan.rowSums);
  finishNorm(plan, branch, epsilon);
}

/// The weighted sum of all operators: each a scale, and one shift for all.
template <class T>
void mixRows(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels;
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    T* const own = plan.coefficients + sample * kEdgeSums * channels;  // scales, shift
    for (int64_t c = 0; c < channels; c++) {
      double shift = 0;
      for (int b = 0; b < job.branches; b++) {
        const EdgeBranch<T>& branch = job.branch[b];
        const T scale = job.mixture[1 + b] * branch.scale[c] * branch.inverse[sample * channels + c];
        own[(kEdgeScaleBranch + b) * channels + c] = scale;
        shift += static_cast<double>(job.mixture[1 + b]) * branch.shift[c] -
                 static_cast<double>(scale) * branch.mean[sample * channels + c];
      }
      own[kEdgeShift * channels + c] = static_cast<T>(shift);
    }
  }
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const T* const own = plan.coefficients + row / job.volume.rowsOfSample() * kEdgeSums * channels;
      forLanes<T>(channels, [&](int64_t c, auto vector) {
        using V = decltype(vector);
        V scale[kMostBranches];
        for (int b = 0; b < job.branches; b++) scale[b] = load<V>(own + (kEdgeScaleBranch + b) * channels + c);
        const V shift = load<V>(own + kEdgeShift * channels + c);
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

/// The sums of the gradient against everything that a weight multiplies, by sample: alone, against the centred
/// branches, against x.
template <class T>
void sumGradOutput(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels, rows = job.volume.rowsOfSample();
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      forLanes<T>(channels, [&](int64_t c, auto vector) {
        using V = decltype(vector);
        V mean[kMostBranches], sum[kEdgeSums] = {};
        for (int b = 0; b < job.branches; b++) mean[b] = load<V>(job.branch[b].mean + row / rows * channels + c);
        for (int64_t i = row * plan.line + c; i < (row + 1) * plan.line; i += channels) {
          const V grad = load<V>(job.gradOutput + i);
          sum[kEdgeSumAlone] += grad;
          for (int b = 0; b < job.branches; b++)
            sum[kEdgeSumBranch + b] += grad * (load<V>(job.branch[b].raw + i) - mean[b]);
          sum[kEdgeSumX] += grad * load<V>(job.x + i);
        }
        for (int k = 0; k < kEdgeSums; k++) store(plan.rowSums + (row * kEdgeSums + k) * channels + c, sum[k]);
      });
  });
  const int64_t count = kEdgeSums * channels;
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    double* const to = plan.sums + sample * count;
    for (int64_t i = 0; i < count; i++) to[i] = 0;
    for (int64_t row = sample * rows; row < (sample + 1) * rows; row++)
      for (int64_t i = 0; i < count; i++) to[i] += plan.rowSums[row * count + i];
  }
}

/// The gradients of the mixture and of the norms' scales and shifts.
template <class T>
void sumMixtureGradients(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  const int64_t channels = plan.channels;
  const auto sumOf = [&](int64_t sample, int k, int64_t c) {
    return plan.sums[(sample * kEdgeSums + k) * channels + c];
  };
  double identity = 0;
  for (int64_t sample = 0; sample < job.volume.batch; sample++)
    for (int64_t c = 0; c < channels; c++) identity += sumOf(sample, kEdgeSumX, c);
  job.gradMixture[0] = static_cast<T>(identity);
  for (int b = 0; b < job.branches; b++) {
    const EdgeBranch<T>& branch = job.branch[b];
    double total = 0;
    for (int64_t c = 0; c < channels; c++) {
      double alone = 0, against = 0;  // of the norm's output before scale and shift
      for (int64_t sample = 0; sample < job.volume.batch; sample++) {
        alone += sumOf(sample, kEdgeSumAlone, c);
        against += sumOf(sample, kEdgeSumBranch + b, c) * branch.inverse[sample * channels + c];
      }
      branch.gradScale[c] = static_cast<T>(job.mixture[1 + b] * against);
      branch.gradShift[c] = static_cast<T>(job.mixture[1 + b] * alone);
      total += branch.scale[c] * against + branch.shift[c] * alone;
    }
    job.gradMixture[1 + b] = static_cast<T>(total);
  }
}

/// The gradient of branch b before its norm, `scale * (gradient - meanGrad - (raw - mean) * along)`, into
/// `plan.gradRaw`.
template <class T>
void branchGradient(const EdgePlan<T>& plan, const EdgeJob<T>& job, int b) {
  const EdgeBranch<T>& branch = job.branch[b];
  const int64_t channels = plan.channels, voxels = job.volume.voxelsOfSample();
  for (int64_t sample = 0; sample < job.volume.batch; sample++) {
    T* const own = plan.coefficients + sample * kEdgeSums * channels;
    const double* const sums = plan.sums + sample * kEdgeSums * channels;
    for (int64_t c = 0; c < channels; c++) {
      const double inverse = branch.inverse[sample * channels + c];
      own[kNormScale * channels + c] = static_cast<T>(job.mixture[1 + b] * branch.scale[c] * inverse);
      own[kNormMeanGrad * channels + c] = static_cast<T>(sums[kEdgeSumAlone * channels + c] / voxels);
      own[kNormAlong * channels + c] =
          static_cast<T>(inverse * inverse * sums[(kEdgeSumBranch + b) * channels + c] / voxels);
    }
  }
  writeRows(plan, plan.gradRaw, [&](int64_t row, T* to) {
    const int64_t sample = row / job.volume.rowsOfSample();
    const T* const own = plan.coefficients + sample * kEdgeSums * channels;
    forLanes<T>(channels, [&](int64_t c, auto vector) {
      using V = decltype(vector);
      const V scale = load<V>(own + kNormScale * channels + c), meanGrad = load<V>(own + kNormMeanGrad * channels + c);
      const V along = load<V>(own + kNormAlong * channels + c);
      const V mean = load<V>(branch.mean + sample * channels + c);
      for (int64_t i = c; i < plan.line; i += channels) {
        const int64_t at = row * plan.line + i;
        store(to + i, scale * (load<V>(job.gradOutput + at) - meanGrad - (load<V>(branch.raw + at) - mean) * along));
      }
    });
  });
}

/// Back through the convolutions of a branch from `plan.gradRaw`; sets or adds to `plan.gradInput`.
template <class T>
void branchBackward(const EdgePlan<T>& plan, const EdgeBranch<T>& branch, bool add) {
  const EdgeConvolution<T>& first = branch.convolution[0];
  Operand<T> grad = plan.gradRaw;
  T* const none = nullptr;
  if (branch.convolutions == 2) {
    const EdgeConvolution<T>& second = branch.convolution[1];
    if (second.gradient) {
      const Operand<T> middle = middleOf(plan, branch);
      transpose(plan, middle, plan.ofTiles.middleTransposed);
      weightGradient(plan, middle, plan.ofTiles.middleTransposed, second.kernelSize, grad, second.gradient);
    }
    convolve(plan, grad, second.kernelSize, -1, second.transposed, Rows<T>::of(plan.gradMiddle), false, none);
    grad = plan.gradMiddle;
  }
  if (first.gradient)
    weightGradient(plan, plan.input, plan.ofTiles.inputTransposed, first.kernelSize, grad, first.gradient);
  convolve(plan, grad, first.kernelSize, -1, first.transposed, Rows<T>{plan.gradInput, false}, add, none);
}

/// The gradient of x: through the ReLU where x was positive, and the identity.
template <class T>
void finishInput(const EdgePlan<T>& plan, const EdgeJob<T>& job) {
  parallel(job.volume.rows(), [&](int64_t begin, int64_t end, int) {
    forLanes<T>((end - begin) * plan.line, [&](int64_t i, auto vector) {
      using V = decltype(vector);
      const int64_t at = begin * plan.line + i;
      const V through = load<V>(job.x + at) > V{} ? load<V>(plan.gradInput + at) : V{};
      store(job.gradInput + at, through + load<V>(job.gradOutput + at) * job.mixture[0]);
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
  sumGradOutput(plan, job);
  sumMixtureGradients(plan, job);
  clearRim(plan, plan.gradRaw);
  clearRim(plan, plan.gradMiddle);
  transpose(plan, plan.input, plan.ofTiles.inputTransposed);
  for (int b = 0; b < job.branches; b++) {
    const EdgeBranch<T>& branch = job.branch[b];
    if (branch.convolutions == 2 && branch.convolution[1].gradient && !isKept(branch)) fillMiddle(plan, branch);
    branchGradient(plan, job, b);
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
