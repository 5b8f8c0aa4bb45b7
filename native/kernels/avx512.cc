/// @file The kernels of a state, compiled for AVX-512.
#include "stateKernels.h"

namespace espalier::kernels {
const InstructionSet kAvx512 = {"avx512", kKernels<float>, kKernels<double>};
}
