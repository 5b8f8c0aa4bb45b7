/// @file Sizes and scratch memory of a state of Auto-DeepLab, and what its convolutions share on both ways.
#pragma once
#include "../separable/depthwise.h"
#include "../simd/rowSums.h"
#include "cell.h"
#include "../simd/tileConvolution.h"

namespace espalier::kernels {
namespace {

constexpr int64_t kPad = 4;  // of the widest kernel, 5x5 at dilation 2
constexpr int64_t kDilation[kConvolutions] = {1, 1, 1, 1, 2, 2};
constexpr int64_t kReach[kConvolutions] = {1, 1, 2, 2, 2, 4};  // from the middle of the kernel to its rim
/// Sums of a gradient: alone, and its products with what each probability multiplies.
enum CellGradSum {
  kCellSumAlone,
  kCellSumBranch,
  kCellSumPool = kCellSumBranch + kBranches,
  kCellSumX = kCellSumPool + kPools,
  kCellSums
};
/// Of the weighted sum of all operators: a scale for each branch, each pool and x, and one shift for all.
enum CellMixCoefficient {
  kCellScaleBranch,
  kCellScalePool = kBranches,
  kCellScaleX = kCellScalePool + kPools,
  kCellShift,
  kCellMixCoefficients
};
constexpr int64_t kMostChunks = 16, kRowsOfChunk = 4;
constexpr int64_t kCacheBytes = 1 << 19;
constexpr int64_t kMargin = 64;  // numbers before and behind what tiles are read from, zero

/// What dense convolutions read where they are products of tiles: copies in bfloat16, and the weights of one of them as
/// tiles.
struct Halves {
  int64_t inputRow = 0, stepsOfImage = 0;
  Half* input;            // [batch, paddedHeight, paddedWidth, channels]
  Half* inputTransposed;  // [channels, inputRow], a margin before each row
  Half* gradRaw;          // [batch, paddedHeight, paddedWidth, lanes]
  Half* gradTiles;        // [panels of lanes, steps over the positions of all images but their upper and lower rims]
  int64_t* gradStepAt;    // where a step begins among the positions
  Half *weights, *weightTiles;
  TileSteps steps;
};

/// Sizes that follow from the job, and its scratch memory.
template <class T>
struct Plan {
  Geometry geometry;
  int64_t readers, channels, lanes, period, paddedWidth, paddedHeight, rows, chunks;
  T* input;  // ReLU of x, padded: [batch, paddedHeight, paddedWidth, period], channels repeated up to the period
  T* pools[kPools];  // average, max: [pixels, channels]
  T* rowSums;        // [rows, kCellSums, lanes]
  double* sums;      // [kCellSums, lanes]
  T* buffers;        // of each thread: a row of lanes twice, rows of a normalised input
  int64_t buffer;
  T* coefficients;  // [kCellMixCoefficients, lanes]
  // Backward alone.
  T* gradRaw;           // padded: [batch, paddedHeight, paddedWidth, lanes]
  T* middle;            // between the pairs: [pixels, lanes]
  T* gradInput;         // of the ReLU: [pixels, period]
  T* winner;            // which tap is the largest: [pixels, channels]
  T* gradPool[kPools];  // [pixels, channels]
  T* partial;           // gradients of weights by chunk
  int64_t partialSize;
  Halves halves;

  Plan(const Geometry& g, int64_t readers, int threads, bool backward, bool tiles, Arena& arena)
      : geometry(g),
        readers(readers),
        channels(g.channels),
        lanes(readers * g.channels),
        period(g.channels % lanesIn<T, Main<T>> ? 2 * g.channels : g.channels),
        paddedWidth(g.width + 2 * kPad),
        paddedHeight(g.height + 2 * kPad),
        rows(g.rows()),
        chunks(larger(1, smaller(kMostChunks, g.rows() / kRowsOfChunk))) {
    const int64_t pixels = g.pixels(), padded = g.batch * paddedHeight * paddedWidth;
    input = arena.take<T>(padded * period);
    for (T*& pool : pools) pool = arena.take<T>(pixels * channels);
    rowSums = arena.take<T>(rows * kCellSums * lanes);
    sums = arena.take<double>(kCellSums * lanes);
    buffer = 2 * g.width * lanes + (g.width + 4) * lanes * 6 + 64;
    buffers = arena.take<T>(buffer * threads);
    coefficients = arena.take<T>(kCellMixCoefficients * lanes);
    if (tiles) takeHalves(backward, arena);
    if (!backward) return;
    gradRaw = arena.take<T>(padded * lanes);
    middle = arena.take<T>(pixels * lanes);
    gradInput = arena.take<T>(pixels * period);
    winner = arena.take<T>(pixels * channels);
    for (T*& pool : gradPool) pool = arena.take<T>(pixels * channels);
    partialSize = larger(chunks * lanes * (channels + 25), denseChunks(lanes) * 25 * channels * lanes);
    partial = arena.take<T>(partialSize);
  }

