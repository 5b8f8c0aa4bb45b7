/// @file Mean field inference row by row. Every point of the lattice gathers from its pixels, so that nothing is added
/// to by two threads and results do not depend on their number.
#pragma once
#include "meanField.h"
#include "../simd/scratch.h"

namespace espalier::kernels {
namespace {

/// Rows that a thread takes at once.
constexpr int64_t kRowsOfTask = 512;

/// Calls `body(row)` for all rows on all threads.
template <class Body>
void parallelRows(int64_t rows, const Body& body) {
  parallel((rows + kRowsOfTask - 1) / kRowsOfTask, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin * kRowsOfTask; row < smaller(rows, end * kRowsOfTask); row++) body(row);
  });
}

/// e^x for x <= 0 to some 1e-7 of it: 2^n from the bits of the exponent, with n the nearest whole number to x / log 2,
/// times a polynomial for the rest.
inline __attribute__((always_inline)) float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) * (1 << 23);
  float power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return p * power;
}
inline double exponential(double x) { return __builtin_exp(x); }

/// Softmax of the first `classes` of a row; the others become zero.
template <class T>
inline void softmaxRow(const T* __restrict logits, int64_t classes, int64_t lanes, T* __restrict to) {
  T most = logits[0];
  for (int64_t i = 1; i < classes; i++) most = logits[i] > most ? logits[i] : most;
  for (int64_t i = 0; i < lanes; i++) to[i] = i < classes ? exponential(logits[i] - most) : T(0);
  T sum = 0;
  for (int64_t i = 0; i < classes; i++) sum += to[i];
  const T inverse = 1 / sum;
  for (int64_t i = 0; i < lanes; i++) to[i] *= inverse;
}

template <class T>
void beginMeanField(int64_t pixels, int64_t classes, int64_t lanes, T least, T* unary, T* marginals) {
  parallelRows(pixels, [&](int64_t row) {
    T* const own = unary + row * lanes;
    T* const q = marginals + row * lanes;
    T sum = 0;
    for (int64_t i = 0; i < classes; i++) {
      const T p = own[i] > least ? own[i] < 1 ? own[i] : T(1) : least;
      q[i] = p;
      own[i] = static_cast<T>(-__builtin_log(static_cast<double>(p)));
      sum += p;
    }
    for (int64_t i = 0; i < lanes; i++) q[i] = i < classes ? q[i] / sum : T(0);
  });
}

/// The sum of rows `at(i)` of `from`, each times `share(i)`, lane by lane.
template <class T, class At, class Share>
inline __attribute__((always_inline)) void gatherRows(int64_t begin, int64_t end, int64_t lanes, const T* from,
                                                      const At& at, const Share& share, T* to) {
  forLanes<T>(lanes, [&](int64_t lane, auto sum) {
    using V = decltype(sum);
    for (int64_t i = begin; i < end; i++) sum += share(i) * load<V>(from + at(i) * lanes + lane);
    store(to + lane, sum);
  });
}

template <class T>
void splat(const Lattice<T>& lattice, int64_t lanes, const T* from, T* values) {
  clear(values, lanes);
  parallelRows(lattice.points, [&](int64_t point) {
    gatherRows(
        lattice.first[point], lattice.first[point + 1], lanes, from, [&](int64_t i) { return lattice.pixel[i]; },
        [&](int64_t i) { return lattice.pixelShare[i]; }, values + (point + 1) * lanes);
  });
}

template <class T>
void blur(const Lattice<T>& lattice, int64_t lanes, int64_t axis, const T* from, T* to) {
  const int32_t* const neighbour = lattice.neighbour + axis * 2 * lattice.points;
  clear(to, lanes);
  parallelRows(lattice.points, [&](int64_t point) {
    const T* const own = from + (point + 1) * lanes;
    const T* const before = from + neighbour[2 * point] * lanes;
    const T* const behind = from + neighbour[2 * point + 1] * lanes;
    forLanes<T>(lanes, [&](int64_t lane, auto zero) {
      using V = decltype(zero);
      store(to + (point + 1) * lanes + lane,
            load<V>(own + lane) + T(0.5) * (load<V>(before + lane) + load<V>(behind + lane)));
    });
  });
}

