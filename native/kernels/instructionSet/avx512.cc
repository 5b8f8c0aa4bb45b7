/// @file All kernels, compiled for AVX-512.
#include "../edge/edgeKernels.h"
#include "instructionSet.h"
#include "../meanField/meanFieldKernels.h"
#include "../norm/normKernels.h"
#include "../resize/resizeKernels.h"
#include "../separable/separableKernels.h"
#include "../cell/cellKernels.h"

namespace espalier::kernels {
const InstructionSet kAvx512 = {
    "avx512",
    {kStateKernels<float>, kEdgeKernels<float>, kNormKernels<float>, kSeparableKernels<float>, kResizeKernels<float>,
     kMeanFieldKernels<float>},
    {kStateKernels<double>, kEdgeKernels<double>, kNormKernels<double>, kSeparableKernels<double>,
     kResizeKernels<double>, kMeanFieldKernels<double>}};
}
