/// @file `espalier::batch_norm`: batch norm by the statistics of the batch, with the ReLU behind it, as one operator
/// with gradients. Its input alone is kept; what the ReLU let through is computed again. `espalier::instance_norm`: the
/// same for every sample by itself. And `espalier::batch_norm_running`: by the running statistics, which libtorch
/// computes pixel by pixel where channels are last in memory.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <numeric>
#include <tuple>
#include <vector>

#include "tensors.h"

namespace espalier::kernels {
namespace {

using OptionalTensor = c10::optional<Tensor>;

/// Elements that one thread takes at a time, about.
constexpr int64_t kPieceElements = 1 << 15;

/// Rows of channels in memory, and how they are shared out: by their number alone, so that sums do not depend on the
/// threads.
struct Rows {
  int64_t count, channels;

  /// The shortest whole number of rows in whole vectors, in elements.
  int64_t period() const { return channels * (kPeriodMultiple / std::gcd(channels, kPeriodMultiple)); }
  int64_t elements() const { return count * channels; }
  int64_t pieceElements() const { return period() * std::max<int64_t>(1, kPieceElements / period()); }
  int64_t pieces() const { return (elements() + pieceElements() - 1) / pieceElements(); }

  /// Calls `body(first, count, piece)` with the elements of every piece.
  template <class Body>
  void forPieces(const Body& body) const {
    at::parallel_for(0, pieces(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; piece++) {
        const int64_t first = piece * pieceElements();
        body(first, std::min(pieceElements(), elements() - first), piece);
      }
    });
  }

  /// Sums by channel of two values of every element; `add(first, count, sums, scratch)` adds those of a piece by place
  /// in the period.
  template <class T, class Add>
  std::vector<double> sums(const Add& add) const {
    const int64_t lanes = 2 * period();
    std::vector<double> parts(pieces() * lanes, 0.0);
    forPieces([&](int64_t first, int64_t number, int64_t piece) {
      std::vector<T> scratch(lanes);
      add(first, number, parts.data() + piece * lanes, scratch.data());
    });
    std::vector<double> result(2 * channels, 0.0);
    for (int64_t piece = 0; piece < pieces(); piece++)
      for (int64_t lane = 0; lane < lanes; lane++)
        result[lane / period() * channels + lane % period() % channels] += parts[piece * lanes + lane];
    return result;
  }

  /// What belongs to the channels, repeated over a period.
  template <class T, class Value>
  std::vector<T> repeated(const Value& value) const {
    std::vector<T> result(period());
    for (int64_t lane = 0; lane < period(); lane++) result[lane] = static_cast<T>(value(lane % channels));
    return result;
  }
};

/// The rows of one of `parts` of equal length.
Rows rowsOf(const Tensor& last, int64_t parts = 1) {
  return {last.numel() / last.size(-1) / parts, last.size(-1)};
}

/// The values of a tensor of channels in float64, or `fallback` where there is none.
std::vector<double> valuesOf(const Tensor& tensor, int64_t channels, double fallback) {
  if (!tensor.defined()) return std::vector<double>(channels, fallback);
  if (tensor.scalar_type() == at::kFloat && tensor.is_contiguous())
    return {tensor.data_ptr<float>(), tensor.data_ptr<float>() + channels};
  const Tensor precise = tensor.detach().to(at::kDouble).contiguous();
  return {precise.data_ptr<double>(), precise.data_ptr<double>() + channels};
}

Tensor tensorOf(const std::vector<double>& values, const at::TensorOptions& options) {
  return at::tensor(values, options.dtype(at::kDouble)).to(options.dtype());
}

/// Mean and variance of every channel, in float64. @paper ioffe-szegedy algorithm 1
template <class T>
std::pair<std::vector<double>, std::vector<double>> statistics(const Rows& rows, const T* x) {
  // About a value of the channel, so that large means do not cancel.
  const std::vector<T> about = rows.repeated<T>([&](int64_t c) { return x[c]; });
  const std::vector<double> sums = rows.sums<T>([&](int64_t first, int64_t count, double* into, T* scratch) {
    kernels<T>().norm.moments(x + first, count, rows.period(), about.data(), into, scratch);
  });
  std::vector<double> mean(rows.channels), variance(rows.channels);
  for (int64_t c = 0; c < rows.channels; c++) {
    const double distance = sums[c] / rows.count;
    mean[c] = about[c] + distance;
    variance[c] = std::max(0.0, sums[rows.channels + c] / rows.count - distance * distance);
  }
  return {mean, variance};
}

/// Per channel: `y = weight inverse (x - mean) + bias`.
struct Channels {
  std::vector<double> mean, inverse, weight, bias;

