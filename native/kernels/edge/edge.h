/// @file What the kernels of an edge of DiNTS are given: plain pointers, so that a file compiled for one instruction
/// set shares no code with the others. Branches are the operators with weights: one or two convolutions and a norm per
/// sample. All of them read the ReLU of x; the identity reads x itself. Everything is channels-last, and channels a
/// multiple of eight (whoever calls pads with zeros).
#pragma once
#include <cstddef>
#include <cstdint>

#include "../simd/tiles.h"

namespace espalier::kernels {

constexpr int kMostBranches = 4, kMostConvolutions = 2, kMostTaps = 27;

struct Volume {
  int64_t batch, depth, height, width, channels;
  int64_t depthReach;  // of the kernels, from their middle: 0 for images, 1 for volumes
  int64_t rowsOfSample() const { return depth * height; }
  int64_t rows() const { return batch * depth * height; }
  int64_t voxelsOfSample() const { return depth * height * width; }
  int64_t voxels() const { return batch * voxelsOfSample(); }
  /// Voxels of the volume with a rim of one around each plane.
  int64_t paddedVoxels() const { return batch * depth * (height + 2) * (width + 2); }
};

/// Sides, each one or three.
struct KernelSize {
  int64_t depth, height, width;
  int64_t taps() const { return depth * height * width; }
};

template <class T>
struct EdgeConvolution {
  KernelSize kernelSize;
  const T* weight = nullptr;      // [taps, in, out]
  const T* transposed = nullptr;  // [taps, out, in]; for backward alone
  T* gradient = nullptr;          // like the weight; null: not wanted
};

/// What a convolution reads, `[batch, depth, height + 2, width + 2, channels]` with a rim of zeros: in the type itself
/// or in bfloat16, for tiles.
template <class T>
struct Operand {
  T* exact = nullptr;
  Half* half = nullptr;
};
constexpr int64_t kBehindOperand = 64;  // numbers behind one in bfloat16, zero

template <class T>
struct EdgeBranch {
  int convolutions = 0;
  EdgeConvolution<T> convolution[kMostConvolutions];
  const T *scale = nullptr, *shift = nullptr;  // of the norm, [channels]
  T *gradScale = nullptr, *gradShift = nullptr;
  // What a forward pass leaves for the backward pass.
  Operand<T> middle;     // between two convolutions; null: not kept
  T* raw = nullptr;      // before the norm: [voxels, channels]
  T* mean = nullptr;     // [batch, channels]
  T* inverse = nullptr;  // [batch, channels], 1 / standard deviation
};

template <class T>
struct EdgeJob {
  Volume volume;
  int branches;
  EdgeBranch<T> branch[kMostBranches];
  const T* x;        // [voxels, channels]
  const T* mixture;  // the weight of the identity, then those of the branches
  double epsilon;
  T* out = nullptr;
  // Backward: the gradient of `out`.
  const T* gradOutput = nullptr;
  T* gradInput = nullptr;
  T* gradMixture = nullptr;
  bool recompute = false;              // `raw` is scratch: fill it again
  const TileKernels* tiles = nullptr;  // for the products; null: in the type itself
  // Scratch, and the number of threads that may work.
  char* arena = nullptr;
  int threads = 1;
};

/// The kernels of one instruction set.
template <class T>
struct EdgeKernels {
  void (*forward)(const EdgeJob<T>& job);
  void (*backward)(const EdgeJob<T>& job);
  size_t (*arenaBytes)(const Volume& volume, bool backward, int threads, const TileKernels* tiles);
};

}  // namespace espalier::kernels
