/// @file The kernels of each instruction set, and which one runs: chosen at run time by what the machine has.
#pragma once
#include "../edge/edge.h"
#include "../meanField/meanField.h"
#include "../norm/norm.h"
#include "../resize/resize.h"
#include "../separable/separable.h"
#include "../cell/cell.h"
#include "../simd/tiles.h"

namespace espalier::kernels {

template <class T>
struct Kernels {
  StateKernels<T> state;
  EdgeKernels<T> edge;
  NormKernels<T> norm;
  SeparableKernels<T> separable;
  ResizeKernels<T> resize;
  MeanFieldKernels<T> meanField;
};

struct InstructionSet {
  const char* name;
  Kernels<float> single;
  Kernels<double> precise;
};

extern const InstructionSet kAvx512, kAvx2, kPortable;

/// What the kernels run on.
const InstructionSet& currentSet();

template <class T>
const Kernels<T>& kernels();
template <>
inline const Kernels<float>& kernels<float>() {
  return currentSet().single;
}
template <>
inline const Kernels<double>& kernels<double>() {
  return currentSet().precise;
}

}  // namespace espalier::kernels
