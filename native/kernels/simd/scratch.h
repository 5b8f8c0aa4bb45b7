/// @file What the kernels share: threads, scratch memory, sums of chunks.
#pragma once
#include <cstddef>

#include "lanes.h"

namespace espalier::kernels {

/// Runs `body(context, begin, end, thread)` over `[0, count)` on the threads of libtorch.
void runParallel(int64_t count, void (*body)(void*, int64_t, int64_t, int), void* context);

namespace {

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

template <class Body>
void parallel(int64_t count, const Body& body) {
  runParallel(
      count,
      [](void* context, int64_t begin, int64_t end, int thread) {
        (*static_cast<const Body*>(context))(begin, end, thread);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

constexpr int64_t kLanesOfTask = 16;

/// Shares lanes out: `body(first, last)`, at most so many at a time.
template <class Body>
void parallelLanes(int64_t lanes, const Body& body) {
  parallel((lanes + kLanesOfTask - 1) / kLanesOfTask, [&](int64_t begin, int64_t end, int) {
    for (int64_t task = begin; task < end; task++) body(task * kLanesOfTask, smaller(lanes, (task + 1) * kLanesOfTask));
  });
}

/// Hands out pieces of the scratch memory; with a null start it only counts.
struct Arena {
  char* start;
  size_t used = 0;
  template <class T>
  T* take(int64_t count) {
    const size_t at = used;
    used += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64 + 64;
    return reinterpret_cast<T*>(start + at);
  }
};

template <class T>
void clear(T* to, int64_t count) {
  __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(T));
}

/// Zeroes the rims of images: the first and last `rimLines` of `tall` lines, and of the others the first and last `rim`
/// elements.
template <class T>
void clearRims(T* images, int64_t count, int64_t tall, int64_t line, int64_t rimLines, int64_t rim) {
  parallel(count * tall, [&](int64_t begin, int64_t end, int) {
    for (int64_t at = begin; at < end; at++) {
      const int64_t y = at % tall;
      T* const first = images + at * line;
      if (y < rimLines || y >= tall - rimLines) {
        clear(first, line);
      } else {
        clear(first, rim);
        clear(first + line - rim, rim);
      }
    }
  });
}

/// Sums the gradients that the chunks found, in order.
template <class T>
void addChunks(const T* partial, int64_t chunks, int64_t stride, int64_t count, T* to, bool add) {
  parallel((count + 1023) / 1024, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin * 1024; i < smaller(count, end * 1024); i++) {
      T sum = add ? to[i] : T(0);
      for (int64_t chunk = 0; chunk < chunks; chunk++) sum += partial[chunk * stride + i];
      to[i] = sum;
    }
  });
}

}  // namespace
}  // namespace espalier::kernels
