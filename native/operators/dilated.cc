/// @file `espalier::dilated_convolution`: a 3x3 convolution whose dilation is near the size of the image or above it,
/// so that most taps see little or nothing of it. Each tap is a pointwise convolution of the part that it sees;
/// libtorch computes all taps everywhere, zeros included. By libtorch's own pointwise convolutions: here only the parts
/// are chosen.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>

namespace espalier {
namespace {

using at::Tensor;

/// A tap and the part of the image that it sees: what it reads lies `offset` further than what it gives.
struct Part {
  int64_t ky, kx, y, x, height, width, offsetY, offsetX;

  Tensor given(const Tensor& image) const { return image.narrow(2, y, height).narrow(3, x, width); }
  Tensor read(const Tensor& image) const { return image.narrow(2, y + offsetY, height).narrow(3, x + offsetX, width); }
  Tensor weight(const Tensor& all) const { return all.narrow(2, ky, 1).narrow(3, kx, 1); }
};

/// The middle tap first: it sees everything.
std::vector<Part> partsOf(const Tensor& x, int64_t dilation) {
  const int64_t height = x.size(2), width = x.size(3);
  std::vector<Part> parts;
  for (const int64_t tap : {4, 0, 1, 2, 3, 5, 6, 7, 8}) {
    const int64_t ky = tap / 3, kx = tap % 3, offsetY = (ky - 1) * dilation, offsetX = (kx - 1) * dilation;
    const int64_t tall = height - std::abs(offsetY), wide = width - std::abs(offsetX);
    if (tall > 0 && wide > 0)
      parts.push_back(
          {ky, kx, std::max<int64_t>(0, -offsetY), std::max<int64_t>(0, -offsetX), tall, wide, offsetY, offsetX});
  }
  return parts;
}

Tensor channelsLast(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

Tensor pointwise(const Tensor& x, const Tensor& weight) {
  return at::convolution(channelsLast(x), weight.contiguous(), {}, {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1);
}

void check(const Tensor& x, const Tensor& weight, int64_t dilation) {
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "a convolution reads [batch, channels, height, width], got ", x.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 3 && weight.size(3) == 3 &&
                  weight.scalar_type() == x.scalar_type(),
              "weight: expected [outputs, ", x.size(1), ", 3, 3] of the input's type, got ", weight.sizes());
  TORCH_CHECK(dilation > 0, "a dilation is positive, got ", dilation);
}

Tensor dilated(const Tensor& x, const Tensor& weight, int64_t dilation) {
  check(x, weight, dilation);
  Tensor sum;
  for (const Part& part : partsOf(x, dilation)) {
    const Tensor own = pointwise(part.read(x), part.weight(weight));
    if (sum.defined())
      part.given(sum).add_(own);
    else
      sum = own;
  }
  return sum;
}

class Dilated : public torch::autograd::Function<Dilated> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        int64_t dilation) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({x, weight});
    context->saved_data["dilation"] = dilation;
    return dilated(x, weight, dilation);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::dilated_convolution cannot be differentiated twice");
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], grad = channelsLast(gradOutputs[0]);
    const bool wantsInput = context->needs_input_grad(0), wantsWeight = context->needs_input_grad(1);
    Tensor gradInput, gradWeight = wantsWeight ? at::zeros_like(weight) : Tensor();
    for (const Part& part : partsOf(x, context->saved_data["dilation"].toInt())) {
      const auto own = at::convolution_backward(channelsLast(part.given(grad)), channelsLast(part.read(x)),
                                                part.weight(weight).contiguous(), at::OptionalIntArrayRef(), {1, 1},
                                                {0, 0}, {1, 1}, false, {0, 0}, 1, {wantsInput, wantsWeight, false});
      if (wantsWeight) part.weight(gradWeight).copy_(std::get<1>(own));
      if (!wantsInput) continue;
      if (gradInput.defined())
        part.read(gradInput).add_(std::get<0>(own));
      else
        gradInput = std::get<0>(own);
    }
    return {gradInput, gradWeight, Tensor()};
  }
};

Tensor dilatedWithGradients(const Tensor& x, const Tensor& weight, int64_t dilation) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return dilated(x, weight, dilation);
  }
  return Dilated::apply(x, weight, dilation);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("dilated_convolution(Tensor x, Tensor weight, int dilation) -> Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("dilated_convolution", dilated); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("dilated_convolution", dilatedWithGradients); }

}  // namespace espalier
