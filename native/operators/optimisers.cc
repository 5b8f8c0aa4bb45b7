/// @file `espalier::sgd_step`, `espalier::adam_step` and `espalier::joint_norm`: the steps of the optimisers and the
/// norm of their gradients, each in one pass over all tensors instead of one for every term of the formula. They are
/// bound by memory, and were up to a tenth of a search step.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace espalier::kernels {
namespace {

using at::Tensor;
using at::TensorList;

/// Elements that one thread takes at a time.
constexpr int64_t kPiece = 1 << 15;

/// Calls `body(tensor, begin, end, piece)` for pieces of all tensors, in parallel. Returns the number of pieces.
template <class Body>
int64_t forPieces(TensorList tensors, const Body& body) {
  struct Piece {
    size_t tensor;
    int64_t begin, end;
  };
  std::vector<Piece> pieces;
  for (size_t i = 0; i < tensors.size(); i++)
    for (int64_t begin = 0; begin < tensors[i].numel(); begin += kPiece)
      pieces.push_back({i, begin, std::min(begin + kPiece, tensors[i].numel())});
  const int64_t count = static_cast<int64_t>(pieces.size());
  at::parallel_for(0, count, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; p++) body(pieces[p].tensor, pieces[p].begin, pieces[p].end, p);
  });
  return count;
}

/// The addresses of the elements; all tensors are on the CPU, of one type, and without gaps.
template <class T>
std::vector<T*> addresses(TensorList tensors) {
  std::vector<T*> result;
  for (const Tensor& tensor : tensors) {
    TORCH_CHECK(tensor.device().is_cpu() && tensor.scalar_type() == c10::CppTypeToScalarType<T>(),
                "all tensors must be on the CPU and of one type");
    TORCH_CHECK(tensor.is_non_overlapping_and_dense(), "a tensor has gaps between its elements");
    result.push_back(tensor.data_ptr<T>());
  }
  return result;
}

/// The tensors in the memory order and the type of the weights that they belong to: as they are, where they are so
/// already.
std::vector<Tensor> laidOutLike(TensorList weights, TensorList tensors) {
  TORCH_CHECK(weights.size() == tensors.size(), "there are ", weights.size(), " weights, but ", tensors.size(),
              " gradients");
  std::vector<Tensor> result;
  for (size_t i = 0; i < weights.size(); i++) {
    TORCH_CHECK(tensors[i].sizes() == weights[i].sizes(), "weight ", i, " has shape ", weights[i].sizes(),
                ", its gradient ", tensors[i].sizes());
    const bool alike =
        tensors[i].strides() == weights[i].strides() && tensors[i].scalar_type() == weights[i].scalar_type();
    result.push_back(alike ? tensors[i] : at::empty_like(weights[i]).copy_(tensors[i]));
  }
  return result;
}

void checkState(TensorList weights, TensorList state) {
  TORCH_CHECK(weights.size() == state.size(), "there are ", weights.size(), " weights, but the state of ",
              state.size());
  for (size_t i = 0; i < weights.size(); i++)
    TORCH_CHECK(state[i].sizes() == weights[i].sizes() && state[i].strides() == weights[i].strides(),
                "the state of weight ", i, " is not like it");
}

/// `v = momentum v + scale g + decay w; w -= rate v`.
void sgdStep(TensorList weights, TensorList gradients, TensorList velocities, double momentum, double decay,
             double rate, double scale) {
  if (weights.empty()) return;
  checkState(weights, velocities);
  const std::vector<Tensor> laidOut = laidOutLike(weights, gradients);
  AT_DISPATCH_FLOATING_TYPES(weights[0].scalar_type(), "sgd_step", [&] {
    using T = scalar_t;
    const auto w = addresses<T>(weights), g = addresses<T>(laidOut), v = addresses<T>(velocities);
    const T keep = momentum, pull = decay, pace = rate, factor = scale;
    forPieces(weights, [&](size_t tensor, int64_t begin, int64_t end, int64_t) {
      T* __restrict weight = w[tensor];
      T* __restrict velocity = v[tensor];
      const T* __restrict gradient = g[tensor];
      for (int64_t i = begin; i < end; i++) {
        velocity[i] = keep * velocity[i] + (factor * gradient[i] + pull * weight[i]);
        weight[i] -= pace * velocity[i];
      }
    });
  });
}

