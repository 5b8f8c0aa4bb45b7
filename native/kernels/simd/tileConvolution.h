/// @file Convolutions as products of tiles: how the numbers that a kernel reads are taken 32 at a time, which rows of
/// the weights belong to them, and images cut into blocks of rows. For the files of the instruction sets; the
/// arithmetic itself is in `tiles.cc`.
#pragma once
#include "scratch.h"
#include "tiles.h"

namespace espalier::kernels {
namespace {

/// Where the taps of a kernel lie in its input and in its weights; those of a row of the kernel one after the other, in
/// rising order.
struct TapPlaces {
  const int64_t *data, *weight;
  int64_t count, ofRow;
};

/// The steps of a convolution. A step takes 32 numbers in a line, of as many taps as lie there; numbers between taps
/// meet weights of zero.
struct TileSteps {
  int64_t count = 0;
  int64_t* at;         // of the first number, from the pixel of the output
  int64_t* kernelRow;  // that the taps of the step are in
  int32_t* source;     // [steps, 32]: rows of the weights, or -1

  static int64_t most(int64_t taps, int64_t inner) { return taps * (inner / kTileDepth + 1); }

  void take(int64_t steps, Arena& arena) {
    at = arena.take<int64_t>(steps);
    kernelRow = arena.take<int64_t>(steps);
    source = arena.take<int32_t>(steps * kTileDepth);
  }

  /// `inner`: numbers that a tap reads. `weight[tap]` counts rows of the weights.
  void fill(const TapPlaces& taps, int64_t inner) {
    count = 0;
    for (int64_t first = 0; first < taps.count; first += taps.ofRow) {
      int64_t end = 0;  // of the current step
      for (int64_t tap = first; tap < first + taps.ofRow; tap++)
        for (int64_t i = 0; i < inner; i++) {
          const int64_t place = taps.data[tap] + i;
          if ((tap == first && i == 0) || place >= end) {
            at[count] = place;
            kernelRow[count] = first / taps.ofRow;
            for (int64_t k = 0; k < kTileDepth; k++) source[count * kTileDepth + k] = -1;
            count++;
            end = place + kTileDepth;
          }
          source[(count - 1) * kTileDepth + place - at[count - 1]] = static_cast<int32_t>(taps.weight[tap] + i);
        }
    }
  }
};

/// Weights `[rows, columns]` as tiles for the steps.
inline void packWeights(const TileKernels& kernels, const TileSteps& steps, const float* weight, int64_t rows,
                        int64_t columns, Half* narrowed, Half* tiles) {
  parallel(rows, [&](int64_t begin, int64_t end, int) {
    kernels.narrow(weight + begin * columns, columns, end - begin, columns, narrowed + begin * columns, columns);
  });
  parallel(steps.count, [&](int64_t begin, int64_t end, int) {
    for (int64_t step = begin; step < end; step++) {
      const Half* lines[kTileDepth];
      for (int64_t k = 0; k < kTileDepth; k++) {
        const int32_t source = steps.source[step * kTileDepth + k];
        lines[k] = source < 0 ? nullptr : narrowed + source * columns;
      }
      kernels.packTiles(lines, 1, columns, tiles + step * kTileSize, steps.count);
    }
  });
}

/// Collects blocks and multiplies when there are enough; what is left when `finish` is called.
class TileBlocks {
 public:
  TileBlocks(const TileKernels& kernels, const TileProduct& product) : kernels_(kernels), product_(product) {
    product_.blocks = blocks_;
  }

  /// A line of `rows`, cut into blocks of nearly equal height.
  void addLine(const Half* a, float* c, int64_t rows) {
    const int64_t pieces = (rows + kTileRows - 1) / kTileRows;
    for (int64_t piece = 0; piece < pieces; piece++) {
      const int64_t from = rows * piece / pieces, to = rows * (piece + 1) / pieces;
      if (count_ == kMost) finish();
      blocks_[count_++] = {a + from * product_.aRow, c + from * product_.cRow, to - from};
    }
  }

  void finish() {
    product_.count = count_;
    if (count_ > 0) kernels_.multiply(product_);
    count_ = 0;
  }

 private:
  static constexpr int64_t kMost = 64;
  const TileKernels& kernels_;
  TileProduct product_;
  TileBlock blocks_[kMost];
  int64_t count_ = 0;
};

constexpr int64_t kStepsInCache = 16;  // of a sum over pixels: as many of the right operand stay in the first cache
constexpr int64_t kPixelsInCache = 1024;

/// The gradient of a weight, a sum over positions 32 at a time; tasks are `pairs of panels x taps`, the pairs
/// outermost. A task has its sum to itself.
struct TileWeightGradient {
  const TileKernels* kernels;
  const Half* input;  // transposed: [channels, inputRow]
  int64_t inputRow;
  const int64_t* stepAt;  // in a row of the input
  const Half* gradTiles;  // tiles: [panels, steps]
  int64_t steps, channels, lanes;
  const int64_t* tapAt;  // the distance of a tap in a row of the input
  int64_t taps;
  float* gradient;  // [taps, channels, lanes]
  bool add;

  int64_t tasks() const { return (tilePanels(lanes) + 1) / 2 * taps; }

  void run(int64_t begin, int64_t end) const {
    for (int64_t task = begin; task < end;) {
      const int64_t pair = task / taps, firstTap = task % taps, tasksHere = smaller(end - task, taps - firstTap);
      const int64_t column = pair * 2 * kTileColumns;
      for (int64_t step = 0; step < steps; step += kStepsInCache) {
        TileBlocks blocks(*kernels, {nullptr, 0, inputRow, stepAt + step, smaller(kStepsInCache, steps - step),
                                     gradTiles + (pair * 2 * steps + step) * kTileSize, steps,
                                     smaller(2 * kTileColumns, lanes - column), lanes, add || step > 0});
        for (int64_t tap = firstTap; tap < firstTap + tasksHere; tap++)
          blocks.addLine(input + tapAt[tap], gradient + tap * channels * lanes + column, channels);
        blocks.finish();
      }
      task += tasksHere;
    }
  }
};

}  // namespace
}  // namespace espalier::kernels
