/// @file Sizes and scratch memory of an edge of DiNTS, and its tensors by rows.
#pragma once
#include "edge.h"
#include "../simd/rowSums.h"
#include "../simd/tileConvolution.h"

namespace espalier::kernels {
namespace {

/// Sums of a gradient: alone, and its products with the centred branches and with x.
enum EdgeGradSum { kEdgeSumAlone, kEdgeSumBranch, kEdgeSumX = kEdgeSumBranch + kMostBranches, kEdgeSums };
/// Of the weighted sum of all branches: a scale for each, and one shift for all.
enum EdgeMixCoefficient { kEdgeScaleBranch, kEdgeShift = kMostBranches };

/// What products of tiles need beside operands in bfloat16.
struct EdgeTiles {
  int64_t rowsOfGroup;    // that a thread computes at once
  int64_t inputRow;       // of a transposed operand, in which samples have planes of zeros around them
  int64_t margin;         // before and behind the positions in it, zero
  int64_t stepsOfSample;  // over the positions of a gradient
  Half *weights, *weightTiles, *gradTiles;
  Half *inputTransposed, *middleTransposed;  // [channels, inputRow]
  int64_t* gradStepAt;                       // where a step begins in a row of a transposed operand
  TileSteps steps;
};

/// Sizes that follow from the volume, and scratch memory.
template <class T>
struct EdgePlan {
  Volume volume;
  const TileKernels* tiles;
  int64_t channels, line, paddedLine;  // elements of a row without and with its rim
  Operand<T> input;                    // ReLU of x
  Operand<T> middle;                   // between two convolutions where it is not kept
  T* rowSums;                          // [rows, kEdgeSums, channels]
  double* sums;                        // [batch, kEdgeSums, channels]
  T* coefficients;                     // [batch, kEdgeSums, channels]
  T* lines;                            // of each thread: rows before they are narrowed
  int64_t lineBuffer;
  // Backward alone.
  Operand<T> gradRaw;  // before a norm
  Operand<T> gradMiddle;
  T* gradInput;  // of the ReLU: [voxels, channels]
  EdgeTiles ofTiles;

  EdgePlan(const Volume& v, bool backward, int threads, const TileKernels* tiles, Arena& arena)
      : volume(v),
        tiles(tiles),
        channels(v.channels),
        line(v.width * v.channels),
        paddedLine((v.width + 2) * v.channels) {
    input = takeOperand(arena);
    middle = takeOperand(arena);
    rowSums = arena.take<T>(v.rows() * kEdgeSums * channels);
    sums = arena.take<double>(v.batch * kEdgeSums * channels);
    coefficients = arena.take<T>(v.batch * kEdgeSums * channels);
    if (tiles) takeTiles(backward, threads, arena);
    if (!backward) return;
    gradRaw = takeOperand(arena);
    gradMiddle = takeOperand(arena);
    gradInput = arena.take<T>(v.voxels() * channels);
  }

  Operand<T> takeOperand(Arena& arena) const {
    const int64_t padded = volume.paddedVoxels() * channels;
    return tiles ? Operand<T>{nullptr, arena.take<Half>(padded + kBehindOperand)}
                 : Operand<T>{arena.take<T>(padded), nullptr};
  }

  void takeTiles(bool backward, int threads, Arena& arena) {
    const int64_t steps = TileSteps::most(kMostTaps, channels), panels = tilePanels(channels),
                  plane = (volume.height + 2) * (volume.width + 2);
    ofTiles.rowsOfGroup = larger(1, smaller(volume.height, kPixelsInCache / volume.width));
    lineBuffer = ofTiles.rowsOfGroup * line;
    lines = arena.take<T>(threads * lineBuffer);
    ofTiles.weights = arena.take<Half>(kMostTaps * channels * channels);
    ofTiles.weightTiles = arena.take<Half>(panels * steps * kTileSize);
    ofTiles.steps.take(steps, arena);
    if (!backward) return;
    ofTiles.margin = volume.width + 3 + 2 * kTileDepth;
    ofTiles.inputRow = volume.batch * (volume.depth + 2 * volume.depthReach) * plane + 2 * ofTiles.margin;
    ofTiles.stepsOfSample = (volume.depth * plane + kTileDepth - 1) / kTileDepth;
    ofTiles.gradTiles = arena.take<Half>(panels * volume.batch * ofTiles.stepsOfSample * kTileSize);
    ofTiles.gradStepAt = arena.take<int64_t>(volume.batch * ofTiles.stepsOfSample);
    ofTiles.inputTransposed = arena.take<Half>(channels * ofTiles.inputRow);
    ofTiles.middleTransposed = arena.take<Half>(channels * ofTiles.inputRow);
  }

  /// The element at which a row begins in a tensor with a rim.
  int64_t paddedRow(int64_t row) const {
    const int64_t plane = row / volume.height, y = row % volume.height;
    return (plane * (volume.height + 2) + y + 1) * paddedLine + channels;
  }
};

/// A tensor by rows: without a rim, or an operand.
template <class T>
struct Rows {
  T* start;
  bool padded;
  Half* half = nullptr;

  static Rows of(const Operand<T>& operand) { return {operand.exact, true, operand.half}; }
  T* at(const EdgePlan<T>& plan, int64_t row) const { return start + (padded ? plan.paddedRow(row) : row * plan.line); }
  int64_t stride(const EdgePlan<T>& plan) const { return padded ? plan.paddedLine : plan.line; }
};

/// Calls `body(row, to)` for all rows of an operand; what it writes is narrowed where the operand is.
template <class T, class Body>
void writeRows(const EdgePlan<T>& plan, const Operand<T>& operand, const Body& body) {
  parallel(plan.volume.rows(), [&](int64_t begin, int64_t end, int thread) {
    for (int64_t row = begin; row < end; row++) {
      if (!operand.half) {
        body(row, operand.exact + plan.paddedRow(row));
      } else if constexpr (std::is_same<T, float>::value) {
        T* const line = plan.lines + thread * plan.lineBuffer;
        body(row, line);
        plan.tiles->narrow(line, plan.line, 1, plan.line, operand.half + plan.paddedRow(row), plan.line);
      }
    }
  });
}

/// Zeroes the rim of every plane, and what lies behind.
template <class T>
void clearRim(const EdgePlan<T>& plan, const Operand<T>& operand) {
  const Volume& v = plan.volume;
  const int64_t planes = v.batch * v.depth, tall = v.height + 2;
  if (operand.exact) return clearRims(operand.exact, planes, tall, plan.paddedLine, 1, plan.channels);
  clearRims(operand.half, planes, tall, plan.paddedLine, 1, plan.channels);
  clear(operand.half + v.paddedVoxels() * plan.channels, kBehindOperand);
}

}  // namespace
}  // namespace espalier::kernels
