/// @file The register-blocked product that all convolutions are made of: a sum of outer products, its operands addressed so that a direct convolution,
/// its two gradients and a pointwise convolution are each one call without any copy.
#pragma once
#include "lanes.h"

namespace espalier::kernels {
namespace {

/// `c[row, column] (+)= sum over o, i of a[row * aRow + aAt[o] + i * aStep] * b[column + bAt[o] + i * bStep]`.
template <class T>
struct Product {
  int64_t rows, columns;  // columns: a multiple of eight
  const T* a;
  int64_t aRow, aStep;
  const T* b;
  int64_t bStep;
  T* c;
  int64_t cRow;
  bool add;
  int64_t inner;
  int64_t outer = 1;
  const int64_t* aAt = nullptr;  // null: one outer step, at 0
  const int64_t* bAt = nullptr;
};

template <class V, int kRows, int kVectors, class T>
inline __attribute__((always_inline)) void panel(const Product<T>& p, int64_t row, int64_t column) {
  constexpr int64_t kLanes = lanesIn<T, V>;
  V sum[kRows][kVectors];
  T* const c = p.c + row * p.cRow + column;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++) sum[r][v] = p.add ? load<V>(c + r * p.cRow + v * kLanes) : V{};
  const int64_t aRow = p.aRow, aStep = p.aStep, bStep = p.bStep, inner = p.inner;
  for (int64_t o = 0; o < p.outer; o++) {
    const T* a = p.a + row * aRow + (p.aAt ? p.aAt[o] : 0);
    const T* b = p.b + column + (p.bAt ? p.bAt[o] : 0);
    for (int64_t i = 0; i < inner; i++, a += aStep, b += bStep) {
      V right[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; v++) right[v] = load<V>(b + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; r++) {
        const V left = V{} + a[r * aRow];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; v++) sum[r][v] += left * right[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++) store(c + r * p.cRow + v * kLanes, sum[r][v]);
}

/// Rows of a panel so that sums, right operands and one left operand fit the registers.
constexpr int panelRows(int vectors) {
  const int rows = (kRegisters - 1 - vectors) / vectors;
  return rows > 12 ? 12 : rows;
}

template <class V, int kVectors, class T>
void panels(const Product<T>& p, int64_t column) {
  forBlocks<panelRows(kVectors)>(p.rows, [&](int64_t row, auto size) { panel<V, decltype(size)::value, kVectors>(p, row, column); });
}

constexpr int kMostVectors = kRegisters == 32 ? 4 : 3;

/// Calls `body(first column, std::integral_constant<int, vectors>)` for panels of up to four main vectors.
template <class T, class Body>
inline __attribute__((always_inline)) void forPanels(int64_t columns, const Body& body) {
  forBlocks<kMostVectors>(columns / lanesIn<T, Main<T>>, [&](int64_t vector, auto vectors) { body(vector * lanesIn<T, Main<T>>, vectors); });
}

/// Columns `[from, from + columns of the panel)` for all panels.
template <class T>
void multiply(const Product<T>& p) {
  forPanels<T>(p.columns, [&](int64_t column, auto vectors) { panels<Main<T>, decltype(vectors)::value>(p, column); });
  for (int64_t column = p.columns / lanesIn<T, Main<T>> * lanesIn<T, Main<T>>; column < p.columns; column += lanesIn<T, Tail<T>>)
    panels<Tail<T>, 1>(p, column);
}

}  // namespace
}  // namespace espalier::kernels
