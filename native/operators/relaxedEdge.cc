/// @file `espalier::relaxed_edge`: an edge of the supernet of DiNTS as one operator with gradients. @paper dints
/// sections 2 and 3 Here live the packing of weights and what is kept for the backward pass; the arithmetic is in
/// `edgeKernels.h`.
#include "tensors.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace espalier::kernels {
namespace {

/// What is kept for the backward pass; the rest is computed again.
enum Kept : int64_t { kInputs, kNormInputs, kEverything };

/// What the operator is given.
struct Inputs {
  const Tensor& x;
  const Tensor& mixture;
  at::TensorList weights;  // branch by branch, convolution by convolution
  at::TensorList scales, shifts;
  at::IntArrayRef lengths;  // convolutions of each branch
  double epsilon;
  bool bfloat16;  // products, where the processor has tiles for them
};

/// An edge by its sizes.
struct Edge {
  Volume volume;     // with the padded channels
  int64_t channels;  // without
  std::vector<int64_t> lengths;
  std::vector<KernelSize> kernelSizes;  // of the weights
  const TileKernels* tiles;             // null: products in the type of the tensors

  int64_t padding() const { return volume.channels - channels; }
  int branches() const { return static_cast<int>(lengths.size()); }
  /// Calls `body(weight, branch, convolution)` for all weights.
  template <class Body>
  void forWeights(const Body& body) const {
    int64_t weight = 0;
    for (int b = 0; b < branches(); b++)
      for (int64_t k = 0; k < lengths[b]; k++) body(weight++, b, static_cast<int>(k));
  }
};

Edge edgeOf(const Inputs& given) {
  const Tensor& x = given.x;
  TORCH_CHECK(x.dim() == 4 || x.dim() == 5,
              "the input of an edge must be [batch, channels, ...spatial] of an image or a volume");
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "the kernels take float32 and float64");
  const bool flat = x.dim() == 4;
  Edge edge;
  edge.channels = x.size(1);
  edge.volume = {x.size(0), flat ? 1 : x.size(2), x.size(-2), x.size(-1), paddedChannels(edge.channels), flat ? 0 : 1};
  edge.lengths = given.lengths.vec();
  edge.tiles = given.bfloat16 && x.scalar_type() == at::kFloat ? tileKernels() : nullptr;
  const int64_t branches = edge.branches();
  TORCH_CHECK(x.numel() > 0, "the input of an edge is empty");
  TORCH_CHECK(branches <= kMostBranches && static_cast<int64_t>(given.scales.size()) == branches &&
                  static_cast<int64_t>(given.shifts.size()) == branches,
              "an edge has up to ", kMostBranches, " operators with weights, each with a scale and a shift");
  const auto check = [&](const Tensor& tensor, at::IntArrayRef sizes, const char* what) {
    TORCH_CHECK(tensor.scalar_type() == x.scalar_type(), "all tensors of an edge must have one type");
    TORCH_CHECK(tensor.sizes() == sizes, what, ": expected ", sizes, ", got ", tensor.sizes());
  };
  check(given.mixture, {1 + branches}, "mixture");
  int64_t weights = 0;
  for (int64_t b = 0; b < branches; b++) {
    TORCH_CHECK(edge.lengths[b] >= 1 && edge.lengths[b] <= kMostConvolutions,
                "an operator has one or two convolutions");
    weights += edge.lengths[b];
    check(given.scales[b], {edge.channels}, "scale");
    check(given.shifts[b], {edge.channels}, "shift");
  }
  TORCH_CHECK(static_cast<int64_t>(given.weights.size()) == weights, "expected ", weights, " weights, got ",
              given.weights.size());
  for (const Tensor& weight : given.weights) {
    TORCH_CHECK(weight.dim() == x.dim(), "a weight must be [channels, channels, ...kernel]");
    const KernelSize kernelSize{flat ? 1 : weight.size(2), weight.size(-2), weight.size(-1)};
    for (const int64_t side : {kernelSize.depth, kernelSize.height, kernelSize.width})
      TORCH_CHECK(side == 1 || side == 3, "a kernel has sides of one or three, got ", weight.sizes());
    check(weight.flatten(2), {edge.channels, edge.channels, kernelSize.taps()}, "weight");
    edge.kernelSizes.push_back(kernelSize);
  }
  return edge;
}

