/// @file `espalier::relaxed_cell`: a cell of the supernet of Auto-DeepLab as one operator with gradients. @paper auto-deeplab eq. 1, 2 and 5
/// Here live the order of states and edges, the packing of weights, what is kept for the backward pass, and the choice of the instruction set; the
/// arithmetic is in `stateKernels.h`.
#include "state.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cstdlib>
#include <string>

namespace espalier::kernels {

void runParallel(int64_t count, void (*body)(void*, int64_t, int64_t, int), void* context) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) { body(context, begin, end, at::get_thread_num()); });
}

namespace {

using at::Tensor;

// --- instruction sets

bool runsHere(const InstructionSet& set) {
#if defined(__x86_64__)
  if (&set == &kAvx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  }
  if (&set == &kAvx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
#else
  return &set == &kPortable;
#endif
}

const InstructionSet* const kSets[] = {&kAvx512, &kAvx2, &kPortable};

const InstructionSet& best() {
  for (const InstructionSet* set : kSets)
    if (runsHere(*set)) return *set;
  return kPortable;
}

const InstructionSet*& current() {
  static const InstructionSet* set = &best();
  return set;
}

/// Sets what the kernels run on ("" leaves it, "best" is the default) and returns its name; for tests and comparisons.
std::string instructionSet(c10::string_view wanted) {
  const std::string name(wanted.data(), wanted.size());
  if (name == "best") current() = &best();
  for (const InstructionSet* set : kSets) {
    if (name != set->name) continue;
    TORCH_CHECK(runsHere(*set), "this machine has no ", name);
    current() = set;
  }
  TORCH_CHECK(name.empty() || name == "best" || name == current()->name, "expected avx512, avx2, portable or best, got ", name);
  return current()->name;
}

template <class T>
const StateKernels<T>& kernels();
template <>
const StateKernels<float>& kernels<float>() { return current()->single; }
template <>
const StateKernels<double>& kernels<double>() { return current()->precise; }

// --- shapes

constexpr int kWindows[kConvolutions] = {3, 3, 5, 5, 3, 5};
constexpr int64_t kLaneMultiple = 8;

/// State s is read by the blocks from s - 1 on, the two inputs by all.
int64_t firstReader(int64_t state) { return std::max<int64_t>(0, state - 1); }
int64_t edge(int64_t block, int64_t state) { return block * (block + 3) / 2 + state; }

struct Cell {
  Geometry geometry;      // with the padded channels
  int64_t channels;       // without
  int64_t blocks, states;  // states that are read: the inputs and all blocks but the last
  bool dense;
  int64_t weightsOfState;

  int64_t readers(int64_t state) const { return blocks - firstReader(state); }
  int64_t outChannels() const { return blocks * geometry.channels; }
};

Cell cellOf(const Tensor& last, const Tensor& beforeLast, at::TensorList weights, const Tensor& probabilities, int64_t blocks, bool dense) {
  TORCH_CHECK(last.dim() == 4 && last.sizes() == beforeLast.sizes(), "the two inputs of a cell must have one shape [batch, channels, height, width]");
  TORCH_CHECK(last.scalar_type() == at::kFloat || last.scalar_type() == at::kDouble, "the kernels take float32 and float64");
  TORCH_CHECK(last.size(0) * last.size(2) * last.size(3) > 1, "a norm needs more than one value per channel");
  Cell cell;
  cell.channels = last.size(1);
  cell.geometry = {last.size(0), last.size(2), last.size(3), (cell.channels + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple};
  cell.blocks = blocks;
  cell.states = blocks + 1;
  cell.dense = dense;
  cell.weightsOfState = dense ? 10 : 12;
  TORCH_CHECK(blocks > 0 && static_cast<int64_t>(weights.size()) == cell.states * cell.weightsOfState, "a cell of ", blocks, " blocks has ",
              cell.states * cell.weightsOfState, " weights, got ", weights.size());
  TORCH_CHECK(probabilities.dim() == 2 && probabilities.size(0) == edge(blocks, 0) && probabilities.size(1) == kColumns,
              "expected probabilities [", edge(blocks, 0), ", ", static_cast<int64_t>(kColumns), "], got ", probabilities.sizes());
  const auto sameType = [&](const Tensor& t) { TORCH_CHECK(t.scalar_type() == last.scalar_type(), "all tensors of a cell must have one type"); };
  sameType(beforeLast);
  sameType(probabilities);
  for (const Tensor& weight : weights) sameType(weight);
  return cell;
}

/// `[batch, height, width, padded channels]`, contiguous: the input itself where it is channels-last and needs no padding.
Tensor lanesLast(const Tensor& x, const Cell& cell) {
  const Tensor last = x.permute({0, 2, 3, 1});
  const int64_t padding = cell.geometry.channels - cell.channels;
  return (padding ? at::constant_pad_nd(last, {0, padding}) : last).contiguous();
}

/// Back to `[batch, groups * channels, height, width]`, channels last.
Tensor fromLanes(const Tensor& x, const Cell& cell) {
  const int64_t groups = x.size(3) / cell.geometry.channels;
  Tensor result = x;
  if (cell.geometry.channels != cell.channels) {
    result = x.view({x.size(0), x.size(1), x.size(2), groups, cell.geometry.channels}).slice(4, 0, cell.channels).reshape({x.size(0), x.size(1), x.size(2), -1});
  }
  return result.permute({0, 3, 1, 2});
}

// --- weights

/// The order of a convolution's weights in a state: each pair has two, a dense convolution one.
struct WeightPlace {
  int64_t first;
  bool pair;
};

WeightPlace placeOf(const Cell& cell, int64_t state, int convolution) {
  const int64_t start = state * cell.weightsOfState;
  if (convolution < 4) return {start + 2 * convolution, true};
  return cell.dense ? WeightPlace{start + 8 + (convolution - 4), false} : WeightPlace{start + 2 * convolution, true};
}

/// `[outputs, inputs, ...window]` of all readers with zeros for the padded channels.
Tensor padded(const Tensor& weight, const Cell& cell, int64_t readers) {
  const int64_t padding = cell.geometry.channels - cell.channels;
  if (padding == 0) return weight;
  const int64_t inputs = weight.size(1) == 1 && cell.channels != 1 ? 0 : padding;
  return at::constant_pad_nd(weight.reshape({readers, cell.channels, weight.size(1), -1}), {0, 0, 0, inputs, 0, padding})
      .reshape({readers * cell.geometry.channels, weight.size(1) + inputs, weight.size(2), weight.size(3)});
}

/// The weights of a state as the kernels read them; holds what it had to copy.
template <class T>
struct PackedWeights {
  std::vector<Tensor> held;
  ConvolutionWeights<T> of[kConvolutions];

  const T* hold(const Tensor& tensor) {
    held.push_back(tensor.contiguous());
    return held.back().template data_ptr<T>();
  }

  PackedWeights(const Cell& cell, at::TensorList weights, int64_t state, bool forBackward) {
    const int64_t readers = cell.readers(state), channels = cell.geometry.channels, lanes = readers * channels;
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      const int64_t taps = kWindows[i] * kWindows[i];
      if (place.pair) {
        const Tensor depthwise = weights[place.first], pointwise = padded(weights[place.first + 1], cell, readers).view({readers, channels, channels});
        of[i].depthwise = hold(paddedDepthwise(depthwise, cell, readers).view({lanes, taps}).t());
        of[i].pointwise = hold(pointwise.transpose(1, 2));
        if (forBackward) of[i].pointwiseTransposed = hold(pointwise);
      } else {
        const Tensor dense = padded(weights[place.first], cell, readers).reshape({lanes, channels, taps});
        of[i].pointwise = hold(dense.permute({2, 1, 0}));
        if (forBackward) of[i].pointwiseTransposed = hold(dense.permute({2, 0, 1}));
      }
    }
  }

  static Tensor paddedDepthwise(const Tensor& weight, const Cell& cell, int64_t readers) {
    const int64_t padding = cell.geometry.channels - cell.channels, taps = weight.size(2) * weight.size(3);
    const Tensor flat = weight.reshape({readers, cell.channels, taps});
    return (padding ? at::constant_pad_nd(flat, {0, 0, 0, padding}) : flat).reshape({readers * cell.geometry.channels, taps});
  }
};

/// Room for the gradients of a state's weights in the kernels' layout, and the way back.
template <class T>
struct WeightGradients {
  Tensor depthwise[kConvolutions], pointwise[kConvolutions];

  WeightGradients(const Cell& cell, int64_t state, const std::vector<bool>& wanted, const at::TensorOptions& options, ConvolutionWeights<T>* weights) {
    const int64_t readers = cell.readers(state), channels = cell.geometry.channels, lanes = readers * channels;
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      if (!wanted[place.first] && !(place.pair && wanted[place.first + 1])) continue;
      const int64_t taps = kWindows[i] * kWindows[i];
      if (place.pair) {
        depthwise[i] = at::empty({taps, lanes}, options);
        pointwise[i] = at::empty({readers, channels, channels}, options);
        weights[i].depthwiseGradient = depthwise[i].data_ptr<T>();
      } else {
        pointwise[i] = at::empty({taps, channels, lanes}, options);
      }
      weights[i].pointwiseGradient = pointwise[i].data_ptr<T>();
    }
  }

  void giveBack(const Cell& cell, int64_t state, at::TensorList weights, std::vector<Tensor>& gradients) const {
    const int64_t readers = cell.readers(state), channels = cell.geometry.channels, own = cell.channels;
    for (int i = 0; i < kConvolutions; i++) {
      if (!pointwise[i].defined()) continue;
      const WeightPlace place = placeOf(cell, state, i);
      const int64_t taps = kWindows[i] * kWindows[i];
      const auto give = [&](int64_t index, const Tensor& gradient) { gradients[index] = gradient.reshape(weights[index].sizes()); };
      if (place.pair) {
        give(place.first, depthwise[i].view({taps, readers, channels}).slice(2, 0, own).permute({1, 2, 0}));
        give(place.first + 1, pointwise[i].slice(1, 0, own).slice(2, 0, own).transpose(1, 2));
      } else {
        give(place.first, pointwise[i].view({taps, channels, readers, channels}).slice(1, 0, own).slice(3, 0, own).permute({2, 3, 1, 0}));
      }
    }
  }
};

// --- memory

/// Elements of a record, laid out one after the other.
template <class T>
int64_t layRecord(StateRecord<T>& record, const Geometry& geometry, int64_t readers, T* start) {
  const int64_t lanes = readers * geometry.channels;
  int64_t used = 0;
  const auto take = [&](int64_t count) {
    T* const at = start + used;
    used += (count + 15) / 16 * 16;
    return at;
  };
  for (T*& raw : record.raw) raw = take(geometry.pixels() * lanes);
  for (T*& mean : record.mean) mean = take(lanes);
  for (T*& inverse : record.inverse) inverse = take(lanes);
  for (T*& mean : record.poolMean) mean = take(geometry.channels);
  for (T*& inverse : record.poolInverse) inverse = take(geometry.channels);
  return used;
}

template <class T>
Tensor createRecord(StateRecord<T>& record, const Cell& cell, int64_t state, const at::TensorOptions& options) {
  const int64_t count = layRecord<T>(record, cell.geometry, cell.readers(state), nullptr);
  Tensor memory = at::empty({count}, options);
  layRecord(record, cell.geometry, cell.readers(state), memory.data_ptr<T>());
  return memory;
}

template <class T>
Tensor createArena(const Cell& cell, int threads, bool backward) {
  size_t bytes = 0;
  for (int64_t state = 0; state < cell.states; state++)
    bytes = std::max(bytes, kernels<T>().arenaBytes(cell.geometry, cell.readers(state), threads, backward));
  return at::empty({static_cast<int64_t>(bytes) + 64}, at::kByte);
}

char* aligned(const Tensor& memory) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory.data_ptr());
  return reinterpret_cast<char*>((address + 63) / 64 * 64);
}