/// `m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w -= rate m / (sqrt(v) / correction + epsilon)` with g
/// scaled. The decay is added to g, or, decoupled, taken off w by the factor `1 - shrink`. `rate` has the correction of
/// m in it.
void adamStep(TensorList weights, TensorList gradients, TensorList firsts, TensorList seconds, double beta1,
              double beta2, double epsilon, double decay, double shrink, double rate, double correction, double scale) {
  if (weights.empty()) return;
  checkState(weights, firsts);
  checkState(weights, seconds);
  const std::vector<Tensor> laidOut = laidOutLike(weights, gradients);
  AT_DISPATCH_FLOATING_TYPES(weights[0].scalar_type(), "adam_step", [&] {
    using T = scalar_t;
    const auto w = addresses<T>(weights), g = addresses<T>(laidOut), m = addresses<T>(firsts),
               v = addresses<T>(seconds);
    const T keep1 = beta1, keep2 = beta2, take1 = 1 - beta1, take2 = 1 - beta2, least = epsilon, pull = decay,
            left = 1 - shrink, pace = rate;
    const T inverse = 1 / correction, factor = scale;
    forPieces(weights, [&](size_t tensor, int64_t begin, int64_t end, int64_t) {
      T* __restrict weight = w[tensor];
      T* __restrict first = m[tensor];
      T* __restrict second = v[tensor];
      const T* __restrict gradient = g[tensor];
      for (int64_t i = begin; i < end; i++) {
        const T grad = factor * gradient[i] + pull * weight[i];
        first[i] = keep1 * first[i] + take1 * grad;
        second[i] = keep2 * second[i] + take2 * grad * grad;
        weight[i] = left * weight[i] - pace * first[i] / (std::sqrt(second[i]) * inverse + least);
      }
    });
  });
}

/// The sum in float64; eight sums side by side, since one alone would wait for each addition.
template <class T>
double sumOfSquares(const T* x, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; lane++) sums[lane] += static_cast<double>(x[i + lane]) * x[i + lane];
  for (; i < count; i++) sums[0] += static_cast<double>(x[i]) * x[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// The 2-norm of all elements of all tensors, added up piece by piece in an order that does not depend on the threads.
double jointNorm(TensorList tensors) {
  if (tensors.empty()) return 0;
  std::vector<Tensor> dense;
  for (const Tensor& tensor : tensors)
    dense.push_back(tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous());
  std::vector<double> sums;
  for (const Tensor& tensor : dense) sums.resize(sums.size() + tensor.numel() / kPiece + 1);
  AT_DISPATCH_FLOATING_TYPES(dense[0].scalar_type(), "joint_norm", [&] {
    const auto data = addresses<scalar_t>(dense);
    sums.resize(forPieces(dense, [&](size_t tensor, int64_t begin, int64_t end, int64_t piece) {
      sums[piece] = sumOfSquares(data[tensor] + begin, end - begin);
    }));
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "sgd_step(Tensor(a!)[] weights, Tensor[] gradients, Tensor(b!)[] velocities, float momentum, float decay, float "
      "rate, float scale) -> ()");
  library.def(
      "adam_step(Tensor(a!)[] weights, Tensor[] gradients, Tensor(b!)[] firsts, Tensor(c!)[] seconds, float beta1, "
      "float beta2, float epsilon, "
      "float decay, float shrink, float rate, float correction, float scale) -> ()");
  library.def("joint_norm(Tensor[] tensors) -> float");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) {
  library.impl("sgd_step", sgdStep);
  library.impl("adam_step", adamStep);
  library.impl("joint_norm", jointNorm);
}

}  // namespace espalier::kernels
