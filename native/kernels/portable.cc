/// @file All kernels, compiled for any machine.
#include "edgeKernels.h"
#include "instructionSet.h"
#include "normKernels.h"
#include "resizeKernels.h"
#include "separableKernels.h"
#include "stateKernels.h"

namespace espalier::kernels {
const InstructionSet kPortable = {"portable", {kStateKernels<float>, kEdgeKernels<float>, kNormKernels<float>, kSeparableKernels<float>, kResizeKernels<float>}, {kStateKernels<double>, kEdgeKernels<double>, kNormKernels<double>, kSeparableKernels<double>, kResizeKernels<double>}};
}