/// The rows of the edges from a state, `[readers, columns]`.
template <class T>
std::vector<T> probabilitiesOf(const Cell& cell, const Tensor& probabilities, int64_t state) {
  const T* table = probabilities.data_ptr<T>();
  std::vector<T> rows;
  for (int64_t block = firstReader(state); block < cell.blocks; block++) {
    const T* row = table + edge(block, state) * kColumns;
    rows.insert(rows.end(), row, row + kColumns);
  }
  return rows;
}

/// What forward and backward have in common for a state: where it lies, its weights, its scratch memory.
template <class T>
StateJob<T> jobOf(const Cell& cell, int64_t state, const Tensor& last, const Tensor& beforeLast, const Tensor& output, const Tensor& arena, int threads, double epsilon) {
  StateJob<T> job;
  job.geometry = cell.geometry;
  job.readers = cell.readers(state);
  const int64_t channels = cell.geometry.channels;
  if (state < 2) {
    job.x = (state == 0 ? last : beforeLast).data_ptr<T>();
    job.xPixel = channels;
  } else {
    job.x = output.data_ptr<T>() + (state - 2) * channels;
    job.xPixel = cell.outChannels();
  }
  job.arena = aligned(arena);
  job.threads = threads;
  job.epsilon = epsilon;
  return job;
}