  double scale(int64_t c) const { return weight[c] * inverse[c]; }
};

/// Normalises the rows at `from` into those at `to`.
template <class T>
void applyTo(const Rows& rows, const Channels& channels, const T* from, T* to, bool rectify) {
  const std::vector<T> scale = rows.repeated<T>([&](int64_t c) { return channels.scale(c); });
  const std::vector<T> shift = rows.repeated<T>([&](int64_t c) { return channels.bias[c]; });
  const std::vector<T> mean = rows.repeated<T>([&](int64_t c) { return channels.mean[c]; });
  rows.forPieces([&](int64_t first, int64_t count, int64_t) {
    kernels<T>().norm.apply(from + first, to + first, count, rows.period(), scale.data(), shift.data(), mean.data(),
                            rectify);
  });
}

/// What the operator is given; tensors of channels may be undefined.
struct Inputs {
  const Tensor& x;
  Tensor weight, bias, runningMean, runningVariance;
  double momentum, epsilon;
  bool rectify;
  /// Statistics are those of a sample, not of the batch.
  bool perSample;

  int64_t parts() const { return perSample ? x.size(0) : 1; }
};

Inputs inputsOf(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                const OptionalTensor& runningMean, const OptionalTensor& runningVariance, double momentum,
                double epsilon, bool rectify, bool perSample = false) {
  TORCH_CHECK(x.dim() >= 3, "a norm reads [batch, channels, ...spatial], got ", x.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "the kernels take float32 and float64");
  TORCH_CHECK(x.numel() > 0, "the input of a norm is empty");
  const auto checked = [&](const OptionalTensor& tensor, const char* what) {
    if (!tensor.has_value() || !tensor->defined()) return Tensor();
    TORCH_CHECK(tensor->dim() == 1 && tensor->size(0) == x.size(1), what, ": expected [", x.size(1), "], got ",
                tensor->sizes());
    TORCH_CHECK(tensor->device().is_cpu() && at::isFloatingType(tensor->scalar_type()), what,
                " must hold floating-point numbers on the CPU");
    return *tensor;
  };
  Inputs given{x,
               checked(weight, "weight"),
               checked(bias, "bias"),
               checked(runningMean, "running mean"),
               checked(runningVariance, "running variance"),
               momentum,
               epsilon,
               rectify,
               perSample};
  TORCH_CHECK(given.runningMean.defined() == given.runningVariance.defined(),
              "running mean and running variance come together");
  return given;
}

/// The output, and what is kept: the input in rows of channels, mean and inverse deviation `[parts, channels]`.
struct Forward {
  Tensor result, last, mean, inverse;
};

Forward forwardOf(const Inputs& given) {
  const Tensor last = channelsLast(given.x);
  const int64_t parts = given.parts();
  const Rows rows = rowsOf(last, parts);
  const Tensor result = at::empty_like(last);
  Channels channels{{}, {}, valuesOf(given.weight, rows.channels, 1), valuesOf(given.bias, rows.channels, 0)};
  std::vector<double> means, inverses;
  withType(last, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t part = 0; part < parts; part++) {
      const T* from = last.data_ptr<T>() + part * rows.elements();
      T* to = result.data_ptr<T>() + part * rows.elements();
      std::vector<double> variance;
      std::tie(channels.mean, variance) = statistics<T>(rows, from);
      channels.inverse.clear();
      for (const double value : variance) channels.inverse.push_back(1 / std::sqrt(value + given.epsilon));
      applyTo(rows, channels, from, to, given.rectify);
      means.insert(means.end(), channels.mean.begin(), channels.mean.end());
      inverses.insert(inverses.end(), channels.inverse.begin(), channels.inverse.end());
      if (!given.runningMean.defined()) continue;
      if (rows.count > 1)
        for (double& value : variance) value *= static_cast<double>(rows.count) / (rows.count - 1);
      const auto follow = [&](Tensor running, const std::vector<double>& values) {
        running.mul_(1 - given.momentum).add_(tensorOf(values, running.options()), given.momentum);
      };
      follow(given.runningMean, channels.mean);
      follow(given.runningVariance, variance);
    }
  });
  const auto precise = at::TensorOptions(at::kDouble);
  return {result.movedim(-1, 1), last, tensorOf(means, precise), tensorOf(inverses, precise)};
}

