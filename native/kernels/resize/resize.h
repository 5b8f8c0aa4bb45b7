/// @file What the kernels of bilinear resampling with aligned corners are given: plain pointers, so that a file
/// compiled for one instruction set shares no code with the others. Images are channels-last.
#pragma once
#include <cstdint>

namespace espalier::kernels {

/// Where a number along an axis is read: between `first[i]` and the one behind it, which there is where `share[i]` is
/// not zero.
template <class T>
struct Between {
  const int64_t* first;
  const T* share;  // of the one behind
};

template <class T>
struct ResizeJob {
  int64_t batch, channels, height, width, newHeight, newWidth;
  Between<T> rows, columns;  // of the new image
  const T* from;
  T* to;
  T* buffers;  // of each thread: a row, in the forward pass of the old image, in the backward pass of the new one
};

template <class T>
struct ResizeKernels {
  /// From the old image to the new one.
  void (*forward)(const ResizeJob<T>& job);
  /// From the gradient of the new image to that of the old one.
  void (*backward)(const ResizeJob<T>& job);
};

}  // namespace espalier::kernels
