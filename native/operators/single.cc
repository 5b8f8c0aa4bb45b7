/// @file `espalier::single_convolution`: the convolution of one small image or volume. libtorch computes it by its plain
/// path (im2col and a product of its BLAS), which takes ten to fifty times as long as oneDNN: this asks for oneDNN
/// itself. The backward pass is that of a batch of two, whose second sample has no gradient: such a batch takes oneDNN.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace espalier {
namespace {

using at::Tensor;
using OptionalTensor = c10::optional<Tensor>;
using Lengths = std::vector<int64_t>;

/// How the kernel moves over the image, one length an axis.
struct Steps {
  Lengths stride, padding, dilation;
};

Tensor channelsLast(const Tensor& x) {
  return x.contiguous(x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast);
}

void check(const Tensor& x, const Tensor& weight, const Steps& steps) {
  const size_t rank = x.dim() - 2;
  TORCH_CHECK((x.dim() == 4 || x.dim() == 5) && x.size(0) == 1 && x.numel() > 0,
              "a single convolution reads [1, channels, ...sizes], got ", x.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat, "expected float32, got ",
              x.scalar_type(), " and ", weight.scalar_type());
  TORCH_CHECK(weight.dim() == x.dim() && weight.size(1) == x.size(1), "weight: expected [outputs, ", x.size(1),
              ", ...kernel], got ", weight.sizes());
  TORCH_CHECK(steps.stride.size() == rank && steps.padding.size() == rank && steps.dilation.size() == rank,
              "stride, padding and dilation: expected ", rank, " lengths each");
}

Tensor single(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const Steps& steps) {
  check(x, weight, steps);
  if (!at::globalContext().hasMKLDNN())
    return at::convolution(x, weight, bias, steps.stride, steps.padding, steps.dilation, false,
                           Lengths(steps.stride.size(), 0), 1);
  return at::mkldnn_convolution(channelsLast(x), channelsLast(weight), bias, steps.padding,
                                steps.stride, steps.dilation, 1);
}

class Single : public torch::autograd::Function<Single> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const OptionalTensor& bias, Lengths stride, Lengths padding, Lengths dilation) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({x, weight});
    context->saved_data["biased"] = bias.has_value();
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    return single(x, weight, bias, {stride, padding, dilation});
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::single_convolution cannot be differentiated twice");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &grad = gradOutputs[0];
    const Lengths stride = context->saved_data["stride"].toIntVector();
    const Lengths padding = context->saved_data["padding"].toIntVector();
    const Lengths dilation = context->saved_data["dilation"].toIntVector();
    const bool wantsInput = context->needs_input_grad(0), wantsWeight = context->needs_input_grad(1),
               wantsBias = context->saved_data["biased"].toBool() && context->needs_input_grad(2);
    Tensor gradInput, gradWeight;
    if (wantsInput || wantsWeight) {
      const auto two = [](const Tensor& one) { return channelsLast(at::cat({one, at::zeros_like(one)}, 0)); };
      const auto own = at::convolution_backward(two(grad), two(x), channelsLast(weight), at::OptionalIntArrayRef(),
                                                stride, padding, dilation, false, Lengths(stride.size(), 0), 1,
                                                {wantsInput, wantsWeight, false});
      if (wantsInput) gradInput = std::get<0>(own).narrow(0, 0, 1).clone();
      if (wantsWeight) gradWeight = std::get<1>(own);
    }
    Tensor gradBias;
    if (wantsBias) {
      Lengths others = {0};
      for (int64_t axis = 2; axis < grad.dim(); axis++) others.push_back(axis);
      gradBias = grad.sum(others);
    }
    return {gradInput, gradWeight, gradBias, Tensor(), Tensor(), Tensor()};
  }
};

Tensor onProcessor(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
                   at::IntArrayRef padding, at::IntArrayRef dilation) {
  return single(x, weight, bias, {stride.vec(), padding.vec(), dilation.vec()});
}

Tensor withGradients(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
                     at::IntArrayRef padding, at::IntArrayRef dilation) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return onProcessor(x, weight, bias, stride, padding, dilation);
  }
  return Single::apply(x, weight, bias, stride.vec(), padding.vec(), dilation.vec());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "single_convolution(Tensor x, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation) -> "
      "Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("single_convolution", onProcessor); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("single_convolution", withGradients); }

}  // namespace espalier
