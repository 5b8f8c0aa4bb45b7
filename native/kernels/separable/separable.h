/// @file What the kernels of a separable convolution are given: plain pointers, so that a file compiled for one
/// instruction set shares no code with the others. A depthwise convolution of stride 1 that keeps the size, and a
/// pointwise one behind it. Everything is channels-last; lanes are channels up to the next multiple of eight, with
/// zeros in the weights.
#pragma once
#include <cstddef>
#include <cstdint>

namespace espalier::kernels {

template <class T>
struct SeparableJob {
  int64_t batch, height, width;
  int64_t inputs, inputLanes, outputs, outputLanes;
  int64_t kernelSize, dilation;  // 3 or 5
  const T* x;                    // [pixels, inputs]
  const T* depthwise;            // [taps, input lanes]
  const T* pointwise;            // [input lanes, output lanes]
  T* result = nullptr;           // [pixels, outputs]
  // Backward.
  const T* pointwiseTransposed = nullptr;  // [output lanes, input lanes]
  const T* gradOutput = nullptr;           // [pixels, outputs]
  T* gradInput = nullptr;                  // [pixels, inputs]
  T* gradDepthwise = nullptr;              // both like the weights, or null
  T* gradPointwise = nullptr;
  // Scratch, and the number of threads that may work.
  char* arena = nullptr;
  int threads = 1;
};

template <class T>
struct SeparableKernels {
  void (*forward)(const SeparableJob<T>& job);
  void (*backward)(const SeparableJob<T>& job);
  size_t (*arenaBytes)(const SeparableJob<T>& job, bool backward);
};

}  // namespace espalier::kernels