/// What a pixel takes of the points around it.
template <class T>
inline __attribute__((always_inline)) void slicePixel(const Lattice<T>& lattice, int64_t pixel, int64_t lanes,
                                                      const T* values, T* to) {
  const int64_t begin = pixel * lattice.corners;
  gatherRows(
      begin, begin + lattice.corners, lanes, values, [&](int64_t i) { return lattice.corner[i]; },
      [&](int64_t i) { return lattice.share[i]; }, to);
}

template <class T>
void slice(const Lattice<T>& lattice, int64_t lanes, const T* values, T* to) {
  parallelRows(lattice.pixels, [&](int64_t pixel) { slicePixel(lattice, pixel, lanes, values, to + pixel * lanes); });
}

template <class T>
void smooth(const AxisFilter<T>& filter, T times, const T* from, T* to) {
  using V = Main<T>;
  constexpr int64_t kVectors = 4, kBlock = kVectors * lanesIn<T, V>;
  const int64_t taps = 2 * filter.radius + 1, blocks = (filter.inner + kBlock - 1) / kBlock;
  parallelRows(filter.outer * filter.length * blocks, [&](int64_t task) {
    const int64_t line = task / blocks, start = task % blocks * kBlock;
    const int64_t place = line % filter.length, count = smaller(kBlock, filter.inner - start);
    const T* const weights = filter.weights + place * taps + filter.radius - place;
    const T* const source = from + (line - place) * filter.inner + start;
    T* const target = to + line * filter.inner + start;
    const int64_t low = larger(0, place - filter.radius), high = smaller(filter.length, place + filter.radius + 1);
    if (count == kBlock) {
      V sum[kVectors] = {};
      for (int64_t other = low; other < high; other++)
        for (int64_t i = 0; i < kVectors; i++)
          sum[i] += weights[other] * load<V>(source + other * filter.inner + i * lanesIn<T, V>);
      for (int64_t i = 0; i < kVectors; i++) store(target + i * lanesIn<T, V>, times * sum[i]);
      return;
    }
    forLanes<T>(count, [&](int64_t lane, auto sum) {
      using Part = decltype(sum);
      for (int64_t other = low; other < high; other++)
        sum += weights[other] * load<Part>(source + other * filter.inner + lane);
      store(target + lane, times * sum);
    });
  });
}

template <class T>
void update(const Lattice<T>& lattice, const UpdateJob<T>& job) {
  const int64_t lanes = job.lanes, classes = job.classes;
  parallelRows(lattice.pixels, [&](int64_t pixel) {
    T message[kLatticeClasses];
    if (job.appearance != 0)
      slicePixel(lattice, pixel, lanes, job.values, message);
    else
      clear(message, lanes);
    const T* const unary = job.unary + pixel * lanes;
    T* const q = job.marginals + pixel * lanes;
    for (int64_t i = 0; i < lanes; i++) message[i] *= job.appearance;
    if (job.smooth != nullptr) {
      const T* const smooth = job.smooth + pixel * lanes;
      for (int64_t i = 0; i < lanes; i++) message[i] += smooth[i];
    }
    if (job.energies != nullptr) {
      double energy = 0;
      for (int64_t i = 0; i < classes; i++)
        if (q[i] > 0)
          energy += static_cast<double>(q[i]) *
                    (__builtin_log(static_cast<double>(q[i])) + static_cast<double>(unary[i]) - 0.5 * message[i]);
      job.energies[pixel] = energy;
    }
    if (!job.updates) return;
    for (int64_t i = 0; i < lanes; i++) message[i] -= unary[i];
    softmaxRow(message, classes, lanes, q);
  });
}

template <class T>
constexpr MeanFieldKernels<T> kMeanFieldKernels = {beginMeanField<T>, splat<T>,  blur<T>,
                                                   slice<T>,          smooth<T>, update<T>};

}  // namespace
}  // namespace espalier::kernels