  void takeHalves(bool backward, Arena& arena) {
    const int64_t padded = geometry.batch * paddedHeight * paddedWidth;
    const int64_t panels = tilePanels(lanes), inner = backward ? larger(channels, lanes) : channels;
    halves.input = arena.take<Half>(padded * channels + kMargin);
    halves.weights = arena.take<Half>(25 * channels * lanes);
    halves.weightTiles = arena.take<Half>(
        larger(panels * TileSteps::most(25, channels), tilePanels(channels) * TileSteps::most(25, inner)) * kTileSize);
    halves.steps.take(TileSteps::most(25, inner), arena);
    if (!backward) return;
    halves.inputRow = padded + 2 * kMargin;
    halves.inputTransposed = arena.take<Half>(channels * halves.inputRow);
    halves.gradRaw = arena.take<Half>(padded * lanes + kMargin);
    halves.stepsOfImage = (geometry.height * paddedWidth + kTileDepth - 1) / kTileDepth;
    halves.gradTiles = arena.take<Half>(panels * halves.stepsOfImage * geometry.batch * kTileSize);
    halves.gradStepAt = arena.take<int64_t>(halves.stepsOfImage * geometry.batch);
  }

  /// Chunks of rows for the gradient of a dense weight: each small enough for the cache, but not more than the weight
  /// itself is worth.
  int64_t denseChunks(int64_t lanes) const {
    const int64_t byData =
        (geometry.pixels() * lanes * static_cast<int64_t>(sizeof(T)) + kCacheBytes - 1) / kCacheBytes;
    const int64_t byWeight = larger(1, 4 * kCacheBytes / (25 * channels * lanes * static_cast<int64_t>(sizeof(T))));
    return larger(1, smaller(smaller(byData, byWeight), smaller(rows, kMostChunks)));
  }

  int64_t image(int64_t row) const { return row / geometry.height; }
  /// The padded position of the first pixel of a row.
  int64_t paddedRow(int64_t row) const {
    return (image(row) * paddedHeight + row % geometry.height + kPad) * paddedWidth + kPad;
  }
  int64_t firstRow(int64_t chunk, int64_t of) const { return rows * chunk / of; }
};

/// A row of a padded tensor and its neighbours, as a kernel of `K` rows sees them.
template <class T>
InputRows<T> rowsUnderKernel(const Plan<T>& plan, const T* padded, int64_t pixel, int64_t period, int64_t row,
                             int kernelSize, int64_t dilation) {
  InputRows<T> in{{}, pixel, period, dilation};
  const int64_t reach = kernelSize / 2 * dilation;
  const T* middle = padded + (plan.paddedRow(row) - reach) * pixel;
  for (int ky = 0; ky < kernelSize; ky++) in.at[ky] = middle + (ky * dilation - reach) * plan.paddedWidth * pixel;
  return in;
}

/// Zeroes the rim of a padded tensor.
template <class T, class Element>
void clearRim(const Plan<T>& plan, Element* padded, int64_t pixel) {
  clearRims(padded, plan.geometry.batch, plan.paddedHeight, plan.paddedWidth * pixel, kPad, kPad * pixel);
}

/// Offsets of the taps of a kernel in a padded tensor and in its weights.
struct Taps {
  int64_t data[25], weight[25];
  int count;
};

template <class T>
Taps tapsOf(const Plan<T>& plan, int i, int64_t pixel, int64_t weight) {
  Taps taps;
  taps.count = kKernelSize[i] * kKernelSize[i];
  for (int ky = 0; ky < kKernelSize[i]; ky++)
    for (int kx = 0; kx < kKernelSize[i]; kx++) {
      const int tap = ky * kKernelSize[i] + kx;
      taps.data[tap] = ((ky * kDilation[i] - kReach[i]) * plan.paddedWidth + kx * kDilation[i] - kReach[i]) * pixel;
      taps.weight[tap] = tap * weight;
    }
  return taps;
}

/// The backward pass of a norm, folded into reading: `scale * (gradient - meanGrad - (raw - mean) * along)`.
template <class T>
struct NormGradient {
  const T* gradOutput;
  int64_t gradPixel;
  const T* raw;
  const T *mean, *scale, *meanGrad, *along;  // [lanes]

  void row(const Plan<T>& plan, int64_t row, T* to) const {
    const int64_t width = plan.geometry.width, lanes = plan.lanes;
    forLanes<T>(lanes, [&](int64_t lane, auto vector) {
      using V = decltype(vector);
      const V m = load<V>(mean + lane), s = load<V>(scale + lane), g = load<V>(meanGrad + lane),
              a = load<V>(along + lane);
      for (int64_t x = 0; x < width; x++) {
        const int64_t pixel = row * width + x;
        store(to + x * lanes + lane,
              s * (load<V>(gradOutput + pixel * gradPixel + lane) - g - (load<V>(raw + pixel * lanes + lane) - m) * a));
      }
    });
  }
};

}  // namespace
}  // namespace espalier::kernels
