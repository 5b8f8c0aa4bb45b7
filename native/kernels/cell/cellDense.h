/// @file The dense atrous convolutions of a state, forward and backward: in the type itself, or in bfloat16 by tiles.
#pragma once
#include "../simd/product.h"
#include "cellPlan.h"

namespace espalier::kernels {
namespace {

// --- in the type itself

/// Panel of outputs by panel, so that its weights stay in the cache while rows go by.
template <class T>
void denseForwardExactly(const Plan<T>& plan, const StateJob<T>& job, int i) {
  const Taps taps = tapsOf(plan, i, plan.period, plan.channels * plan.lanes);
  const int64_t width = plan.geometry.width, line = width * plan.lanes;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    const auto rowsOf = [&](int64_t column, int64_t columns, auto compute) {
      for (int64_t row = begin; row < end; row++) {
        T* const out = job.record.raw[i] + row * line;
        compute(Product<T>{width,
                           columns,
                           {plan.input + plan.paddedRow(row) * plan.period, plan.period, 1, taps.data},
                           {job.weights[i].pointwise, plan.lanes, taps.weight},
                           {out, plan.lanes, false},
                           {plan.channels, taps.count}});
        sumRow(out + column, plan.lanes, width, columns, plan.rowSums + row * 2 * plan.lanes + column, plan.lanes);
      }
    };
    forPanels<T>(plan.lanes, [&](int64_t column, auto vectors) {
      rowsOf(column, vectors * lanesIn<T, Main<T>>,
             [&](const Product<T>& p) { panels<Main<T>, decltype(vectors)::value>(p, column); });
    });
    for (int64_t column = plan.lanes / lanesIn<T, Main<T>> * lanesIn<T, Main<T>>; column < plan.lanes;
         column += lanesIn<T, Tail<T>>)
      rowsOf(column, lanesIn<T, Tail<T>>, [&](const Product<T>& p) { panels<Tail<T>, 1>(p, column); });
  });
}

template <class T>
void denseBackwardExactly(const Plan<T>& plan, const StateJob<T>& job, int i, const NormGradient<T>& grad) {
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int thread) {
    T* const line = plan.buffers + thread * plan.buffer;
    for (int64_t row = begin; row < end; row++) {
      grad.row(plan, row, line);
      __builtin_memcpy(plan.gradRaw + plan.paddedRow(row) * lanes, line, width * lanes * sizeof(T));
    }
  });
  // The kernel of the input's gradient is the mirrored one, which for odd kernels is the same taps in reverse order.
  const Taps mirrored = tapsOf(plan, i, lanes, lanes * channels);
  const int64_t group = larger(1, kCacheBytes / (lanes * channels * static_cast<int64_t>(sizeof(T))));
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t tap = 0; tap < mirrored.count; tap += group) {
      const int64_t count = smaller(group, mirrored.count - tap);
      int64_t weightAt[25];
      for (int64_t t = 0; t < count; t++) weightAt[t] = mirrored.weight[mirrored.count - 1 - tap - t];
      for (int64_t row = begin; row < end; row++)
        multiply<T>({width,
                     channels,
                     {plan.gradRaw + plan.paddedRow(row) * lanes, lanes, 1, mirrored.data + tap},
                     {job.weights[i].pointwiseTransposed, channels, weightAt},
                     {plan.gradInput + row * width * plan.period, plan.period, true},
                     {lanes, count}});
    }
  });
  if (!job.weights[i].gradPointwise) return;
  const Taps taps = tapsOf(plan, i, plan.period, 0);
  const int64_t chunks = plan.denseChunks(lanes), size = taps.count * channels * lanes;
  T* const partial = chunks == 1 ? job.weights[i].gradPointwise : plan.partial;
  const bool addFirst = chunks == 1 && job.gradWeightAdd;
  parallel(chunks * taps.count, [&](int64_t begin, int64_t end, int) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t chunk = task / taps.count, tap = task % taps.count;
      const int64_t first = plan.firstRow(chunk, chunks), last = plan.firstRow(chunk + 1, chunks);
      T* const to = partial + chunk * size + tap * channels * lanes;
      // Rows in groups of a fixed number, whose places are listed.
      constexpr int64_t kGroup = 32;
      for (int64_t row = first; row < last; row += kGroup) {
        int64_t inputAt[kGroup], gradAt[kGroup];
        const int64_t count = smaller(kGroup, last - row);
        for (int64_t r = 0; r < count; r++) {
          inputAt[r] = plan.paddedRow(row + r) * plan.period + taps.data[tap];
          gradAt[r] = plan.paddedRow(row + r) * lanes;
        }
        multiply<T>({channels,
                     lanes,
                     {plan.input, 1, plan.period, inputAt},
                     {plan.gradRaw, lanes, gradAt},
                     {to, lanes, row != first || addFirst},
                     {width, count}});
      }
    }
  });
  if (chunks > 1) addChunks(plan.partial, chunks, size, size, job.weights[i].gradPointwise, job.gradWeightAdd);
}

// --- by tiles

/// The steps of a dense convolution (`sign` 1) or of the gradient of its input (-1), whose kernel is the mirrored one.
inline TileSteps stepsOf(const Plan<float>& plan, int i, int sign) {
  const int64_t inner = sign > 0 ? plan.channels : plan.lanes;
  Taps taps = tapsOf(plan, i, inner, inner);
  if (sign < 0)
    for (int tap = 0; tap < taps.count; tap++) taps.weight[tap] = (taps.count - 1 - tap) * inner;
  TileSteps steps = plan.halves.steps;
  steps.fill({taps.data, taps.weight, taps.count, kKernelSize[i]}, inner);
  return steps;
}

