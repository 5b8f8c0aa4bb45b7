/// @file A separable convolution row by row: what the depthwise one gives stays in the cache for the pointwise one, and
/// is computed again in the backward pass. Results do not depend on the number of threads: gradients of weights go by
/// fixed chunks of rows and are added in order.
#pragma once
#include "depthwise.h"
#include "../simd/product.h"
#include "../simd/scratch.h"
#include "separable.h"

namespace espalier::kernels {
namespace {

constexpr int64_t kRowsOfPart = 4, kMostParts = 16;

/// Scratch memory of a job.
template <class T>
struct SeparablePlan {
  const SeparableJob<T>& job;
  int64_t reach, paddedWidth, rows, parts, weights;  // weights: of both convolutions
  T* input;         // with a rim of zeros: [batch, height + 2 reach, paddedWidth, input lanes]
  T* buffers;       // of each thread: a row of input lanes, a row of output lanes
  T* gradFiltered;  // of what the depthwise convolution gives, with a rim as the input
  T* partial;       // gradients of the weights by part: pointwise, depthwise

  SeparablePlan(const SeparableJob<T>& job, bool backward, Arena& arena) : job(job) {
    reach = job.kernelSize / 2 * job.dilation;
    paddedWidth = job.width + 2 * reach;
    rows = job.batch * job.height;
    parts = larger(1, smaller(kMostParts, rows / kRowsOfPart));
    weights = job.inputLanes * (job.outputLanes + job.kernelSize * job.kernelSize);
    input = arena.take<T>(padded());
    buffers = arena.take<T>(job.threads * buffer());
    if (!backward) return;
    gradFiltered = arena.take<T>(padded());
    partial = arena.take<T>(parts * weights);
  }

  int64_t padded() const { return job.batch * (job.height + 2 * reach) * paddedWidth * job.inputLanes; }
  int64_t buffer() const { return job.width * (job.inputLanes + job.outputLanes); }
  T* inputBuffer(int thread) const { return buffers + thread * buffer(); }
  T* outputBuffer(int thread) const { return inputBuffer(thread) + job.width * job.inputLanes; }
  /// The first pixel of a row in a tensor with a rim.
  T* paddedRow(T* padded, int64_t row) const {
    return padded + ((row / job.height * (job.height + 2 * reach) + row % job.height + reach) * paddedWidth + reach) *
                        job.inputLanes;
  }
  InputRows<T> rowsUnderKernel(T* padded, int64_t row) const {
    InputRows<T> in{{}, job.inputLanes, job.inputLanes, job.dilation};
    const T* const corner = paddedRow(padded, row) - (reach * paddedWidth + reach) * job.inputLanes;
    for (int64_t ky = 0; ky < job.kernelSize; ky++)
      in.at[ky] = corner + ky * job.dilation * paddedWidth * job.inputLanes;
    return in;
  }
};

/// Few numbers, without the call of a function.
template <class T>
inline __attribute__((always_inline)) void copyFew(const T* from, int64_t count, T* to) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) __builtin_memcpy(to + i, from + i, 4 * sizeof(T));
  for (; i < count; i++) to[i] = from[i];
}

/// A row of channels with zeros up to the lanes.
template <class T>
void widenRow(const T* from, int64_t channels, int64_t lanes, int64_t width, T* to) {
  if (lanes == channels) return static_cast<void>(__builtin_memcpy(to, from, width * lanes * sizeof(T)));
  for (int64_t x = 0; x < width; x++, from += channels, to += lanes) {
    copyFew(from, channels, to);
    for (int64_t lane = channels; lane < lanes; lane++) to[lane] = 0;
  }
}

/// The channels of lanes: the inverse of `widenRow`.
template <class T>
void dropLanes(const T* from, int64_t lanes, int64_t channels, int64_t width, T* to) {
  if (lanes == channels) return static_cast<void>(__builtin_memcpy(to, from, width * lanes * sizeof(T)));
  for (int64_t x = 0; x < width; x++, from += lanes, to += channels) copyFew(from, channels, to);
}

template <class T>
void clearRim(const SeparablePlan<T>& plan, T* padded) {
  const SeparableJob<T>& job = plan.job;
  clearRims(padded, job.batch, job.height + 2 * plan.reach, plan.paddedWidth * job.inputLanes, plan.reach,
            plan.reach * job.inputLanes);
}

template <class T>
void fillInput(const SeparablePlan<T>& plan) {
  const SeparableJob<T>& job = plan.job;
  clearRim(plan, plan.input);
  parallel(plan.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; row++)
      widenRow(job.x + row * job.width * job.inputs, job.inputs, job.inputLanes, job.width,
               plan.paddedRow(plan.input, row));
  });
}

