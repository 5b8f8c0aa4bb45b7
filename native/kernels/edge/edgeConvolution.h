/// @file The convolutions of an edge of DiNTS and their two gradients: direct in the type itself, or in bfloat16 by
/// tiles.
#pragma once
#include "edgePlan.h"
#include "../simd/product.h"

namespace espalier::kernels {
namespace {

constexpr int64_t kPanelRows = 8;    // voxels that a panel should have at least
constexpr int64_t kRowsOfTile = 32;  // rows of the volume that the gradient of a weight takes in at once
constexpr int64_t kInputsOfTask = 32;
constexpr int64_t kTapBytes = 1 << 19;  // of the weights that a convolution works with at a time

// --- in the type itself

/// The taps `[from, to)` of a kernel that reach into the volume from rows `[y, y + rows)` of the plane at depth z; rim
/// rows are zeros and count as inside.
struct ReachedTaps {
  int64_t data[kMostTaps], weight[kMostTaps];
  int count = 0;

  /// `sign`: 1 for a convolution, -1 for the gradient of its input.
  template <class T>
  ReachedTaps(const EdgePlan<T>& plan, const KernelSize& kernelSize, int64_t sign, int64_t z, int64_t y, int64_t rows,
              int64_t from, int64_t to) {
    const Volume& v = plan.volume;
    int64_t tap = 0;
    for (int64_t kz = -(kernelSize.depth / 2); kz <= kernelSize.depth / 2; kz++)
      for (int64_t ky = -(kernelSize.height / 2); ky <= kernelSize.height / 2; ky++)
        for (int64_t kx = -(kernelSize.width / 2); kx <= kernelSize.width / 2; kx++, tap++) {
          const int64_t dz = sign * kz, dy = sign * ky;
          if (tap < from || tap >= to || z + dz < 0 || z + dz >= v.depth || y + rows + dy <= 0 || y + dy >= v.height)
            continue;
          data[count] = (dz * (v.height + 2) + dy) * plan.paddedLine + sign * kx * plan.channels;
          weight[count++] = tap * plan.channels * plan.channels;
        }
  }
};

/// `out (+)= in * weights`, panel of outputs by panel, and as many taps at a time as the cache holds the weights of.
/// `sums`: of the rows that are written,
/// `[rows, 2, channels]`, where a norm follows.
template <class T>
void convolveExactly(const EdgePlan<T>& plan, const T* in, const KernelSize& kernelSize, int64_t sign, const T* weight,
                     Rows<T> out, bool add, T* sums) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels;
  const int64_t rowsOfStrip = larger(1, smaller(v.height, kPanelRows / v.width));
  const int64_t strips = (v.height + rowsOfStrip - 1) / rowsOfStrip;
  const int64_t group = larger(1, kTapBytes / (channels * channels * static_cast<int64_t>(sizeof(T))));
  parallel(v.batch * v.depth * strips, [&](int64_t begin, int64_t end, int) {
    const auto stripsOf = [&](int64_t column, int64_t columns, int64_t from, auto compute) {
      for (int64_t strip = begin; strip < end; strip++) {
        const int64_t plane = strip / strips, y = strip % strips * rowsOfStrip,
                      count = smaller(rowsOfStrip, v.height - y);
        const int64_t row = plane * v.height + y;
        const ReachedTaps taps(plan, kernelSize, sign, plane % v.depth, y, count, from, from + group);
        Product<T> product{count * v.width,
                           columns,
                           {in + plan.paddedRow(row), channels, 1, taps.data},
                           {weight, channels, taps.weight},
                           {out.at(plan, row), channels, add || from > 0},
                           {channels, taps.count}};
        product.wrap = v.width;
        product.aWrap = plan.paddedLine;
        product.cWrap = out.stride(plan);
        if (taps.count > 0 || !product.c.add) compute(product);
        if (!sums || from + group < kernelSize.taps()) continue;
        for (int64_t r = row; r < row + count; r++)
          sumRow(out.at(plan, r) + column, channels, v.width, columns, sums + r * 2 * channels + column, channels);
      }
    };
    for (int64_t from = 0; from < kernelSize.taps(); from += group) {
      forPanels<T>(channels, [&](int64_t column, auto vectors) {
        stripsOf(column, vectors * lanesIn<T, Main<T>>, from,
                 [&](const Product<T>& p) { wrappedPanels<Main<T>, decltype(vectors)::value>(p, column); });
      });
      for (int64_t column = channels / lanesIn<T, Main<T>> * lanesIn<T, Main<T>>; column < channels;
           column += lanesIn<T, Tail<T>>)
        stripsOf(column, lanesIn<T, Tail<T>>, from, [&](const Product<T>& p) { wrappedPanels<Tail<T>, 1>(p, column); });
    }
  });
}

/// The gradient of a weight, tile of rows by tile, so that what a tap reads is still in the cache for the next.
template <class T>
void weightGradientExactly(const EdgePlan<T>& plan, const T* in, const KernelSize& kernelSize, const T* grad,
                           T* gradient) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels, parts = (channels + kInputsOfTask - 1) / kInputsOfTask;
  parallel(kernelSize.taps() * parts, [&](int64_t begin, int64_t end, int) {
    for (int64_t tile = 0; tile < v.rows(); tile += kRowsOfTile)
      for (int64_t task = begin; task < end; task++) {
        const int64_t tap = task / parts, first = task % parts * kInputsOfTask,
                      inputs = smaller(kInputsOfTask, channels - first);
        const int64_t dz = tap / (kernelSize.height * kernelSize.width) - kernelSize.depth / 2;
        const int64_t dy = tap / kernelSize.width % kernelSize.height - kernelSize.height / 2;
        const int64_t dx = tap % kernelSize.width - kernelSize.width / 2;
        int64_t inAt[kRowsOfTile], gradAt[kRowsOfTile], count = 0;
        for (int64_t row = tile; row < smaller(v.rows(), tile + kRowsOfTile); row++) {
          const int64_t z = row / v.height % v.depth + dz, y = row % v.height + dy;
          if (z < 0 || z >= v.depth || y < 0 || y >= v.height) continue;
          gradAt[count] = plan.paddedRow(row);
          inAt[count] = gradAt[count] + (dz * (v.height + 2) + dy) * plan.paddedLine + dx * channels;
          count++;
        }
        if (count == 0 && tile > 0) continue;
        multiply<T>({inputs,
                     channels,
                     {in + first, 1, channels, inAt},
                     {grad, channels, gradAt},
                     {gradient + (tap * channels + first) * channels, channels, tile > 0},
                     {v.width, count}});
      }
  });
}

