/// @file All mixed operators on one state, forward and backward; included by the file of each instruction set. One pass
/// per stage over the data: the sums of a norm are taken while its input is written, the norm is applied where it is
/// read next, the weighted sum is the last pass. Results do not depend on the number of threads: sums go by row or by
/// fixed chunks of rows, and are added in order. One file although it is long: every stage has its counterpart in the
/// backward pass.
#pragma once
#include "../simd/product.h"
#include "cellDense.h"

namespace espalier::kernels {
namespace {

template <class T>
void fillInput(const Plan<T>& plan, const StateJob<T>& job) {
  clearRim(plan, plan.input, plan.period);
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const T* from = job.x + row * plan.geometry.width * job.xPixel;
      T* to = plan.input + plan.paddedRow(row) * plan.period;
      for (int64_t x = 0; x < plan.geometry.width; x++, from += job.xPixel, to += plan.period)
        for (int64_t at = 0; at < plan.period; at += plan.channels)
          forLanes<T>(plan.channels, [&](int64_t lane, auto vector) {
            store(to + at + lane, rectified(load<decltype(vector)>(from + lane)));
          });
    }
  });
}

/// Average and max over 3x3, without the padding; with `winner` also which tap is the first largest.
template <class T>
void poolRows(const Plan<T>& plan, const StateJob<T>& job, T* winner) {
  const int64_t height = plan.geometry.height, width = plan.geometry.width, channels = plan.channels;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t y = row % height;
      const int64_t top = y > 0 ? -1 : 0, bottom = y < height - 1 ? 1 : 0;
      for (int64_t x = 0; x < width; x++) {
        const int64_t left = x > 0 ? -1 : 0, right = x < width - 1 ? 1 : 0;
        const int64_t pixel = row * width + x;
        const T share = T(1) / static_cast<T>((bottom - top + 1) * (right - left + 1));
        forLanes<T>(channels, [&](int64_t lane, auto vector) {
          using V = decltype(vector);
          const T* from = job.x + pixel * job.xPixel + lane;
          V sum{}, most = load<V>(from + (top * width + left) * job.xPixel),
                   tap = V{} + static_cast<T>((top + 1) * 3 + left + 1);
          for (int64_t dy = top; dy <= bottom; dy++)
            for (int64_t dx = left; dx <= right; dx++) {
              const V value = load<V>(from + (dy * width + dx) * job.xPixel);
              sum += value;
              if (winner) tap = value > most ? V{} + static_cast<T>((dy + 1) * 3 + dx + 1) : tap;
              most = value > most ? value : most;
            }
          store(plan.pools[0] + pixel * channels + lane, sum * share);
          store(plan.pools[1] + pixel * channels + lane, most);
          if (winner) store(winner + pixel * channels + lane, tap);
        });
      }
    }
  });
}

/// The pointwise convolutions of all readers on a row; from one reader's weights to the next are `ofReader` elements,
/// from one input to the next `ofInput`.
template <class T>
void pointwiseRow(const Plan<T>& plan, const T* row, const T* weight, int64_t ofReader, int64_t ofInput, T* out) {
  for (int64_t reader = 0; reader < plan.readers; reader++) {
    const int64_t at = reader * plan.channels;
    multiply<T>({plan.geometry.width,
                 plan.channels,
                 {row + at, plan.lanes, 1},
                 {weight + reader * ofReader, ofInput},
                 {out + at, plan.lanes, false},
                 {plan.channels}});
  }
}

template <class T, class Body>
void withKernelSize(int kernelSize, const Body& body) {
  if (kernelSize == 3)
    body(std::integral_constant<int, 3>{});
  else
    body(std::integral_constant<int, 5>{});
}