struct Forward {
  Tensor last, beforeLast, output;  // lanes last
  std::vector<Tensor> records;      // by state; empty when nothing is kept
};

template <class T>
Forward forwardCell(const Cell& cell, const Tensor& last, const Tensor& beforeLast, at::TensorList weights, const Tensor& probabilities, double epsilon, bool keep) {
  Forward result{lanesLast(last, cell), lanesLast(beforeLast, cell), {}, {}};
  const Geometry& g = cell.geometry;
  result.output = at::empty({g.batch, g.height, g.width, cell.outChannels()}, last.options());
  const int threads = at::get_num_threads();
  const Tensor arena = createArena<T>(cell, threads, false), table = probabilities.contiguous();
  Tensor scratch;
  for (int64_t state = 0; state < cell.states; state++) {
    StateJob<T> job = jobOf<T>(cell, state, result.last, result.beforeLast, result.output, arena, threads, epsilon);
    const PackedWeights<T> packed(cell, weights, state, false);
    std::copy(std::begin(packed.of), std::end(packed.of), job.weights);
    const std::vector<T> rows = probabilitiesOf<T>(cell, table, state);
    job.probabilities = rows.data();
    // State 0 has the most readers: its record is large enough for all.
    if (keep) result.records.push_back(createRecord(job.record, cell, state, last.options()));
    else if (state == 0) scratch = createRecord(job.record, cell, state, last.options());
    else layRecord(job.record, g, job.readers, scratch.data_ptr<T>());
    job.out = result.output.data_ptr<T>() + firstReader(state) * g.channels;
    job.outPixel = cell.outChannels();
    job.add = state > 0;
    kernels<T>().forward(job);
  }
  return result;
}