// --- by tiles

/// The steps of a kernel (`sign` 1) or of the mirrored one (-1), depth by depth and row by row.
inline TileSteps stepsOf(const EdgePlan<float>& plan, const KernelSize& kernelSize, int64_t sign) {
  const Volume& v = plan.volume;
  int64_t data[kMostTaps], weight[kMostTaps], count = 0;
  for (int64_t z = -(kernelSize.depth / 2); z <= kernelSize.depth / 2; z++)
    for (int64_t y = -(kernelSize.height / 2); y <= kernelSize.height / 2; y++)
      for (int64_t x = -(kernelSize.width / 2); x <= kernelSize.width / 2; x++, count++) {
        data[count] = (z * (v.height + 2) + y) * plan.paddedLine + x * plan.channels;
        weight[count] = (sign > 0 ? count : kernelSize.taps() - 1 - count) * plan.channels;
      }
  TileSteps steps = plan.ofTiles.steps;
  steps.fill({data, weight, count, kernelSize.width}, plan.channels);
  return steps;
}

/// As `convolveExactly`.
inline void convolveByTiles(const EdgePlan<float>& plan, const Half* in, const KernelSize& kernelSize, int64_t sign,
                            const float* weight, Rows<float> out, bool add, float* sums) {
  const Volume& v = plan.volume;
  const int64_t channels = plan.channels;
  const TileSteps steps = stepsOf(plan, kernelSize, sign);
  packWeights(*plan.tiles, steps, weight, kernelSize.taps() * channels, channels, plan.ofTiles.weights,
              plan.ofTiles.weightTiles);
  /// How many steps belong to planes of the kernel before `plane`.
  const auto stepsBefore = [&](int64_t plane) {
    int64_t count = 0;
    while (count < steps.count && steps.kernelRow[count] < plane * kernelSize.height) count++;
    return count;
  };
  const int64_t middle = kernelSize.depth / 2;
  const int64_t fromMiddle = stepsBefore(middle), toMiddle = stepsBefore(middle + 1);
  parallel(v.rows(), [&](int64_t begin, int64_t end, int thread) {
    float* const scratch = plan.lines + thread * plan.lineBuffer;
    for (int64_t first = begin; first < end;) {
      const int64_t plane = first / v.height, z = plane % v.depth;
      const int64_t last = smaller(smaller(end, first + plan.ofTiles.rowsOfGroup), (plane + 1) * v.height);
      // Planes outside of the volume are left out.
      const int64_t from = z == 0 ? fromMiddle : 0, to = z == v.depth - 1 ? toMiddle : steps.count;
      TileBlocks blocks(*plan.tiles,
                        {nullptr, 0, channels, steps.at + from, to - from, plan.ofTiles.weightTiles + from * kTileSize,
                         steps.count, channels, channels, add});
      for (int64_t row = first; row < last; row++)
        blocks.addLine(in + plan.paddedRow(row), out.half ? scratch + (row - first) * plan.line : out.at(plan, row),
                       v.width);
      blocks.finish();
      for (int64_t row = first; row < last; row++) {
        if (out.half)
          plan.tiles->narrow(scratch + (row - first) * plan.line, plan.line, 1, plan.line,
                             out.half + plan.paddedRow(row), plan.line);
        if (sums) sumRow(out.at(plan, row), channels, v.width, channels, sums + row * 2 * channels, channels);
      }
      first = last;
    }
  });
}