/// Rows of ReLU(norm(raw)) around the current one, each computed once while the current row advances.
template <class T>
class NormalisedRows {
 public:
  NormalisedRows(const Plan<T>& plan, const T* raw, const T* mean, const T* inverse, int kernelSize, T* memory)
      : plan_(plan),
        raw_(raw),
        mean_(mean),
        inverse_(inverse),
        kernelSize_(kernelSize),
        size_((plan.geometry.width + 2 * kRim) * plan.lanes),
        memory_(memory) {
    if (!raw) return;
    for (int64_t& row : held_) row = -1;
    clear(memory_ + kernelSize * size_, size_);
    for (int slot = 0; slot < kernelSize; slot++) {
      clear(memory_ + slot * size_, kRim * plan.lanes);
      clear(memory_ + (slot + 1) * size_ - kRim * plan.lanes, kRim * plan.lanes);
    }
  }

  InputRows<T> around(int64_t row) {
    InputRows<T> in{{}, plan_.lanes, plan_.lanes, 1};
    const int64_t height = plan_.geometry.height, y = row % height;
    for (int ky = 0; ky < kernelSize_; ky++) {
      const int64_t other = y + ky - kernelSize_ / 2;
      const T* from = memory_ + kernelSize_ * size_;  // zeros
      if (other >= 0 && other < height) from = rowAt(row + ky - kernelSize_ / 2);
      in.at[ky] = from + (kRim - kernelSize_ / 2) * plan_.lanes;
    }
    return in;
  }

 private:
  static constexpr int64_t kRim = 2;

  const T* rowAt(int64_t row) {
    const int64_t slot = row % kernelSize_;
    T* const to = memory_ + slot * size_;
    if (held_[slot] == row) return to;
    held_[slot] = row;
    const T* from = raw_ + row * plan_.geometry.width * plan_.lanes;
    forLanes<T>(plan_.lanes, [&](int64_t lane, auto vector) {
      using V = decltype(vector);
      const V mean = load<V>(mean_ + lane), inverse = load<V>(inverse_ + lane);
      for (int64_t x = 0; x < plan_.geometry.width; x++)
        store(to + (kRim + x) * plan_.lanes + lane,
              rectified((load<V>(from + x * plan_.lanes + lane) - mean) * inverse));
    });
    return to;
  }

  const Plan<T>& plan_;
  const T *raw_, *mean_, *inverse_;
  int kernelSize_;
  int64_t size_;
  T* memory_;
  int64_t held_[5];
};

/// Depthwise and pointwise, row by row; `rowsOf(thread memory)` gives the source of a chunk.
template <class T>
void pairForward(const Plan<T>& plan, const StateJob<T>& job, int i, const T* before) {
  const ConvolutionWeights<T>& weights = job.weights[i];
  const int64_t line = plan.geometry.width * plan.lanes;
  withKernelSize<T>(kKernelSize[i], [&](auto kernelSize) {
    constexpr int K = decltype(kernelSize)::value;
    parallel(plan.chunks, [&](int64_t begin, int64_t end, int thread) {
      T* const filtered = plan.buffers + thread * plan.buffer;
      for (int64_t chunk = begin; chunk < end; chunk++) {
        NormalisedRows<T> normalised(plan, before, before ? job.record.mean[i - 1] : nullptr,
                                     before ? job.record.inverse[i - 1] : nullptr, K, filtered + 2 * line);
        for (int64_t row = plan.firstRow(chunk, plan.chunks); row < plan.firstRow(chunk + 1, plan.chunks); row++) {
          T* const out = job.record.raw[i] + row * line;
          const InputRows<T> in =
              before ? normalised.around(row)
                     : rowsUnderKernel(plan, plan.input, plan.period, plan.period, row, K, kDilation[i]);
          depthwiseRow<K>(in, weights.depthwise, plan.lanes, plan.geometry.width, filtered);
          pointwiseRow(plan, filtered, weights.pointwise, plan.channels, plan.lanes, out);
          sumRow(out, plan.lanes, plan.geometry.width, plan.lanes, plan.rowSums + row * 2 * plan.lanes, plan.lanes);
        }
      }
    });
  });
}

