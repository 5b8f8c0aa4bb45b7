/// @file The kernels of a state, compiled for any machine.
#include "stateKernels.h"

namespace espalier::kernels {
const InstructionSet kPortable = {"portable", kKernels<float>, kKernels<double>};
}