class Norm : public torch::autograd::Function<Norm> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const OptionalTensor& weight,
                        const OptionalTensor& bias, const OptionalTensor& runningMean,
                        const OptionalTensor& runningVariance, double momentum, double epsilon, bool rectify,
                        bool perSample) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Inputs given = inputsOf(x, weight, bias, runningMean, runningVariance, momentum, epsilon, rectify, perSample);
    const Forward made = forwardOf(given);
    context->save_for_backward(
        {x.is_alias_of(made.last) ? x : made.last.movedim(-1, 1), given.weight, given.bias, made.mean, made.inverse});
    context->saved_data["rectify"] = rectify;
    context->saved_data["parts"] = given.parts();
    return made.result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "a fused norm cannot be differentiated twice");
    const auto saved = context->get_saved_variables();
    const bool rectify = context->saved_data["rectify"].toBool();
    const int64_t parts = context->saved_data["parts"].toInt();
    const Tensor &weight = saved[1], &bias = saved[2];
    const Tensor last = channelsLast(saved[0]);
    const Rows rows = rowsOf(last, parts);
    const Tensor grad = channelsLast(gradOutputs[0]);
    const Tensor gradInput = at::empty_like(last);
    std::vector<double> gradWeight(rows.channels, 0.0), gradBias(rows.channels, 0.0);
    const std::vector<double> means = valuesOf(saved[3], parts * rows.channels, 0),
                              inverses = valuesOf(saved[4], parts * rows.channels, 0);
    const auto ofPart = [&](const std::vector<double>& values, int64_t part) {
      return std::vector<double>(values.begin() + part * rows.channels, values.begin() + (part + 1) * rows.channels);
    };
    Channels channels{{}, {}, valuesOf(weight, rows.channels, 1), valuesOf(bias, rows.channels, 0)};
    withType(last, [&](auto zero) {
      using T = decltype(zero);
      for (int64_t part = 0; part < parts; part++) {
        channels.mean = ofPart(means, part);
        channels.inverse = ofPart(inverses, part);
        const int64_t begin = part * rows.elements();
        const std::vector<double> sums =
            gradientsOf<T>(rows, channels, rectify, last.data_ptr<T>() + begin, grad.data_ptr<T>() + begin,
                           gradInput.data_ptr<T>() + begin);
        for (int64_t c = 0; c < rows.channels; c++) {
          gradBias[c] += sums[c];
          gradWeight[c] += sums[rows.channels + c] * channels.inverse[c];
        }
      }
    });
    const auto wanted = [](const Tensor& tensor, const std::vector<double>& values) {
      return tensor.defined() ? tensorOf(values, tensor.options()) : Tensor();
    };
    return {gradInput.movedim(-1, 1), wanted(weight, gradWeight), wanted(bias, gradBias), Tensor(), Tensor(), Tensor(),
            Tensor(), Tensor(), Tensor()};
  }

 private:
  /// Writes the gradient of the rows at `from`; gives the sums by channel of the gradient, and of it times `x - mean`.
  template <class T>
  static std::vector<double> gradientsOf(const Rows& rows, const Channels& channels, bool rectify, const T* from,
                                         const T* given, T* to) {
    const std::vector<T> scale = rows.repeated<T>([&](int64_t c) { return channels.scale(c); });
    const std::vector<T> shift = rows.repeated<T>([&](int64_t c) { return channels.bias[c]; });
    const std::vector<T> mean = rows.repeated<T>([&](int64_t c) { return channels.mean[c]; });
    const std::vector<double> sums = rows.sums<T>([&](int64_t first, int64_t count, double* into, T* scratch) {
      kernels<T>().norm.gradSums(from + first, given + first, count, rows.period(), scale.data(), shift.data(),
                                 mean.data(), rectify, into, scratch);
    });
    const std::vector<T> constant =
        rows.repeated<T>([&](int64_t c) { return channels.scale(c) * sums[c] / rows.count; });
    const std::vector<T> linear = rows.repeated<T>([&](int64_t c) {
      return channels.scale(c) * channels.inverse[c] * channels.inverse[c] * sums[rows.channels + c] / rows.count;
    });
    rows.forPieces([&](int64_t first, int64_t count, int64_t) {
      kernels<T>().norm.gradInput(from + first, given + first, to + first, count, rows.period(), scale.data(),
                                  shift.data(), mean.data(), constant.data(), linear.data(), rectify);
    });
    return sums;
  }
};