/// All six convolutions before their norms, and the norms of what they give.
template <class T>
void convolve(const Plan<T>& plan, const StateJob<T>& job) {
  for (int i = 0; i < kConvolutions; i++) {
    const bool second = i == 1 || i == 3;
    if (job.weights[i].depthwise)
      pairForward(plan, job, i, second ? job.record.raw[i - 1] : nullptr);
    else
      denseForward(plan, job, i);
    finishNorm(job.record.raw[i], plan.rowSums, plan.rows, plan.geometry.width, plan.lanes, job.epsilon,
               job.record.mean[i], job.record.inverse[i]);
  }
}

template <class T>
void normalisePools(const Plan<T>& plan, const StateJob<T>& job) {
  const int64_t width = plan.geometry.width;
  for (int pool = 0; pool < kPools; pool++) {
    parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; row++)
        sumRow(plan.pools[pool] + row * width * plan.channels, plan.channels, width, plan.channels,
               plan.rowSums + row * 2 * plan.channels, plan.channels);
    });
    finishNorm(plan.pools[pool], plan.rowSums, plan.rows, width, plan.channels, job.epsilon, job.record.poolMean[pool],
               job.record.poolInverse[pool]);
  }
}

/// The weighted sum of all operators: each a scale, and one shift for all.
template <class T>
void mixRows(const Plan<T>& plan, const StateJob<T>& job) {
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width;
  T* const scale = plan.coefficients;
  T* const shift = scale + kCellShift * lanes;
  for (int64_t lane = 0; lane < lanes; lane++) {
    const T* p = job.probabilities + lane / channels * kColumns;
    double sum = 0;
    for (int branch = 0; branch < kBranches; branch++) {
      const int i = kLastOfBranch[branch];
      scale[(kCellScaleBranch + branch) * lanes + lane] = p[branch] * job.record.inverse[i][lane];
      sum += static_cast<double>(scale[(kCellScaleBranch + branch) * lanes + lane]) * job.record.mean[i][lane];
    }
    for (int pool = 0; pool < kPools; pool++) {
      scale[(kCellScalePool + pool) * lanes + lane] =
          p[kAveragePool + pool] * job.record.poolInverse[pool][lane % channels];
      sum += static_cast<double>(scale[(kCellScalePool + pool) * lanes + lane]) *
             job.record.poolMean[pool][lane % channels];
    }
    scale[kCellScaleX * lanes + lane] = p[kSkip];
    shift[lane] = static_cast<T>(-sum);
  }
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      for (int64_t reader = 0; reader < plan.readers; reader++)
        forLanes<T>(channels, [&](int64_t channel, auto vector) {
          using V = decltype(vector);
          const int64_t lane = reader * channels + channel;
          V s[kCellMixCoefficients];
          for (int k = 0; k < kCellMixCoefficients; k++) s[k] = load<V>(scale + k * lanes + lane);
          for (int64_t x = 0; x < width; x++) {
            const int64_t pixel = row * width + x, at = pixel * lanes + lane;
            T* const to = job.out + pixel * job.outPixel + lane;
            V sum = job.add ? s[kCellShift] + load<V>(to) : s[kCellShift];
            for (int branch = 0; branch < kBranches; branch++)
              sum += s[kCellScaleBranch + branch] * load<V>(job.record.raw[kLastOfBranch[branch]] + at);
            for (int pool = 0; pool < kPools; pool++)
              sum += s[kCellScalePool + pool] * load<V>(plan.pools[pool] + pixel * channels + channel);
            store(to, sum + s[kCellScaleX] * load<V>(job.x + pixel * job.xPixel + channel));
          }
        });
  });
}

template <class T>
void forward(const StateJob<T>& job) {
  Arena arena{job.arena};
  const Plan<T> plan(job.geometry, job.readers, job.threads, false, job.tiles, arena);
  fillInput(plan, job);
  fillHalves(plan, job, false);
  poolRows<T>(plan, job, nullptr);
  normalisePools(plan, job);
  convolve(plan, job);
  mixRows(plan, job);
}

