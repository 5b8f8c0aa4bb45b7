/// @file `espalier::resize`: bilinear resampling of images with aligned corners as an operator with gradients. The
/// arithmetic is in `resizeKernels.h`.
#include "tensors.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace espalier::kernels {
namespace {

/// The places of `count` numbers, evenly from the first to the last of `length`.
template <class T>
struct Places {
  std::vector<int64_t> first;
  std::vector<T> share;

  Places(int64_t length, int64_t count) {
    const double step = count > 1 ? static_cast<double>(length - 1) / static_cast<double>(count - 1) : 0;
    for (int64_t i = 0; i < count; i++) {
      const double place = static_cast<double>(i) * step;
      const int64_t before = std::min<int64_t>(static_cast<int64_t>(place), length - 1);
      first.push_back(before);
      share.push_back(before + 1 < length ? static_cast<T>(place - static_cast<double>(before)) : T(0));
    }
  }
  Between<T> view() const { return {first.data(), share.data()}; }
};

/// `from` and the result are `[batch, height, width, channels]`; `old` and `now` are sizes.
Tensor resample(const Tensor& from, at::IntArrayRef old, at::IntArrayRef now, bool isBackward) {
  const Tensor last = channelsLast(from);
  const at::IntArrayRef size = isBackward ? old : now;
  const Tensor result = at::empty({last.size(0), size[0], size[1], last.size(3)}, last.options());
  withType(last, [&](auto zero) {
    using T = decltype(zero);
    const Places<T> rows(old[0], now[0]), columns(old[1], now[1]);
    const Tensor buffers =
        at::empty({at::get_num_threads() * (isBackward ? now[1] : old[1]) * last.size(3)}, last.options());
    const ResizeJob<T> job{last.size(0),
                           last.size(3),
                           old[0],
                           old[1],
                           now[0],
                           now[1],
                           rows.view(),
                           columns.view(),
                           last.data_ptr<T>(),
                           result.data_ptr<T>(),
                           buffers.data_ptr<T>()};
    isBackward ? kernels<T>().resize.backward(job) : kernels<T>().resize.forward(job);
  });
  return result.permute({0, 3, 1, 2});
}

Tensor resized(const Tensor& x, at::IntArrayRef size) {
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "resampling reads [batch, channels, height, width], got ", x.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "the kernels take float32 and float64");
  TORCH_CHECK(size.size() == 2 && size[0] > 0 && size[1] > 0, "a size is two positive numbers, got ", size);
  return resample(x, x.sizes().slice(2), size, false);
}

class Resize : public torch::autograd::Function<Resize> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, at::IntArrayRef size) {
    at::AutoDispatchBelowADInplaceOrView below;
    context->saved_data["old"] = x.sizes().slice(2).vec();
    return resized(x, size);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::resize cannot be differentiated twice");
    const std::vector<int64_t> old = context->saved_data["old"].toIntVector();
    return {resample(gradOutputs[0], old, gradOutputs[0].sizes().slice(2), true), Tensor()};
  }
};

Tensor resizedWithGradients(const Tensor& x, at::IntArrayRef size) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return resized(x, size);
  }
  return Resize::apply(x, size);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) { library.def("resize(Tensor x, int[] size) -> Tensor"); }
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("resize", resized); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("resize", resizedWithGradients); }

}  // namespace espalier::kernels