Tensor batchNorm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                 const OptionalTensor& runningMean, const OptionalTensor& runningVariance, double momentum,
                 double epsilon, bool rectify) {
  return forwardOf(inputsOf(x, weight, bias, runningMean, runningVariance, momentum, epsilon, rectify)).result;
}

Tensor batchNormWithGradients(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                              const OptionalTensor& runningMean, const OptionalTensor& runningVariance, double momentum,
                              double epsilon, bool rectify) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return batchNorm(x, weight, bias, runningMean, runningVariance, momentum, epsilon, rectify);
  }
  return Norm::apply(x, weight, bias, runningMean, runningVariance, momentum, epsilon, rectify, false);
}

/// Whether `x` lies in memory as the kernels read it.
bool liesInRows(const Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble) && x.numel() > 0 &&
         x.movedim(1, -1).is_contiguous();
}

/// Where channels are first, libtorch's own is as fast. Space is one axis for it: of a single sample, libtorch 1.13 reads
/// a gradient with channels last in memory as if it were contiguous, which gives wrong gradients without an error.
Tensor composedInstanceNorm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double epsilon) {
  TORCH_CHECK(x.dim() >= 3, "a norm reads [batch, channels, ...spatial], got ", x.sizes());
  return at::instance_norm(x.flatten(2), weight, bias, c10::nullopt, c10::nullopt, true, 0.1, epsilon, false)
      .reshape(x.sizes());
}

Tensor instanceNorm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double epsilon) {
  if (!liesInRows(x)) return composedInstanceNorm(x, weight, bias, epsilon);
  if (at::GradMode::is_enabled())
    return Norm::apply(x, weight, bias, c10::nullopt, c10::nullopt, 0, epsilon, false, true);
  at::AutoDispatchBelowADInplaceOrView below;
  return forwardOf(inputsOf(x, weight, bias, c10::nullopt, c10::nullopt, 0, epsilon, false, true)).result;
}

Tensor batchNormRunning(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, const Tensor& mean,
                        const Tensor& variance, double epsilon, bool rectify) {
  const auto requiresGrad = [](const OptionalTensor& tensor) {
    return tensor.has_value() && tensor->defined() && tensor->requires_grad();
  };
  const bool differentiates =
      at::GradMode::is_enabled() && (x.requires_grad() || requiresGrad(weight) || requiresGrad(bias));
  if (differentiates || !liesInRows(x)) {
    Tensor normal = at::batch_norm(x, weight, bias, mean, variance, false, 0.1, epsilon, false);
    if (!rectify) return normal;
    return differentiates ? at::relu(normal) : at::relu_(normal);
  }
  const Inputs given = inputsOf(x, weight, bias, mean, variance, 0, epsilon, rectify);
  const Tensor last = channelsLast(x);
  const Rows rows = rowsOf(last);
  const Tensor result = at::empty_like(last);
  Channels channels{valuesOf(mean, rows.channels, 0), valuesOf(variance, rows.channels, 1),
                    valuesOf(given.weight, rows.channels, 1), valuesOf(given.bias, rows.channels, 0)};
  for (double& value : channels.inverse) value = 1 / std::sqrt(value + epsilon);
  withType(last, [&](auto zero) {
    using T = decltype(zero);
    applyTo(rows, channels, last.data_ptr<T>(), result.data_ptr<T>(), rectify);
  });
  return result.movedim(-1, 1);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "batch_norm_running(Tensor x, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_variance, "
      "float epsilon, bool rectify) -> Tensor",
      batchNormRunning);
  library.def(
      "batch_norm(Tensor x, Tensor? weight, Tensor? bias, Tensor(a!)? running_mean, Tensor(b!)? running_variance, "
      "float momentum, float epsilon, "
      "bool rectify) -> Tensor");
  library.def("instance_norm(Tensor x, Tensor? weight, Tensor? bias, float epsilon) -> Tensor", instanceNorm);
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("batch_norm", batchNorm); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("batch_norm", batchNormWithGradients); }

}  // namespace espalier::kernels
