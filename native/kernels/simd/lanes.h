/// @file Vectors of the instruction set that a file is compiled for, and loops over lanes. Included once per
/// instruction set, inside its own unnamed namespace: nothing here may be shared between files, or the linker could
/// hand AVX-512 code to a machine without it.
#pragma once
#include <cstdint>
#include <type_traits>

namespace espalier::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kMainBytes = 64, kTailBytes = 32, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kMainBytes = 32, kTailBytes = 32, kRegisters = 16;
#else
constexpr int kMainBytes = 16, kTailBytes = 16, kRegisters = 16;
#endif

template <class T, int bytes>
struct VectorOf;
template <>
struct VectorOf<float, 64> {
  typedef float type __attribute__((vector_size(64)));
};
template <>
struct VectorOf<float, 32> {
  typedef float type __attribute__((vector_size(32)));
};
template <>
struct VectorOf<float, 16> {
  typedef float type __attribute__((vector_size(16)));
};
template <>
struct VectorOf<double, 64> {
  typedef double type __attribute__((vector_size(64)));
};
template <>
struct VectorOf<double, 32> {
  typedef double type __attribute__((vector_size(32)));
};
template <>
struct VectorOf<double, 16> {
  typedef double type __attribute__((vector_size(16)));
};

template <class T>
using Main = typename VectorOf<T, kMainBytes>::type;
/// Divides eight lanes, for what is left of a number of lanes that is a multiple of eight.
template <class T>
using Tail = typename VectorOf<T, sizeof(T) == 4 ? kTailBytes : kMainBytes>::type;
template <class T, class V>
constexpr int64_t lanesIn = sizeof(V) / sizeof(T);

template <class V, class T>
inline __attribute__((always_inline)) V load(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <class V, class T>
inline __attribute__((always_inline)) void store(T* to, const V& value) {
  __builtin_memcpy(to, &value, sizeof value);
}

/// ReLU that lets NaN through.
template <class V>
inline __attribute__((always_inline)) V rectified(const V& value) {
  return value < V{} ? V{} : value;
}

/// Calls `body(lane, vector)` for all lanes of a multiple of eight; the type of `vector` says how many lanes at once.
template <class T, class Body>
inline __attribute__((always_inline)) void forLanes(int64_t lanes, const Body& body) {
  int64_t lane = 0;
  for (; lane + lanesIn<T, Main<T>> <= lanes; lane += lanesIn<T, Main<T>>) body(lane, Main<T>{});
  for (; lane < lanes; lane += lanesIn<T, Tail<T>>) body(lane, Tail<T>{});
}

/// Calls `body(start, std::integral_constant<int, size>)` for blocks of nearly equal size, at most `most`, that cover
/// `count`.
template <int most, class Body>
inline __attribute__((always_inline)) void forBlocks(int64_t count, const Body& body) {
  const int64_t blocks = (count + most - 1) / most;
  int64_t start = 0;
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t end = count * (block + 1) / blocks;
    switch (end - start) {
#define ESPALIER_BLOCK(size)                                                      \
  case size:                                                                      \
    if constexpr (size <= most) body(start, std::integral_constant<int, size>{}); \
    break;
      ESPALIER_BLOCK(1)
      ESPALIER_BLOCK(2) ESPALIER_BLOCK(3) ESPALIER_BLOCK(4) ESPALIER_BLOCK(5) ESPALIER_BLOCK(6) ESPALIER_BLOCK(7)
          ESPALIER_BLOCK(8) ESPALIER_BLOCK(9) ESPALIER_BLOCK(10) ESPALIER_BLOCK(11) ESPALIER_BLOCK(12)
#undef ESPALIER_BLOCK
    }
    start = end;
  }
}

}  // namespace
}  // namespace espalier::kernels