/// Back to `[batch, channels, ...spatial]`, channels last in memory.
Tensor fromChannelsLast(const Tensor& x, const Edge& edge) { return x.narrow(-1, 0, edge.channels).movedim(-1, 1); }

/// `[branches, padded channels]`.
Tensor stacked(at::TensorList vectors, const Edge& edge) {
  return at::constant_pad_nd(at::stack(vectors), {0, edge.padding()}).contiguous();
}

/// What a forward pass leaves: `raw` and `statistics` (mean, inverse) by branch, `middle` by branch with two
/// convolutions; undefined where not kept.
struct Record {
  std::vector<Tensor> raw, middle;
  Tensor statistics;  // [branches, 2, batch, channels]

  static Tensor createMiddle(const Edge& edge, const at::TensorOptions& options) {
    const int64_t numbers = edge.volume.paddedVoxels() * edge.volume.channels;
    return edge.tiles ? at::empty({numbers + kBehindOperand}, options.dtype(at::kBFloat16))
                      : at::empty({numbers}, options);
  }

  Record() = default;
  /// With room for all that is computed, and for what is kept beside it.
  Record(const Edge& edge, Kept kept, const at::TensorOptions& options) {
    const Volume& v = edge.volume;
    for (int b = 0; b < edge.branches(); b++) {
      raw.push_back(at::empty({v.voxels() * v.channels}, options));
      middle.push_back(kept == kEverything && edge.lengths[b] == 2 ? createMiddle(edge, options) : Tensor());
    }
    statistics = at::empty({edge.branches(), 2, v.batch, v.channels}, options);
  }
};

/// The weights of an edge as the kernels read them; holds what it had to copy.
template <class T>
struct PackedEdge {
  Held held;
  Tensor scales, shifts, mixture;
  EdgeJob<T> job;

  PackedEdge(const Edge& edge, const Inputs& given, const Record& record, const Tensor& x, bool isBackward)
      : scales(stacked(given.scales, edge)), shifts(stacked(given.shifts, edge)), mixture(given.mixture.contiguous()) {
    const int64_t channels = edge.volume.channels, statistics = edge.volume.batch * channels;
    job.volume = edge.volume;
    job.branches = edge.branches();
    job.x = x.data_ptr<T>();
    job.mixture = mixture.data_ptr<T>();
    job.epsilon = given.epsilon;
    job.tiles = edge.tiles;
    job.threads = at::get_num_threads();
    job.arena = held.arena(kernels<T>().edge.arenaBytes(edge.volume, isBackward, job.threads, edge.tiles));
    for (int b = 0; b < job.branches; b++) {
      EdgeBranch<T>& branch = job.branch[b];
      branch.convolutions = static_cast<int>(edge.lengths[b]);
      branch.scale = scales.data_ptr<T>() + b * channels;
      branch.shift = shifts.data_ptr<T>() + b * channels;
      branch.raw = record.raw[b].data_ptr<T>();
      if (record.middle[b].defined()) {
        if (edge.tiles)
          branch.middle.half = static_cast<Half*>(record.middle[b].data_ptr());
        else
          branch.middle.exact = record.middle[b].data_ptr<T>();
      }
      branch.mean = record.statistics.data_ptr<T>() + 2 * b * statistics;
      branch.inverse = branch.mean + statistics;
    }
    edge.forWeights([&](int64_t i, int b, int k) {
      EdgeConvolution<T>& convolution = job.branch[b].convolution[k];
      const Tensor packed = outputsLast(given.weights[i], edge.padding());
      convolution.kernelSize = edge.kernelSizes[i];
      convolution.weight = held.template keep<T>(packed);
      if (isBackward)
        convolution.transposed =
            held.template keep<T>(transposed<T>(packed, edge.kernelSizes[i].taps(), channels, channels));
    });
  }
};