template <class T>
std::vector<Tensor> backwardCell(const Cell& cell, const Forward& saved, at::TensorList weights, const Tensor& probabilities, const Tensor& slope,
                                 const std::vector<bool>& wanted, double epsilon) {
  const Geometry& g = cell.geometry;
  const auto options = saved.last.options();
  const int threads = at::get_num_threads();
  const Tensor arena = createArena<T>(cell, threads, true), table = probabilities.contiguous();
  // The slopes of the blocks: those of the output, plus what later blocks send back.
  Tensor slopes = at::empty({g.batch, g.height, g.width, cell.outChannels()}, options);
  const Tensor given = slope.permute({0, 2, 3, 1});
  if (g.channels == cell.channels) {
    slopes.copy_(given);
  } else {
    slopes.zero_();
    const std::vector<int64_t> split = {g.batch, g.height, g.width, cell.blocks, -1};
    slopes.view(split).slice(4, 0, cell.channels).copy_(given.reshape(split));
  }
  Tensor inputSlopes[2] = {at::empty_like(saved.last), at::empty_like(saved.beforeLast)};
  Tensor tableSlope = at::zeros_like(table);
  std::vector<Tensor> weightSlopes(weights.size());
  Tensor scratch;
  for (int64_t state = cell.states - 1; state >= 0; state--) {
    StateJob<T> job = jobOf<T>(cell, state, saved.last, saved.beforeLast, saved.output, arena, threads, epsilon);
    const PackedWeights<T> packed(cell, weights, state, true);
    std::copy(std::begin(packed.of), std::end(packed.of), job.weights);
    const WeightGradients<T> gradients(cell, state, wanted, options, job.weights);
    const std::vector<T> rows = probabilitiesOf<T>(cell, table, state);
    std::vector<T> rowSlopes(rows.size());
    job.probabilities = rows.data();
    job.probabilityGradient = rowSlopes.data();
    job.recompute = saved.records.empty();
    if (job.recompute) {
      if (!scratch.defined()) {
        StateRecord<T> largest;
        scratch = createRecord(largest, cell, 0, options);
      }
      layRecord(job.record, g, job.readers, scratch.data_ptr<T>());
    } else {
      layRecord(job.record, g, job.readers, saved.records[state].template data_ptr<T>());
    }
    job.slope = slopes.data_ptr<T>() + firstReader(state) * g.channels;
    job.slopePixel = cell.outChannels();
    if (state < 2) {
      job.xGradient = inputSlopes[state].data_ptr<T>();
      job.xGradientPixel = g.channels;
    } else {
      job.xGradient = slopes.data_ptr<T>() + (state - 2) * g.channels;
      job.xGradientPixel = cell.outChannels();
      job.xGradientAdd = true;
    }
    kernels<T>().backward(job);
    gradients.giveBack(cell, state, weights, weightSlopes);
    for (int64_t reader = 0; reader < job.readers; reader++) {
      const T* from = rowSlopes.data() + reader * kColumns;
      std::copy(from, from + kColumns, tableSlope.data_ptr<T>() + edge(firstReader(state) + reader, state) * kColumns);
    }
  }
  std::vector<Tensor> result = {fromLanes(inputSlopes[0], cell), fromLanes(inputSlopes[1], cell), tableSlope};
  result.insert(result.end(), weightSlopes.begin(), weightSlopes.end());
  return result;
}