/// An operand with its positions in rows.
inline void transposeOperand(const EdgePlan<float>& plan, const Half* operand, Half* transposed) {
  const Volume& v = plan.volume;
  const EdgeTiles& t = plan.ofTiles;
  const int64_t width = v.width + 2, plane = (v.height + 2) * width, sample = (v.depth + 2 * v.depthReach) * plane;
  parallel(plan.channels, [&](int64_t begin, int64_t end, int) {
    for (int64_t channel = begin; channel < end; channel++) {
      Half* const row = transposed + channel * t.inputRow;
      clear(row, t.margin);
      clear(row + t.inputRow - t.margin, t.margin);
      for (int64_t s = 0; s < v.batch; s++) {
        clear(row + t.margin + s * sample, v.depthReach * plane);
        clear(row + t.margin + (s + 1) * sample - v.depthReach * plane, v.depthReach * plane);
      }
    }
  });
  parallel(v.batch * v.depth * (v.height + 2), [&](int64_t begin, int64_t end, int) {
    for (int64_t line = begin; line < end; line++) {
      const int64_t slice = line / (v.height + 2), s = slice / v.depth;
      const int64_t at = s * sample + (slice % v.depth + v.depthReach) * plane + line % (v.height + 2) * width;
      plan.tiles->transpose(operand + line * plan.paddedLine, plan.channels, width, plan.channels,
                            transposed + t.margin + at, t.inputRow);
    }
  });
}

/// The gradient of a weight from a transposed operand and a gradient.
inline void weightGradientByTiles(const EdgePlan<float>& plan, const Half* transposed, const KernelSize& kernelSize,
                                  const Half* grad, float* gradient) {
  const Volume& v = plan.volume;
  const EdgeTiles& t = plan.ofTiles;
  const int64_t channels = plan.channels, width = v.width + 2, plane = (v.height + 2) * width,
                positions = v.depth * plane;
  const int64_t count = v.batch * t.stepsOfSample;
  parallel(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t step = begin; step < end; step++) {
      const int64_t s = step / t.stepsOfSample, first = step % t.stepsOfSample * kTileDepth;
      const Half* lines[kTileDepth];
      for (int64_t k = 0; k < kTileDepth; k++)
        lines[k] = first + k < positions ? grad + (s * positions + first + k) * channels : nullptr;
      plan.tiles->packTiles(lines, 1, channels, t.gradTiles + step * kTileSize, count);
      t.gradStepAt[step] = (s * (v.depth + 2 * v.depthReach) + v.depthReach) * plane + first;
    }
  });
  int64_t tapAt[kMostTaps], taps = 0;
  for (int64_t z = -(kernelSize.depth / 2); z <= kernelSize.depth / 2; z++)
    for (int64_t y = -(kernelSize.height / 2); y <= kernelSize.height / 2; y++)
      for (int64_t x = -(kernelSize.width / 2); x <= kernelSize.width / 2; x++)
        tapAt[taps++] = z * plane + y * width + x;
  const TileWeightGradient sum{plan.tiles,  transposed + t.margin,
                               t.inputRow,  t.gradStepAt,
                               t.gradTiles, count,
                               channels,    channels,
                               tapAt,       taps,
                               gradient,    false};
  parallel(sum.tasks(), [&](int64_t begin, int64_t end, int) { sum.run(begin, end); });
}

// --- either

/// `out (+)= in * weights`. `sums`: of the rows that are written, `[rows, 2, channels]`, where a norm follows.
template <class T>
void convolve(const EdgePlan<T>& plan, const Operand<T>& in, const KernelSize& kernelSize, int64_t sign,
              const T* weight, Rows<T> out, bool add, T* sums) {
  if constexpr (std::is_same<T, float>::value)
    if (plan.tiles) return convolveByTiles(plan, in.half, kernelSize, sign, weight, out, add, sums);
  convolveExactly(plan, in.exact, kernelSize, sign, weight, out, add, sums);
}

/// Where an operand is in bfloat16: transposed, for the gradients of weights.
template <class T>
void transpose(const EdgePlan<T>& plan, const Operand<T>& operand, Half* transposed) {
  if constexpr (std::is_same<T, float>::value)
    if (plan.tiles) transposeOperand(plan, operand.half, transposed);
}

/// The gradient of a weight; `transposed` holds the operand `in` where it is in bfloat16.
template <class T>
void weightGradient(const EdgePlan<T>& plan, const Operand<T>& in, const Half* transposed, const KernelSize& kernelSize,
                    const Operand<T>& grad, T* gradient) {
  if constexpr (std::is_same<T, float>::value)
    if (plan.tiles) return weightGradientByTiles(plan, transposed, kernelSize, grad.half, gradient);
  weightGradientExactly(plan, in.exact, kernelSize, grad.exact, gradient);
}

}  // namespace
}  // namespace espalier::kernels