/// Adds the sums of rows, `[rows, count]`, in double.
template <class T>
void finishSums(const Plan<T>& plan, int64_t count) {
  parallelLanes(count, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) plan.sums[i] = 0;
    for (int64_t row = 0; row < plan.rows; row++)
      for (int64_t i = first; i < last; i++) plan.sums[i] += plan.rowSums[row * count + i];
  });
}

/// The sums of the gradient against everything that a probability multiplies; from them the gradients of the
/// probabilities.
template <class T>
void sumGradOutput(const Plan<T>& plan, const StateJob<T>& job) {
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      for (int64_t reader = 0; reader < plan.readers; reader++)
        forLanes<T>(channels, [&](int64_t channel, auto vector) {
          using V = decltype(vector);
          const int64_t lane = reader * channels + channel;
          V mean[kBranches], poolMean[kPools], sum[kCellSums] = {};
          for (int branch = 0; branch < kBranches; branch++)
            mean[branch] = load<V>(job.record.mean[kLastOfBranch[branch]] + lane);
          for (int pool = 0; pool < kPools; pool++) poolMean[pool] = load<V>(job.record.poolMean[pool] + channel);
          for (int64_t x = 0; x < width; x++) {
            const int64_t pixel = row * width + x, at = pixel * lanes + lane;
            const V grad = load<V>(job.gradOutput + pixel * job.gradPixel + lane);
            sum[kCellSumAlone] += grad;
            for (int branch = 0; branch < kBranches; branch++)
              sum[kCellSumBranch + branch] +=
                  grad * (load<V>(job.record.raw[kLastOfBranch[branch]] + at) - mean[branch]);
            for (int pool = 0; pool < kPools; pool++)
              sum[kCellSumPool + pool] +=
                  grad * (load<V>(plan.pools[pool] + pixel * channels + channel) - poolMean[pool]);
            sum[kCellSumX] += grad * load<V>(job.x + pixel * job.xPixel + channel);
          }
          for (int k = 0; k < kCellSums; k++) store(plan.rowSums + (row * kCellSums + k) * lanes + lane, sum[k]);
        });
  });
  finishSums(plan, kCellSums * lanes);
  for (int64_t reader = 0; reader < plan.readers; reader++) {
    double total[kColumns] = {};
    for (int64_t channel = 0; channel < channels; channel++) {
      const int64_t lane = reader * channels + channel;
      for (int branch = 0; branch < kBranches; branch++)
        total[branch] +=
            plan.sums[(kCellSumBranch + branch) * lanes + lane] * job.record.inverse[kLastOfBranch[branch]][lane];
      for (int pool = 0; pool < kPools; pool++)
        total[kAveragePool + pool] +=
            plan.sums[(kCellSumPool + pool) * lanes + lane] * job.record.poolInverse[pool][channel];
      total[kSkip] += plan.sums[kCellSumX * lanes + lane];
    }
    for (int column = 0; column < kColumns; column++)
      job.gradProbabilities[reader * kColumns + column] = static_cast<T>(total[column]);
  }
}

/// The gradient of convolution i before its norm. `sum` is the gradient's own sum, `against` that of its product with
/// the centred output; where the gradient is multiplied by a probability, `column` says by which.
template <class T>
NormGradient<T> normGradient(const Plan<T>& plan, const StateJob<T>& job, int i, const T* grad, int64_t gradPixel,
                             const double* sum, const double* against, int column) {
  const int64_t lanes = plan.lanes, pixels = plan.geometry.pixels();
  T* const scale = plan.coefficients;
  for (int64_t lane = 0; lane < lanes; lane++) {
    const double inverse = job.record.inverse[i][lane];
    scale[kNormScale * lanes + lane] =
        static_cast<T>(column < 0 ? inverse : inverse * job.probabilities[lane / plan.channels * kColumns + column]);
    scale[kNormMeanGrad * lanes + lane] = static_cast<T>(sum[lane] / pixels);
    scale[kNormAlong * lanes + lane] = static_cast<T>(inverse * inverse * against[lane] / pixels);
  }
  return {grad,
          gradPixel,
          job.record.raw[i],
          job.record.mean[i],
          scale + kNormScale * lanes,
          scale + kNormMeanGrad * lanes,
          scale + kNormAlong * lanes};
}