/// The input as dense convolutions read it in tiles; for the backward pass also transposed.
inline void fillHalves(const Plan<double>&, const StateJob<double>&, bool) {}
inline void fillHalves(const Plan<float>& plan, const StateJob<float>& job, bool backward) {
  if (!job.tiles) return;
  const TileKernels& tiles = *job.tiles;
  const Halves& h = plan.halves;
  const int64_t channels = plan.channels, line = plan.paddedWidth, lines = plan.geometry.batch * plan.paddedHeight;
  parallel(lines, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++) {
      const float* const from = plan.input + row * line * plan.period;
      tiles.narrow(from, plan.period, line, channels, h.input + row * line * channels, channels);
      if (backward)
        tiles.transpose(h.input + row * line * channels, channels, line, channels,
                        h.inputTransposed + kMargin + row * line, h.inputRow);
    }
  });
  clear(h.input + lines * line * channels, kMargin);
  if (!backward) return;
  for (int64_t channel = 0; channel < channels; channel++) {
    clear(h.inputTransposed + channel * h.inputRow, kMargin);
    clear(h.inputTransposed + (channel + 1) * h.inputRow - kMargin, kMargin);
  }
}

/// As `denseForward`.
inline void denseForwardByTiles(const Plan<float>& plan, const StateJob<float>& job, int i) {
  const int64_t width = plan.geometry.width, lanes = plan.lanes, line = width * lanes;
  const TileSteps steps = stepsOf(plan, i, 1);
  packWeights(*job.tiles, steps, job.weights[i].pointwise, kKernelSize[i] * kKernelSize[i] * plan.channels, lanes,
              plan.halves.weights, plan.halves.weightTiles);
  const int64_t group = larger(1, kPixelsInCache / width);
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    TileBlocks blocks(*job.tiles, {nullptr, 0, plan.channels, steps.at, steps.count, plan.halves.weightTiles,
                                   steps.count, lanes, lanes, false});
    for (int64_t first = begin; first < end; first += group) {
      const int64_t last = smaller(end, first + group);
      for (int64_t row = first; row < last; row++)
        blocks.addLine(plan.halves.input + plan.paddedRow(row) * plan.channels, job.record.raw[i] + row * line, width);
      blocks.finish();
      for (int64_t row = first; row < last; row++)
        sumRow(job.record.raw[i] + row * line, lanes, width, lanes, plan.rowSums + row * 2 * lanes, lanes);
    }
  });
}

/// As `denseBackward`.
inline void denseBackwardByTiles(const Plan<float>& plan, const StateJob<float>& job, int i,
                                 const NormGradient<float>& grad) {
  const Halves& h = plan.halves;
  const TileKernels& tiles = *job.tiles;
  const int64_t lanes = plan.lanes, channels = plan.channels, width = plan.geometry.width;
  parallel(plan.rows, [&](int64_t begin, int64_t end, int thread) {
    float* const line = plan.buffers + thread * plan.buffer;
    for (int64_t row = begin; row < end; row++) {
      grad.row(plan, row, line);
      tiles.narrow(line, lanes, width, lanes, h.gradRaw + plan.paddedRow(row) * lanes, lanes);
    }
  });
  const TileSteps steps = stepsOf(plan, i, -1);
  packWeights(tiles, steps, job.weights[i].pointwiseTransposed, kKernelSize[i] * kKernelSize[i] * lanes, channels,
              h.weights, h.weightTiles);
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    TileBlocks blocks(
        tiles, {nullptr, 0, lanes, steps.at, steps.count, h.weightTiles, steps.count, channels, plan.period, true});
    for (int64_t row = begin; row < end; row++)
      blocks.addLine(h.gradRaw + plan.paddedRow(row) * lanes, plan.gradInput + row * width * plan.period, width);
    blocks.finish();
  });
  if (!job.weights[i].gradPointwise) return;
  const int64_t count = h.stepsOfImage * plan.geometry.batch;
  parallel(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t step = begin; step < end; step++) {
      const int64_t position =
          plan.paddedRow(step / h.stepsOfImage * plan.geometry.height) - kPad + step % h.stepsOfImage * kTileDepth;
      const Half* lines[kTileDepth];  // the last ones of an image may be its lower rim
      for (int64_t k = 0; k < kTileDepth; k++) lines[k] = h.gradRaw + (position + k) * lanes;
      tiles.packTiles(lines, 1, lanes, h.gradTiles + step * kTileSize, count);
      h.gradStepAt[step] = position;
    }
  });
  const Taps taps = tapsOf(plan, i, 1, 0);
  const TileWeightGradient gradient{&tiles,
                                    h.inputTransposed + kMargin,
                                    h.inputRow,
                                    h.gradStepAt,
                                    h.gradTiles,
                                    count,
                                    channels,
                                    lanes,
                                    taps.data,
                                    taps.count,
                                    job.weights[i].gradPointwise,
                                    job.gradWeightAdd};
  parallel(gradient.tasks(), [&](int64_t begin, int64_t end, int) { gradient.run(begin, end); });
}

// --- either

/// A dense convolution for all readers at once, into `record.raw`, and the sums of its rows.
template <class T>
void denseForward(const Plan<T>& plan, const StateJob<T>& job, int i) {
  if constexpr (std::is_same<T, float>::value)
    if (job.tiles) return denseForwardByTiles(plan, job, i);
  denseForwardExactly(plan, job, i);
}

/// Back through a dense convolution: gradient of its weight, and to the gradient of the ReLU of the state; adds.
template <class T>
void denseBackward(const Plan<T>& plan, const StateJob<T>& job, int i, const NormGradient<T>& grad) {
  if constexpr (std::is_same<T, float>::value)
    if (job.tiles) return denseBackwardByTiles(plan, job, i, grad);
  denseBackwardExactly(plan, job, i, grad);
}

}  // namespace
}  // namespace espalier::kernels