// --- the operator

template <class Body>
auto withType(const Tensor& x, const Body& body) {
  return x.scalar_type() == at::kFloat ? body(float{}) : body(double{});
}

Forward run(const Tensor& last, const Tensor& beforeLast, const Tensor& probabilities, at::TensorList weights, int64_t blocks, bool dense, double epsilon, bool keep) {
  const Cell cell = cellOf(last, beforeLast, weights, probabilities, blocks, dense);
  return withType(last, [&](auto one) { return forwardCell<decltype(one)>(cell, last, beforeLast, weights, probabilities, epsilon, keep); });
}

class RelaxedCell : public torch::autograd::Function<RelaxedCell> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& last, const Tensor& beforeLast, const Tensor& probabilities,
                        at::TensorList weights, int64_t blocks, bool dense, double epsilon, bool keep) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Cell cell = cellOf(last, beforeLast, weights, probabilities, blocks, dense);
    Forward result = run(last, beforeLast, probabilities, weights, blocks, dense, epsilon, keep);
    torch::autograd::variable_list saved = {last, beforeLast, probabilities, result.last, result.beforeLast, result.output};
    saved.insert(saved.end(), weights.begin(), weights.end());
    saved.insert(saved.end(), result.records.begin(), result.records.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["blocks"] = blocks;
    context->saved_data["dense"] = dense;
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["weights"] = static_cast<int64_t>(weights.size());
    return fromLanes(result.output, cell);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list slopes) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::relaxed_cell cannot be differentiated twice");
    const auto saved = context->get_saved_variables();
    const int64_t count = context->saved_data["weights"].toInt();
    constexpr int64_t kFirstWeight = 6, kInputs = 3;
    const at::TensorList weights = at::TensorList(saved).slice(kFirstWeight, count);
    const Cell cell = cellOf(saved[0], saved[1], weights, saved[2], context->saved_data["blocks"].toInt(), context->saved_data["dense"].toBool());
    const Forward forward{saved[3], saved[4], saved[5], {saved.begin() + kFirstWeight + count, saved.end()}};
    std::vector<bool> wanted;
    for (int64_t i = 0; i < count; i++) wanted.push_back(context->needs_input_grad(kInputs + i));
    const double epsilon = context->saved_data["epsilon"].toDouble();
    auto gradients = withType(saved[0], [&](auto one) {
      return backwardCell<decltype(one)>(cell, forward, weights, saved[2], slopes[0], wanted, epsilon);
    });
    gradients.resize(kInputs + count + 4);  // nothing for what is not a tensor
    return gradients;
  }
};

Tensor relaxedCell(const Tensor& last, const Tensor& beforeLast, const Tensor& probabilities, at::TensorList weights, int64_t blocks, bool dense, double epsilon, bool keep) {
  const Cell cell = cellOf(last, beforeLast, weights, probabilities, blocks, dense);
  return fromLanes(run(last, beforeLast, probabilities, weights, blocks, dense, epsilon, false).output, cell);
}

Tensor relaxedCellWithGradients(const Tensor& last, const Tensor& beforeLast, const Tensor& probabilities, at::TensorList weights, int64_t blocks, bool dense, double epsilon,
                                bool keep) {
  return RelaxedCell::apply(last, beforeLast, probabilities, weights, blocks, dense, epsilon, keep && at::GradMode::is_enabled());
}

}  // namespace

TORCH_LIBRARY(espalier, library) {
  library.def(
      "relaxed_cell(Tensor last, Tensor before_last, Tensor probabilities, Tensor[] weights, int blocks, bool dense, float epsilon, bool keep) -> Tensor");
  library.def("instruction_set(str wanted) -> str", instructionSet);
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("relaxed_cell", relaxedCell); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("relaxed_cell", relaxedCellWithGradients); }

}  // namespace espalier::kernels