template <int K, class T>
void separableForward(const SeparablePlan<T>& plan) {
  const SeparableJob<T>& job = plan.job;
  fillInput(plan);
  parallel(plan.rows, [&](int64_t begin, int64_t end, int thread) {
    T* const filtered = plan.inputBuffer(thread);
    for (int64_t row = begin; row < end; row++) {
      depthwiseRow<K>(plan.rowsUnderKernel(plan.input, row), job.depthwise, job.inputLanes, job.width, filtered);
      T* const to = job.result + row * job.width * job.outputs;
      T* const wide = job.outputs == job.outputLanes ? to : plan.outputBuffer(thread);
      multiply<T>({job.width,
                   job.outputLanes,
                   {filtered, job.inputLanes, 1},
                   {job.pointwise, job.outputLanes},
                   {wide, job.outputLanes, false},
                   {job.inputLanes}});
      if (wide != to) dropLanes(wide, job.outputLanes, job.outputs, job.width, to);
    }
  });
}

template <int K, class T>
void separableBackward(const SeparablePlan<T>& plan) {
  const SeparableJob<T>& job = plan.job;
  const bool wanted = job.gradPointwise;
  if (wanted) fillInput(plan);
  clearRim(plan, plan.gradFiltered);
  const int64_t pointwiseSize = job.inputLanes * job.outputLanes;
  parallel(plan.parts, [&](int64_t begin, int64_t end, int thread) {
    T* const filtered = plan.inputBuffer(thread);
    for (int64_t part = begin; part < end; part++) {
      T* const pointwise = plan.partial + part * plan.weights;
      T* const depthwise = pointwise + pointwiseSize;
      if (wanted) clear(pointwise, plan.weights);
      for (int64_t row = plan.rows * part / plan.parts; row < plan.rows * (part + 1) / plan.parts; row++) {
        const T* given = job.gradOutput + row * job.width * job.outputs;
        if (job.outputs != job.outputLanes) {
          widenRow(given, job.outputs, job.outputLanes, job.width, plan.outputBuffer(thread));
          given = plan.outputBuffer(thread);
        }
        T* const to = plan.paddedRow(plan.gradFiltered, row);
        multiply<T>({job.width,
                     job.inputLanes,
                     {given, job.outputLanes, 1},
                     {job.pointwiseTransposed, job.inputLanes},
                     {to, job.inputLanes, false},
                     {job.outputLanes}});
        if (!wanted) continue;
        const InputRows<T> in = plan.rowsUnderKernel(plan.input, row);
        depthwiseRow<K>(in, job.depthwise, job.inputLanes, job.width, filtered);
        multiply<T>({job.inputLanes,
                     job.outputLanes,
                     {filtered, 1, job.inputLanes},
                     {given, job.outputLanes},
                     {pointwise, job.outputLanes, true},
                     {job.width}});
        depthwiseWeightGradient<K>(in, to, job.inputLanes, job.width, depthwise);
      }
    }
  });
  if (wanted) {
    addChunks(plan.partial, plan.parts, plan.weights, pointwiseSize, job.gradPointwise, false);
    addChunks(plan.partial + pointwiseSize, plan.parts, plan.weights, K * K * job.inputLanes, job.gradDepthwise, false);
  }
  parallel(plan.rows, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t row = begin; row < end; row++) {
      T* const to = job.gradInput + row * job.width * job.inputs;
      T* const wide = job.inputs == job.inputLanes ? to : plan.inputBuffer(thread);
      depthwiseInputGradient<K>(plan.rowsUnderKernel(plan.gradFiltered, row), job.depthwise, job.inputLanes, job.width,
                                wide, job.inputLanes, job.inputLanes, false);
      if (wide != to) dropLanes(wide, job.inputLanes, job.inputs, job.width, to);
    }
  });
}

template <class T>
void separableForward(const SeparableJob<T>& job) {
  Arena arena{job.arena};
  const SeparablePlan<T> plan(job, false, arena);
  job.kernelSize == 3 ? separableForward<3>(plan) : separableForward<5>(plan);
}

template <class T>
void separableBackward(const SeparableJob<T>& job) {
  Arena arena{job.arena};
  const SeparablePlan<T> plan(job, true, arena);
  job.kernelSize == 3 ? separableBackward<3>(plan) : separableBackward<5>(plan);
}

template <class T>
size_t separableArenaBytes(const SeparableJob<T>& job, bool backward) {
  Arena arena{nullptr};
  const SeparablePlan<T> plan(job, backward, arena);
  return arena.used;
}

template <class T>
constexpr SeparableKernels<T> kSeparableKernels = {separableForward<T>, separableBackward<T>, separableArenaBytes<T>};

}  // namespace
}  // namespace espalier::kernels
