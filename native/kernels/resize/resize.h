/// @file What the kernels of bilinear resampling with aligned corners are given: plain pointers, so that a file compiled for one instruction set shares no
/// code with the others. Pictures are channels-last.
#pragma once
#include <cstdint>

namespace espalier::kernels {

/// Where a number along an axis is read: between `first[i]` and the one behind it, which there is where `share[i]` is not zero.
template <class T>
struct Between {
  const int64_t* first;
  const T* share;  // of the one behind
};

template <class T>
struct ResizeJob {
  int64_t batch, channels, height, width, newHeight, newWidth;
  Between<T> rows, columns;  // of the new picture
  const T* from;
  T* to;
  T* buffers;  // of each thread: a row, of the old picture on the way there, of the new one on the way back
};

template <class T>
struct ResizeKernels {
  /// From the old picture to the new one.
  void (*forward)(const ResizeJob<T>& job);
  /// From the slope of the new picture to that of the old one.
  void (*backward)(const ResizeJob<T>& job);
};

}  // namespace espalier::kernels