/// The output, `[batch, ...spatial, channels]`.
template <class T>
Tensor forwardEdge(const Edge& edge, const Inputs& given, const Record& record, const Tensor& x) {
  PackedEdge<T> packed(edge, given, record, x, false);
  Tensor out = at::empty_like(x);
  packed.job.out = out.data_ptr<T>();
  kernels<T>().edge.forward(packed.job);
  return out;
}

/// The gradients in the order of the inputs: x, mixture, weights, scales, shifts.
template <class T>
std::vector<Tensor> backwardEdge(const Edge& edge, const Inputs& given, const Record& record, bool recompute,
                                 const Tensor& x, const Tensor& gradOutput, const std::vector<bool>& weightWanted) {
  const int64_t channels = edge.volume.channels;
  const auto options = x.options();
  PackedEdge<T> packed(edge, given, record, x, true);
  const Tensor gradLast = channelsLast(gradOutput, edge.padding()), gradInput = at::empty_like(x),
               gradMixture = at::empty_like(packed.mixture);
  const Tensor gradScales = at::empty_like(packed.scales), gradShifts = at::empty_like(packed.shifts);
  EdgeJob<T>& job = packed.job;
  job.gradOutput = gradLast.data_ptr<T>();
  job.gradInput = gradInput.data_ptr<T>();
  job.gradMixture = gradMixture.data_ptr<T>();
  job.recompute = recompute;
  for (int b = 0; b < job.branches; b++) {
    job.branch[b].gradScale = gradScales.data_ptr<T>() + b * channels;
    job.branch[b].gradShift = gradShifts.data_ptr<T>() + b * channels;
  }
  std::vector<Tensor> gradWeights(given.weights.size());
  edge.forWeights([&](int64_t i, int b, int k) {
    if (!weightWanted[i]) return;
    gradWeights[i] = at::empty({edge.kernelSizes[i].taps(), channels, channels}, options);
    job.branch[b].convolution[k].gradient = gradWeights[i].data_ptr<T>();
  });
  kernels<T>().edge.backward(job);
  std::vector<Tensor> result = {fromChannelsLast(gradInput, edge), gradMixture};
  for (size_t i = 0; i < gradWeights.size(); i++) {
    const Tensor& own = gradWeights[i];
    if (!own.defined()) {
      result.push_back(own);
      continue;
    }
    // The memory order of the weight is kept: no copy where it lies as the kernels read it.
    std::vector<int64_t> sizes = given.weights[i].sizes().slice(2).vec();
    sizes.insert(sizes.end(), {channels, channels});
    const int64_t rank = given.weights[i].dim();
    result.push_back(
        own.view(sizes).movedim({rank - 1, rank - 2}, {0, 1}).narrow(0, 0, edge.channels).narrow(1, 0, edge.channels));
  }
  for (const Tensor& gradients : {gradScales, gradShifts})
    for (int b = 0; b < job.branches; b++) result.push_back(gradients[b].narrow(0, 0, edge.channels));
  return result;
}