/// Back through the norm and the pointwise convolution of a pair, to the gradient of its depthwise one (into
/// `plan.gradRaw`); gradients of both weights.
template <class T>
void pairBackward(const Plan<T>& plan, const StateJob<T>& job, int i, const NormGradient<T>& grad, const T* before) {
  const ConvolutionWeights<T>& weights = job.weights[i];
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width, line = width * lanes;
  const int64_t pointwiseSize = lanes * channels;
  const bool wanted = weights.gradPointwise;
  withKernelSize<T>(kKernelSize[i], [&](auto kernelSize) {
    constexpr int K = decltype(kernelSize)::value;
    const int64_t stride = pointwiseSize + K * K * lanes;
    parallel(plan.chunks, [&](int64_t begin, int64_t end, int thread) {
      T* const gradRow = plan.buffers + thread * plan.buffer;
      T* const filtered = gradRow + line;
      for (int64_t chunk = begin; chunk < end; chunk++) {
        T* const pointwise = plan.partial + chunk * stride;
        T* const depthwise = pointwise + pointwiseSize;
        if (wanted) clear(pointwise, stride);
        NormalisedRows<T> normalised(plan, before, before ? job.record.mean[i - 1] : nullptr,
                                     before ? job.record.inverse[i - 1] : nullptr, K, filtered + line);
        for (int64_t row = plan.firstRow(chunk, plan.chunks); row < plan.firstRow(chunk + 1, plan.chunks); row++) {
          grad.row(plan, row, gradRow);
          T* const to = plan.gradRaw + plan.paddedRow(row) * lanes;
          pointwiseRow(plan, gradRow, weights.pointwiseTransposed, channels * channels, channels, to);
          if (!wanted) continue;
          const InputRows<T> in =
              before ? normalised.around(row)
                     : rowsUnderKernel(plan, plan.input, plan.period, plan.period, row, K, kDilation[i]);
          depthwiseRow<K>(in, weights.depthwise, lanes, width, filtered);
          for (int64_t reader = 0; reader < plan.readers; reader++) {
            const int64_t at = reader * channels;
            multiply<T>({channels,
                         channels,
                         {filtered + at, 1, lanes},
                         {gradRow + at, lanes},
                         {pointwise + at, lanes, true},
                         {width}});
          }
          depthwiseWeightGradient<K>(in, to, lanes, width, depthwise);
        }
      }
    });
    if (!wanted) return;
    addChunks(plan.partial, plan.chunks, stride, pointwiseSize, weights.gradPointwise, job.gradWeightAdd);
    addChunks(plan.partial + pointwiseSize, plan.chunks, stride, K * K * lanes, weights.gradDepthwise,
              job.gradWeightAdd);
  });
}

/// From the gradient of a depthwise convolution to that of the ReLU of the state; adds.
template <class T>
void depthwiseToInput(const Plan<T>& plan, const StateJob<T>& job, int i) {
  const int64_t width = plan.geometry.width, outLanes = smaller(plan.period, plan.lanes);
  withKernelSize<T>(kKernelSize[i], [&](auto kernelSize) {
    constexpr int K = decltype(kernelSize)::value;
    parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; row++)
        depthwiseInputGradient<K>(rowsUnderKernel(plan, plan.gradRaw, plan.lanes, plan.lanes, row, K, kDilation[i]),
                                  job.weights[i].depthwise, plan.lanes, width,
                                  plan.gradInput + row * width * plan.period, outLanes, plan.period, true);
    });
  });
}

