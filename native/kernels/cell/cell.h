/// @file What the kernels of a state are given: plain pointers, so that a file compiled for one instruction set shares
/// no code with the others. A state is read by `readers` blocks through all operators; lanes are reader-major, `lanes =
/// readers * channels`, and channels a multiple of eight (whoever calls pads with zeros). Everything is channels-last.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../simd/tiles.h"

namespace espalier::kernels {

/// Convolutions whose results are normalised, in the order of their outputs: two pairs of sep 3x3, two of sep 5x5,
/// atrous 3x3, atrous 5x5.
constexpr int kConvolutions = 6;
constexpr int kKernelSize[kConvolutions] = {3, 3, 5, 5, 3, 5};
/// Operators by column of the probabilities; zero, the eighth, is never computed.
enum Column { kSeparable3, kSeparable5, kAtrous3, kAtrous5, kAveragePool, kMaxPool, kSkip, kZero, kColumns };
/// Columns that are convolutions, and which of the six ends each.
constexpr int kBranches = 4;
constexpr int kLastOfBranch[kBranches] = {1, 3, 4, 5};
/// Average and max.
constexpr int kPools = 2;

/// Weights of a convolution as the kernels read them, and where its gradients go (null: not wanted).
template <class T>
struct ConvolutionWeights {
  const T* depthwise = nullptr;            // [taps, lanes]; null: dense
  const T* pointwise = nullptr;            // [in, lanes]; dense: [taps, in, lanes]
  const T* pointwiseTransposed = nullptr;  // [readers, out, in]; dense: [taps, lanes, in]; for backward alone
  T* gradDepthwise = nullptr;              // both like the weights
  T* gradPointwise = nullptr;
};

struct Geometry {
  int64_t batch, height, width, channels;
  int64_t rows() const { return batch * height; }
  int64_t pixels() const { return batch * height * width; }
};

/// What a forward pass leaves for the backward pass.
template <class T>
struct StateRecord {
  T* raw[kConvolutions];      // [pixels, lanes] before the norm
  T* mean[kConvolutions];     // [lanes]
  T* inverse[kConvolutions];  // [lanes], 1 / standard deviation
  T* poolMean[kPools];        // [channels], average and max
  T* poolInverse[kPools];
};

template <class T>
struct StateJob {
  Geometry geometry;
  int64_t readers;
  const T* x;  // [pixels, xPixel...]
  int64_t xPixel;
  ConvolutionWeights<T> weights[kConvolutions];
  const T* probabilities;  // [readers, columns]
  StateRecord<T> record;
  // Forward: the sums of the blocks that read the state, `lanes` of every `outPixel`; the first state sets, the others
  // add.
  T* out = nullptr;
  int64_t outPixel = 0;
  bool add = false;
  // Backward: the gradient of `out`; the gradients of x and of the weights are added to, or set.
  const T* gradOutput = nullptr;
  int64_t gradPixel = 0;
  T* gradInput = nullptr;
  int64_t gradInputPixel = 0;
  bool gradInputAdd = false;
  bool gradWeightAdd = false;
  T* gradProbabilities = nullptr;  // [readers, columns]
  bool recompute = false;          // `record.raw` is scratch: fill it again
  double epsilon = 0;
  const TileKernels* tiles = nullptr;  // for the products of dense convolutions; null: in the type itself
  // Scratch, and the number of threads that may work.
  char* arena = nullptr;
  int threads = 1;
};

/// The kernels of one instruction set.
template <class T>
struct StateKernels {
  void (*forward)(const StateJob<T>& job);
  void (*backward)(const StateJob<T>& job);
  size_t (*arenaBytes)(const Geometry& geometry, int64_t readers, int threads, bool backward, bool tiles);
};

}  // namespace espalier::kernels
