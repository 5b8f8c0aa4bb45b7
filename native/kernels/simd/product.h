/// @file The register-blocked product that all convolutions are made of: a sum of outer products, its operands
/// addressed so that a direct convolution, its two gradients and a pointwise convolution are each one call without any
/// copy.
#pragma once
#include "lanes.h"

namespace espalier::kernels {
namespace {

/// The left operand: element `[row, o, i]` lies at `data[row * ofRow + outer[o] + i * ofInner]`.
template <class T>
struct LeftMatrix {
  const T* data;
  int64_t ofRow, ofInner;
  const int64_t* outer = nullptr;  // null: one outer step, at 0
};

/// The right operand: element `[o, i, column]` lies at `data[outer[o] + i * ofInner + column]`.
template <class T>
struct RightMatrix {
  const T* data;
  int64_t ofInner;
  const int64_t* outer = nullptr;
};

/// The result: element `[row, column]` lies at `data[row * ofRow + column]`, and is set or added to.
template <class T>
struct ResultMatrix {
  T* data;
  int64_t ofRow;
  bool add;
};

/// How many steps a sum has: `outer` times `inner`.
struct Steps {
  int64_t inner, outer = 1;
};

/// `c[row, column] (+)= sum over o, i of a[row, o, i] * b[o, i, column]`.
/// Where there are more than `wrap` rows, each `wrap` of them begin anew, `aWrap` and `cWrap` further on: rows of an
/// image that is too narrow for a panel.
template <class T>
struct Product {
  int64_t rows, columns;  // columns: a multiple of eight
  LeftMatrix<T> a;
  RightMatrix<T> b;
  ResultMatrix<T> c;
  Steps steps;
  int64_t wrap = 0, aWrap = 0, cWrap = 0;  // for `wrappedPanels` alone
};

/// Where the rows of a panel lie from the first one on: at equal distances, or listed.
template <int kRows, bool kWrapped>
struct PanelRows {
  int64_t stride, offset[kWrapped ? kRows : 1];

  PanelRows(int64_t row, int64_t stride, int64_t wrap, int64_t ofWrap) : stride(stride) {
    if constexpr (kWrapped)
      for (int r = 0; r < kRows; r++) offset[r] = (row + r) / wrap * ofWrap + (row + r) % wrap * stride;
    else
      offset[0] = row * stride;
  }
  inline __attribute__((always_inline)) int64_t at(int r) const {
    return kWrapped ? offset[r] : offset[0] + r * stride;
  }
};

template <class V, int kRows, int kVectors, bool kWrapped = false, class T>
inline __attribute__((always_inline)) void panel(const Product<T>& p, int64_t row, int64_t column) {
  constexpr int64_t kLanes = lanesIn<T, V>;
  const PanelRows<kRows, kWrapped> ofA(row, p.a.ofRow, p.wrap, p.aWrap), ofC(row, p.c.ofRow, p.wrap, p.cWrap);
  V sum[kRows][kVectors];
  T* const c = p.c.data + column;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++) sum[r][v] = p.c.add ? load<V>(c + ofC.at(r) + v * kLanes) : V{};
  const int64_t aStep = p.a.ofInner, bStep = p.b.ofInner, inner = p.steps.inner;
  for (int64_t o = 0; o < p.steps.outer; o++) {
    const T* a = p.a.data + (p.a.outer ? p.a.outer[o] : 0);
    const T* b = p.b.data + column + (p.b.outer ? p.b.outer[o] : 0);
    for (int64_t i = 0; i < inner; i++, a += aStep, b += bStep) {
      V right[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; v++) right[v] = load<V>(b + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; r++) {
        const V left = V{} + a[ofA.at(r)];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; v++) sum[r][v] += left * right[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++) store(c + ofC.at(r) + v * kLanes, sum[r][v]);
}

/// Rows of a panel so that sums, right operands and one left operand fit the registers; of two vectors fewer, so that
/// the addresses of the rows do too.
constexpr int panelRows(int vectors) {
  const int rows = (kRegisters - 1 - vectors) / vectors, most = vectors == 2 ? 8 : 12;
  return rows > most ? most : rows;
}

template <class V, int kVectors, class T>
void panels(const Product<T>& p, int64_t column) {
  forBlocks<panelRows(kVectors)>(
      p.rows, [&](int64_t row, auto size) { panel<V, decltype(size)::value, kVectors>(p, row, column); });
}

/// Panels of rows that may wrap; of those at most eight at once, whose places fit the registers.
template <class V, int kVectors, class T>
void wrappedPanels(const Product<T>& p, int64_t column) {
  if (p.rows <= p.wrap) return panels<V, kVectors>(p, column);
  constexpr int kMost = panelRows(kVectors) < 8 ? panelRows(kVectors) : 8;
  forBlocks<kMost>(p.rows,
                   [&](int64_t row, auto size) { panel<V, decltype(size)::value, kVectors, true>(p, row, column); });
}

constexpr int kMostVectors = kRegisters == 32 ? 4 : 3;

/// Calls `body(first column, std::integral_constant<int, vectors>)` for panels of up to four main vectors.
template <class T, class Body>
inline __attribute__((always_inline)) void forPanels(int64_t columns, const Body& body) {
  forBlocks<kMostVectors>(columns / lanesIn<T, Main<T>>,
                          [&](int64_t vector, auto vectors) { body(vector * lanesIn<T, Main<T>>, vectors); });
}

/// Columns `[from, from + columns of the panel)` for all panels.
template <class T>
void multiply(const Product<T>& p) {
  forPanels<T>(p.columns, [&](int64_t column, auto vectors) { panels<Main<T>, decltype(vectors)::value>(p, column); });
  for (int64_t column = p.columns / lanesIn<T, Main<T>> * lanesIn<T, Main<T>>; column < p.columns;
       column += lanesIn<T, Tail<T>>)
    panels<Tail<T>, 1>(p, column);
}

}  // namespace
}  // namespace espalier::kernels