/// From the gradient of the second depthwise convolution to that of the norm before it (into `plan.middle`), and its
/// sums.
template <class T>
void depthwiseToMiddle(const Plan<T>& plan, const StateJob<T>& job, int i) {
  const int64_t width = plan.geometry.width, lanes = plan.lanes;
  const T* const raw = job.record.raw[i - 1];
  withKernelSize<T>(kKernelSize[i], [&](auto kernelSize) {
    constexpr int K = decltype(kernelSize)::value;
    parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; row++) {
        T* const to = plan.middle + row * width * lanes;
        depthwiseInputGradient<K>(rowsUnderKernel(plan, plan.gradRaw, lanes, lanes, row, K, 1),
                                  job.weights[i].depthwise, lanes, width, to, lanes, lanes, false);
        forLanes<T>(lanes, [&](int64_t lane, auto vector) {
          using V = decltype(vector);
          const V mean = load<V>(job.record.mean[i - 1] + lane);
          V sum{}, against{};
          for (int64_t x = 0; x < width; x++) {
            const V centred = load<V>(raw + (row * width + x) * lanes + lane) - mean;
            const V grad = centred > V{} ? load<V>(to + x * lanes + lane) : V{};
            store(to + x * lanes + lane, grad);
            sum += grad;
            against += grad * centred;
          }
          store(plan.rowSums + row * 2 * lanes + lane, sum);
          store(plan.rowSums + (row * 2 + 1) * lanes + lane, against);
        });
      }
    });
  });
  finishSums(plan, 2 * lanes);
}

/// The gradients of both pools before their norms; the average's already divided by the pixels of its kernel.
template <class T>
void poolGradients(const Plan<T>& plan, const StateJob<T>& job, const double* sums) {
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width,
                height = plan.geometry.height;
  T* const meanGrad = plan.coefficients;  // [2, channels]
  T* const along = plan.coefficients + kPools * lanes;
  for (int pool = 0; pool < kPools; pool++)
    for (int64_t channel = 0; channel < channels; channel++) {
      double sum = 0, against = 0;
      for (int64_t reader = 0; reader < plan.readers; reader++) {
        const double p = job.probabilities[reader * kColumns + kAveragePool + pool];
        sum += p * sums[reader * channels + channel];
        against += p * sums[(kCellSumPool + pool) * lanes + reader * channels + channel];
      }
      const double inverse = job.record.poolInverse[pool][channel];
      meanGrad[pool * lanes + channel] = static_cast<T>(sum / plan.geometry.pixels());
      along[pool * lanes + channel] = static_cast<T>(inverse * inverse * against / plan.geometry.pixels());
    }
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t y = row % height, tall = 1 + (y > 0) + (y < height - 1);
      forLanes<T>(channels, [&](int64_t channel, auto vector) {
        using V = decltype(vector);
        for (int64_t x = 0; x < width; x++) {
          const int64_t pixel = row * width + x;
          V grad[kPools] = {};
          for (int64_t reader = 0; reader < plan.readers; reader++) {
            const V own = load<V>(job.gradOutput + pixel * job.gradPixel + reader * channels + channel);
            for (int pool = 0; pool < kPools; pool++)
              grad[pool] += own * job.probabilities[reader * kColumns + kAveragePool + pool];
          }
          const T share = T(1) / static_cast<T>(tall * (1 + (x > 0) + (x < width - 1)));
          for (int pool = 0; pool < kPools; pool++) {
            const V centred =
                load<V>(plan.pools[pool] + pixel * channels + channel) - load<V>(job.record.poolMean[pool] + channel);
            const V back = load<V>(job.record.poolInverse[pool] + channel) *
                           (grad[pool] - load<V>(meanGrad + pool * lanes + channel) -
                            centred * load<V>(along + pool * lanes + channel));
            store(plan.gradPool[pool] + pixel * channels + channel, pool == 0 ? back * share : back);
          }
        }
      });
    }
  });
}

