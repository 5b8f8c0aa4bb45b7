/// @file Depthwise convolution of one row, and its two gradients. Lanes are the channels of all readers; the input may
/// hold fewer and is then read periodically.
#pragma once
#include "../simd/lanes.h"

namespace espalier::kernels {
namespace {

constexpr int kPixels = 8;

/// Rows of input: `at[ky]` is the first tap of row ky for the first pixel.
template <class T>
struct InputRows {
  const T* at[5];
  int64_t pixel;   // elements from one pixel to the next
  int64_t period;  // lane l reads channel l mod period
  int64_t dilation;
};

/// `out[x, l] = sum over taps of in[ky][x + kx * dilation, l mod period] * weight[tap, l]`.
template <int K, class T>
void depthwiseRow(const InputRows<T>& in, const T* weight, int64_t lanes, int64_t width, T* out) {
  const int64_t pixel = in.pixel, tap = in.dilation * in.pixel;
  forLanes<T>(lanes, [&](int64_t lane, auto vector) {
    using V = decltype(vector);
    const int64_t channel = lane % in.period;
    forBlocks<kPixels>(width, [&](int64_t x, auto size) {
      constexpr int kSize = decltype(size)::value;
      V sum[kSize] = {};
      for (int ky = 0; ky < K; ky++) {
        const T* row = in.at[ky] + x * pixel + channel;
#pragma GCC unroll 5
        for (int kx = 0; kx < K; kx++) {
          const V w = load<V>(weight + (ky * K + kx) * lanes + lane);
#pragma GCC unroll 8
          for (int i = 0; i < kSize; i++) sum[i] += load<V>(row + kx * tap + i * pixel) * w;
        }
      }
#pragma GCC unroll 8
      for (int i = 0; i < kSize; i++) store(out + (x + i) * lanes + lane, sum[i]);
    });
  });
}

/// `gradient[tap, l] += sum over x of in[ky][x + kx * dilation, l mod period] * gradOutput[x, l]`.
template <int K, class T>
void depthwiseWeightGradient(const InputRows<T>& in, const T* gradOutput, int64_t lanes, int64_t width, T* gradient) {
  // All taps at once where the registers hold their sums, else a row of the kernel at a time.
  constexpr int kRows = K * K < kRegisters - 1 ? K : 1;
  const int64_t pixel = in.pixel, tap = in.dilation * in.pixel;
  forLanes<T>(lanes, [&](int64_t lane, auto vector) {
    using V = decltype(vector);
    const int64_t channel = lane % in.period;
    for (int first = 0; first < K; first += kRows) {
      V sum[kRows][K] = {};
      for (int64_t x = 0; x < width; x++) {
        const V s = load<V>(gradOutput + x * lanes + lane);
#pragma GCC unroll 5
        for (int ky = 0; ky < kRows; ky++) {
          const T* row = in.at[first + ky] + x * pixel + channel;
#pragma GCC unroll 5
          for (int kx = 0; kx < K; kx++) sum[ky][kx] += load<V>(row + kx * tap) * s;
        }
      }
#pragma GCC unroll 5
      for (int ky = 0; ky < kRows; ky++)
#pragma GCC unroll 5
        for (int kx = 0; kx < K; kx++) {
          T* to = gradient + ((first + ky) * K + kx) * lanes + lane;
          store(to, load<V>(to) + sum[ky][kx]);
        }
    }
  });
}

/// The gradient for the input: `out[x, o] (+)= sum over taps and lanes l = o mod outLanes of gradOutput[ky][x + kx *
/// dilation, l] * weight[last tap - tap, l]`.
template <int K, class T>
void depthwiseInputGradient(const InputRows<T>& gradOutput, const T* weight, int64_t lanes, int64_t width, T* out,
                            int64_t outLanes, int64_t outPixel, bool add) {
  const int64_t pixel = gradOutput.pixel, tap = gradOutput.dilation * gradOutput.pixel;
  const auto pass = [&](int64_t from, int64_t to, int64_t count, bool addHere) {
    forLanes<T>(count, [&](int64_t o, auto vector) {
      using V = decltype(vector);
      forBlocks<kPixels>(width, [&](int64_t x, auto size) {
        constexpr int kSize = decltype(size)::value;
        V sum[kSize];
#pragma GCC unroll 8
        for (int i = 0; i < kSize; i++) sum[i] = addHere ? load<V>(out + (x + i) * outPixel + o) : V{};
        for (int64_t lane = from + o; lane < to; lane += outLanes) {
          for (int ky = 0; ky < K; ky++) {
            const T* row = gradOutput.at[ky] + x * pixel + lane;
#pragma GCC unroll 5
            for (int kx = 0; kx < K; kx++) {
              const V w = load<V>(weight + (K * K - 1 - ky * K - kx) * lanes + lane);
#pragma GCC unroll 8
              for (int i = 0; i < kSize; i++) sum[i] += load<V>(row + kx * tap + i * pixel) * w;
            }
          }
        }
#pragma GCC unroll 8
        for (int i = 0; i < kSize; i++) store(out + (x + i) * outPixel + o, sum[i]);
      });
    });
  };
  const int64_t whole = lanes / outLanes * outLanes;
  if (whole) pass(0, whole, outLanes, add);
  if (lanes > whole) pass(whole, lanes, lanes - whole, add || whole);
}

}  // namespace
}  // namespace espalier::kernels