class RelaxedEdge : public torch::autograd::Function<RelaxedEdge> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& mixture,
                        at::TensorList weights, at::TensorList scales, at::TensorList shifts, at::IntArrayRef lengths,
                        double epsilon, int64_t kept, bool bfloat16) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Inputs given{x, mixture, weights, scales, shifts, lengths, epsilon, bfloat16};
    const Edge edge = edgeOf(given);
    const Record record(edge, static_cast<Kept>(kept), x.options());
    const Tensor last = channelsLast(x, edge.padding());
    const Tensor out = withType(x, [&](auto one) { return forwardEdge<decltype(one)>(edge, given, record, last); });
    torch::autograd::variable_list saved{x, last.is_alias_of(x) ? Tensor() : last, mixture, record.statistics};
    for (const at::TensorList list : {weights, scales, shifts}) saved.insert(saved.end(), list.begin(), list.end());
    if (kept != kInputs) saved.insert(saved.end(), record.raw.begin(), record.raw.end());
    if (kept == kEverything) saved.insert(saved.end(), record.middle.begin(), record.middle.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["lengths"] = lengths.vec();
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["kept"] = kept;
    context->saved_data["bfloat16"] = bfloat16;
    return fromChannelsLast(out, edge);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::relaxed_edge cannot be differentiated twice");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const std::vector<int64_t> lengths = context->saved_data["lengths"].toIntVector();
    const int64_t branches = static_cast<int64_t>(lengths.size()), kept = context->saved_data["kept"].toInt();
    int64_t weightCount = 0;
    for (const int64_t length : lengths) weightCount += length;
    auto at = saved.begin() + 4;
    const auto take = [&](int64_t count) {
      at += count;
      return std::vector<Tensor>(at - count, at);
    };
    const std::vector<Tensor> weights = take(weightCount), scales = take(branches), shifts = take(branches);
    const Inputs given{saved[0],
                       saved[2],
                       weights,
                       scales,
                       shifts,
                       lengths,
                       context->saved_data["epsilon"].toDouble(),
                       context->saved_data["bfloat16"].toBool()};
    const Edge edge = edgeOf(given);
    Record record = kept == kInputs ? Record(edge, kInputs, saved[0].options()) : Record();
    if (kept != kInputs) record.raw = take(branches);
    if (kept != kInputs) record.middle = kept == kEverything ? take(branches) : std::vector<Tensor>(branches);
    record.statistics = saved[3];
    std::vector<bool> wanted;
    for (int64_t i = 0; i < weightCount; i++) wanted.push_back(context->needs_input_grad(2 + i));
    const Tensor last = saved[1].defined() ? saved[1] : channelsLast(saved[0], edge.padding());
    auto gradients = withType(last, [&](auto one) {
      return backwardEdge<decltype(one)>(edge, given, record, kept == kInputs, last, gradOutputs[0], wanted);
    });
    constexpr int64_t kPlainInputs = 4;  // lengths, epsilon, kept, bfloat16
    gradients.resize(gradients.size() + kPlainInputs);
    return gradients;
  }
};

Tensor relaxedEdge(const Tensor& x, const Tensor& mixture, at::TensorList weights, at::TensorList scales,
                   at::TensorList shifts, at::IntArrayRef lengths, double epsilon, int64_t, bool bfloat16) {
  const Inputs given{x, mixture, weights, scales, shifts, lengths, epsilon, bfloat16};
  const Edge edge = edgeOf(given);
  const Record record(edge, kInputs, x.options());
  const Tensor last = channelsLast(x, edge.padding());
  return fromChannelsLast(withType(x, [&](auto one) { return forwardEdge<decltype(one)>(edge, given, record, last); }),
                          edge);
}

Tensor relaxedEdgeWithGradients(const Tensor& x, const Tensor& mixture, at::TensorList weights, at::TensorList scales,
                                at::TensorList shifts, at::IntArrayRef lengths, double epsilon, int64_t kept,
                                bool bfloat16) {
  if (!at::GradMode::is_enabled()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return relaxedEdge(x, mixture, weights, scales, shifts, lengths, epsilon, kept, bfloat16);
  }
  return RelaxedEdge::apply(x, mixture, weights, scales, shifts, lengths, epsilon, kept, bfloat16);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "relaxed_edge(Tensor x, Tensor mixture, Tensor[] weights, Tensor[] scales, Tensor[] shifts, int[] lengths, float "
      "epsilon, int kept, bool bfloat16) -> Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("relaxed_edge", relaxedEdge); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("relaxed_edge", relaxedEdgeWithGradients); }

}  // namespace espalier::kernels
