/// @file The kernels of a state, compiled for AVX2 with FMA.
#include "stateKernels.h"

namespace espalier::kernels {
const InstructionSet kAvx2 = {"avx2", kKernels<float>, kKernels<double>};
}
