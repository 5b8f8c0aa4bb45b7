/// @file `espalier::separable_convolution`: a depthwise convolution and the pointwise one behind it as one operator
/// with gradients. Here lives the packing of weights; the arithmetic is in `separableKernels.h`.
#include "tensors.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace espalier::kernels {
namespace {

/// What the operator is given.
struct Inputs {
  const Tensor& x;          // [batch, inputs, height, width]
  const Tensor& depthwise;  // [inputs, 1, side, side]
  const Tensor& pointwise;  // [outputs, inputs, 1, 1]
  int64_t dilation;
};

void check(const Inputs& given) {
  const Tensor &x = given.x, &depthwise = given.depthwise, &pointwise = given.pointwise;
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "a separable convolution reads [batch, channels, height, width], got ",
              x.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "the kernels take float32 and float64");
  TORCH_CHECK(depthwise.scalar_type() == x.scalar_type() && pointwise.scalar_type() == x.scalar_type(),
              "input and weights must have one type");
  const int64_t kernelSize = depthwise.dim() == 4 ? depthwise.size(2) : 0;
  TORCH_CHECK(kernelSize == 3 || kernelSize == 5,
              "a depthwise weight is [channels, 1, side, side] with sides of three or five, got ", depthwise.sizes());
  TORCH_CHECK(depthwise.sizes() == at::IntArrayRef({x.size(1), 1, kernelSize, kernelSize}), "depthwise weight: got ",
              depthwise.sizes(), " for ", x.size(1), " channels");
  TORCH_CHECK(
      pointwise.dim() == 4 && pointwise.size(0) > 0 && pointwise.sizes().slice(1) == at::IntArrayRef({x.size(1), 1, 1}),
      "pointwise weight: expected [outputs, ", x.size(1), ", 1, 1], got ", pointwise.sizes());
  TORCH_CHECK(given.dilation > 0, "a dilation is positive, got ", given.dilation);
}

/// A job with what it holds.
template <class T>
struct Job {
  Held held;
  SeparableJob<T> job;

  Job(const Inputs& given, const Tensor& last, bool backward) {
    const int64_t inputs = last.size(3), outputs = given.pointwise.size(0);
    job.batch = last.size(0), job.height = last.size(1), job.width = last.size(2);
    job.inputs = inputs, job.inputLanes = paddedChannels(inputs);
    job.outputs = outputs, job.outputLanes = paddedChannels(outputs);
    job.kernelSize = given.depthwise.size(2), job.dilation = given.dilation;
    job.x = last.data_ptr<T>();
    const int64_t more = job.inputLanes - inputs, moreOut = job.outputLanes - outputs;
    job.depthwise =
        held.template keep<T>(at::constant_pad_nd(given.depthwise.reshape({inputs, -1}).t(), {0, more}).contiguous());
    const Tensor pointwise = at::constant_pad_nd(given.pointwise.reshape({outputs, inputs}), {0, more, 0, moreOut});
    job.pointwise = held.template keep<T>(pointwise.t().contiguous());
    if (backward) job.pointwiseTransposed = held.template keep<T>(pointwise.contiguous());
    job.threads = at::get_num_threads();
    job.arena = held.arena(kernels<T>().separable.arenaBytes(job, backward));
  }
};

/// `[batch, height, width, outputs]`.
Tensor forwardOf(const Inputs& given, const Tensor& last) {
  const Tensor result = at::empty({last.size(0), last.size(1), last.size(2), given.pointwise.size(0)}, last.options());
  withType(last, [&](auto zero) {
    using T = decltype(zero);
    Job<T> own(given, last, false);
    own.job.result = result.data_ptr<T>();
    kernels<T>().separable.forward(own.job);
  });
  return result;
}

class Separable : public torch::autograd::Function<Separable> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& depthwise,
                        const Tensor& pointwise, int64_t dilation) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Inputs given{x, depthwise, pointwise, dilation};
    check(given);
    const Tensor last = channelsLast(x);
    context->save_for_backward({x.is_alias_of(last) ? x : last.permute({0, 3, 1, 2}), depthwise, pointwise});
    context->saved_data["dilation"] = dilation;
    return forwardOf(given, last).permute({0, 3, 1, 2});
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::separable_convolution cannot be differentiated twice");
    const auto saved = context->get_saved_variables();
    const Inputs given{saved[0], saved[1], saved[2], context->saved_data["dilation"].toInt()};
    const Tensor last = channelsLast(given.x), grad = channelsLast(gradOutputs[0]), gradInput = at::empty_like(last);
    const bool wanted = context->needs_input_grad(1) || context->needs_input_grad(2);
    Tensor depthwise, pointwise;
    withType(last, [&](auto zero) {
      using T = decltype(zero);
      Job<T> own(given, last, true);
      SeparableJob<T>& job = own.job;
      job.gradOutput = grad.data_ptr<T>();
      job.gradInput = gradInput.data_ptr<T>();
      if (wanted) {
        depthwise = at::empty({job.kernelSize * job.kernelSize, job.inputLanes}, last.options());
        pointwise = at::empty({job.inputLanes, job.outputLanes}, last.options());
        job.gradDepthwise = depthwise.data_ptr<T>();
        job.gradPointwise = pointwise.data_ptr<T>();
      }
      kernels<T>().separable.backward(job);
      if (!wanted) return;
      depthwise = depthwise.narrow(1, 0, job.inputs).t().reshape(given.depthwise.sizes());
      pointwise = pointwise.narrow(0, 0, job.inputs).narrow(1, 0, job.outputs).t().reshape(given.pointwise.sizes());
    });
    return {gradInput.permute({0, 3, 1, 2}), depthwise, pointwise, Tensor()};
  }
};

Tensor separable(const Tensor& x, const Tensor& depthwise, const Tensor& pointwise, int64_t dilation) {
  const Inputs given{x, depthwise, pointwise, dilation};
  check(given);
  return forwardOf(given, channelsLast(x)).permute({0, 3, 1, 2});
}

Tensor separableWithGradients(const Tensor& x, const Tensor& depthwise, const Tensor& pointwise, int64_t dilation) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return separable(x, depthwise, pointwise, dilation);
  }
  return Separable::apply(x, depthwise, pointwise, dilation);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("separable_convolution(Tensor x, Tensor depthwise, Tensor pointwise, int dilation) -> Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("separable_convolution", separable); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("separable_convolution", separableWithGradients); }

}  // namespace espalier::kernels