/// The gradient of x: through the ReLU where x was positive, skip, and both pools.
template <class T>
void finishInput(const Plan<T>& plan, const StateJob<T>& job) {
  const int64_t channels = plan.channels, width = plan.geometry.width, height = plan.geometry.height;
  const bool folded = plan.period > channels && plan.lanes > channels;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t y = row % height;
      const int64_t top = y > 0 ? -1 : 0, bottom = y < height - 1 ? 1 : 0;
      for (int64_t x = 0; x < width; x++) {
        const int64_t left = x > 0 ? -1 : 0, right = x < width - 1 ? 1 : 0;
        const int64_t pixel = row * width + x;
        forLanes<T>(channels, [&](int64_t channel, auto vector) {
          using V = decltype(vector);
          const T* through = plan.gradInput + pixel * plan.period + channel;
          V sum = load<V>(through);
          if (folded) sum += load<V>(through + channels);
          sum = load<V>(job.x + pixel * job.xPixel + channel) > V{} ? sum : V{};
          for (int64_t reader = 0; reader < plan.readers; reader++)
            sum += load<V>(job.gradOutput + pixel * job.gradPixel + reader * channels + channel) *
                   job.probabilities[reader * kColumns + kSkip];
          for (int64_t dy = top; dy <= bottom; dy++)
            for (int64_t dx = left; dx <= right; dx++) {
              const int64_t at = (pixel + dy * width + dx) * channels + channel;
              sum += load<V>(plan.gradPool[0] + at);
              const V isWinner = V{} + static_cast<T>((1 - dy) * 3 + 1 - dx);
              sum += load<V>(plan.winner + at) == isWinner ? load<V>(plan.gradPool[1] + at) : V{};
            }
          T* const to = job.gradInput + pixel * job.gradInputPixel + channel;
          store(to, job.gradInputAdd ? sum + load<V>(to) : sum);
        });
      }
    }
  });
}

template <class T>
void backward(const StateJob<T>& job) {
  Arena arena{job.arena};
  Plan<T> plan(job.geometry, job.readers, job.threads, true, job.tiles, arena);
  const int64_t lanes = plan.lanes;
  fillInput(plan, job);
  fillHalves(plan, job, true);
  poolRows(plan, job, plan.winner);
  if (job.recompute) {
    normalisePools(plan, job);
    convolve(plan, job);
  }
  sumGradOutput(plan, job);
  poolGradients(plan, job, plan.sums);
  clear(plan.gradInput, plan.geometry.pixels() * plan.period);
  clearRim(plan, plan.gradRaw, lanes);
  if (job.tiles) {
    clearRim(plan, plan.halves.gradRaw, lanes);
    clear(plan.halves.gradRaw + plan.geometry.batch * plan.paddedHeight * plan.paddedWidth * lanes, kMargin);
  }
  double* const own = arena.take<double>(kCellSums * lanes);  // `plan.sums` is used again
  __builtin_memcpy(own, plan.sums, kCellSums * lanes * sizeof(double));
  for (int branch = 0; branch < kBranches; branch++) {
    const int i = kLastOfBranch[branch];
    const NormGradient<T> grad = normGradient(plan, job, i, job.gradOutput, job.gradPixel, own + kCellSumAlone * lanes,
                                              own + (kCellSumBranch + branch) * lanes, branch);
    if (!job.weights[i].depthwise) {
      denseBackward(plan, job, i, grad);
      continue;
    }
    const bool second = i == 1 || i == 3;
    pairBackward(plan, job, i, grad, second ? job.record.raw[i - 1] : nullptr);
    if (second) {
      depthwiseToMiddle(plan, job, i);
      pairBackward(plan, job, i - 1,
                   normGradient(plan, job, i - 1, plan.middle, lanes, plan.sums, plan.sums + lanes, -1),
                   static_cast<const T*>(nullptr));
    }
    depthwiseToInput(plan, job, second ? i - 1 : i);
  }
  finishInput(plan, job);
}

template <class T>
size_t arenaBytes(const Geometry& geometry, int64_t readers, int threads, bool isBackward, bool tiles) {
  Arena arena{nullptr};
  Plan<T> plan(geometry, readers, threads, isBackward, tiles, arena);
  arena.take<double>(kCellSums * plan.lanes);
  return arena.used;
}

template <class T>
constexpr StateKernels<T> kStateKernels = {forward<T>, backward<T>, arenaBytes<T>};

}  // namespace
}  // namespace espalier::kernels
