/// @file What the fused operators share on the side of libtorch: padding to whole vectors, memory orders, what a job
/// holds, the choice of the type.
#pragma once
#include "../kernels/instructionSet/instructionSet.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace espalier::kernels {
namespace {

using at::Tensor;

/// The kernels take channels in multiples of this.
constexpr int64_t kLaneMultiple = 8;

inline int64_t paddedChannels(int64_t channels) {
  return (channels + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple;
}

/// `count` matrices `[rows, columns]`, transposed.
template <class T>
Tensor transposed(const Tensor& from, int64_t count, int64_t rows, int64_t columns) {
  Tensor result = at::empty({count, columns, rows}, from.options());
  const T* source = from.data_ptr<T>();
  T* target = result.data_ptr<T>();
  constexpr int64_t kBlock = kLaneMultiple;
  at::parallel_for(0, count * (columns / kBlock), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t matrix = i / (columns / kBlock), column = i % (columns / kBlock) * kBlock;
      const T* in = source + matrix * rows * columns + column;
      T* out = target + (matrix * columns + column) * rows;
      for (int64_t row = 0; row < rows; row += kBlock)
        for (int64_t c = 0; c < kBlock; c++)
          for (int64_t r = 0; r < kBlock; r++) out[c * rows + row + r] = in[(row + r) * columns + c];
    }
  });
  return result;
}

/// `count` matrices `[rows, columns]` as `[columns, rows]`, in blocks that fit the nearest cache: libtorch copies
/// element by element.
template <class T>
void transposeInto(T* to, const T* from, int64_t count, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = 16;
  const int64_t blocks = (columns + kBlock - 1) / kBlock;
  at::parallel_for(0, count * blocks, 1 + (1 << 13) / (rows * kBlock), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t column = i % blocks * kBlock, width = std::min(kBlock, columns - column);
      const T* in = from + i / blocks * rows * columns + column;
      T* out = to + (i / blocks * columns + column) * rows;
      for (int64_t row = 0; row < rows; row += kBlock) {
        const int64_t height = std::min(kBlock, rows - row);
        for (int64_t c = 0; c < width; c++)
          for (int64_t r = 0; r < height; r++) out[c * rows + row + r] = in[(row + r) * columns + c];
      }
    }
  });
}

/// `[batch, channels, ...spatial]` as `[batch, ...spatial, channels + padding]`, contiguous, with zeros in the padding:
/// no copy where it lies so already.
inline Tensor channelsLast(const Tensor& x, int64_t padding = 0) {
  const Tensor last = x.movedim(1, -1);
  if (padding) return at::constant_pad_nd(last, {0, padding}).contiguous();
  const bool turns = x.dim() > 2 && x.is_contiguous() && !last.is_contiguous() && x.numel() > 0 &&
                     (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!turns) return last.contiguous();
  const Tensor result = at::empty(last.sizes(), x.options());
  const int64_t pixels = x.numel() / (x.size(0) * x.size(1));
  if (x.scalar_type() == at::kFloat)
    transposeInto(result.data_ptr<float>(), x.data_ptr<float>(), x.size(0), x.size(1), pixels);
  else
    transposeInto(result.data_ptr<double>(), x.data_ptr<double>(), x.size(0), x.size(1), pixels);
  return result;
}

/// A weight `[out, in, ...kernel]` as `[taps, in + padding, out + padding]`, contiguous: no copy where it lies so
/// already.
inline Tensor outputsLast(const Tensor& weight, int64_t padding = 0) {
  const Tensor turned = weight.flatten(2).permute({2, 1, 0});
  return (padding ? at::constant_pad_nd(turned, {0, padding, 0, padding}) : turned).contiguous();
}

/// The first address in scratch memory that a cache line begins at; 64 bytes more than needed are to be had.
inline char* aligned(const Tensor& memory) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory.data_ptr());
  return reinterpret_cast<char*>((address + 63) / 64 * 64);
}

/// Keeps the tensors that a job points into.
class Held {
 public:
  template <class T>
  T* keep(Tensor tensor) {
    tensors_.push_back(std::move(tensor));
    return tensors_.back().template data_ptr<T>();
  }

  /// Scratch memory.
  char* arena(size_t bytes) {
    tensors_.push_back(at::empty({static_cast<int64_t>(bytes) + 64}, at::kByte));
    return aligned(tensors_.back());
  }

 private:
  std::vector<Tensor> tensors_;
};

/// Calls `body` with a zero of the type that the tensor has.
template <class Body>
auto withType(const Tensor& x, const Body& body) {
  return x.scalar_type() == at::kFloat ? body(float{}) : body(double{});
}

}  // namespace
}  // namespace espalier::kernels
