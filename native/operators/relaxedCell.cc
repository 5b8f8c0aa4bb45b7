/// @file `espalier::relaxed_cell`: a cell of the supernet of Auto-DeepLab as one operator with gradients. @paper
/// auto-deeplab eq. 1, 2 and 5 Here live the order of states and edges, the packing of weights, and what is kept for
/// the backward pass; the arithmetic is in `cellKernels.h`. One file although it is long: forward and backward walk the
/// same tables, and read side by side.
#include "tensors.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cstdlib>

namespace espalier::kernels {

namespace {

using at::Tensor;

// --- shapes

/// State s is read by the blocks from s - 1 on, the two inputs by all.
int64_t firstReader(int64_t state) { return std::max<int64_t>(0, state - 1); }
int64_t edge(int64_t block, int64_t state) { return block * (block + 3) / 2 + state; }

struct Cell {
  Geometry geometry;       // with the padded channels
  int64_t channels;        // without
  int64_t blocks, states;  // states that are read: the inputs and all blocks but the last
  bool dense;
  int64_t weightsOfState;
  const TileKernels* tiles;  // for dense convolutions in bfloat16; null: in the type of the tensors
  int64_t moves;  // into the node that the cell serves: as many inputs of the last layer, one of the layer before

  int64_t readers(int64_t state) const { return blocks - firstReader(state); }
  int64_t padding() const { return geometry.channels - channels; }
  int64_t outChannels() const { return blocks * geometry.channels; }
};

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

/// What the operator is given.
struct Inputs {
  at::TensorList last;
  const Tensor& beforeLast;
  const Tensor& moves;
  const Tensor& probabilities;
  at::TensorList weights;
  int64_t blocks;
  bool dense;
  double epsilon;
  bool bfloat16;
};

Cell cellOf(const Inputs& given) {
  const Tensor& before = given.beforeLast;
  const int64_t blocks = given.blocks;
  TORCH_CHECK(before.dim() == 4, "the inputs of a cell must be [batch, channels, height, width]");
  TORCH_CHECK(before.scalar_type() == at::kFloat || before.scalar_type() == at::kDouble,
              "the kernels take float32 and float64");
  TORCH_CHECK(before.size(0) * before.size(2) * before.size(3) > 1, "a norm needs more than one value per channel");
  Cell cell;
  cell.channels = before.size(1);
  cell.geometry = {before.size(0), before.size(2), before.size(3), paddedChannels(cell.channels)};
  cell.blocks = blocks;
  cell.states = blocks + 1;
  cell.dense = given.dense;
  cell.tiles = given.bfloat16 && given.dense && before.scalar_type() == at::kFloat ? tileKernels() : nullptr;
  cell.weightsOfState = given.dense ? 10 : 12;
  cell.moves = static_cast<int64_t>(given.last.size());
  TORCH_CHECK(blocks > 0 && static_cast<int64_t>(given.weights.size()) == cell.states * cell.weightsOfState,
              "a cell of ", blocks, " blocks has ", cell.states * cell.weightsOfState, " weights, got ",
              given.weights.size());
  const auto check = [&](const Tensor& tensor, at::IntArrayRef sizes, const char* what) {
    TORCH_CHECK(tensor.scalar_type() == before.scalar_type(), "all tensors of a cell must have one type");
    TORCH_CHECK(tensor.sizes() == sizes, what, ": expected ", sizes, ", got ", tensor.sizes());
  };
  TORCH_CHECK(cell.moves > 0, "a cell needs an input");
  for (const Tensor& last : given.last) check(last, before.sizes(), "the inputs of a cell");
  check(given.moves, {cell.moves}, "moves");
  check(given.probabilities, {edge(blocks, 0), kColumns}, "probabilities");
  for (int64_t state = 0; state < cell.states; state++) {
    const int64_t lanes = cell.readers(state) * cell.channels;
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      const int64_t kernelSize = kKernelSize[i];
      if (place.pair) check(given.weights[place.first], {lanes, 1, kernelSize, kernelSize}, "depthwise weight");
      const int64_t inner = place.pair ? 1 : kernelSize;
      check(given.weights[place.first + place.pair], {lanes, cell.channels, inner, inner},
            place.pair ? "pointwise weight" : "dense weight");
    }
  }
  return cell;
}

/// Back to `[batch, groups * channels, height, width]`, channels last.
Tensor fromChannelsLast(const Tensor& x, const Cell& cell) {
  const int64_t groups = x.size(3) / cell.geometry.channels;
  Tensor result = x;
  if (cell.geometry.channels != cell.channels) {
    result = x.view({x.size(0), x.size(1), x.size(2), groups, cell.geometry.channels})
                 .slice(4, 0, cell.channels)
                 .reshape({x.size(0), x.size(1), x.size(2), -1});
  }
  return result.permute({0, 3, 1, 2});
}

// --- weights

/// `[outputs, inputs, ...kernel]` of all readers with zeros for the padded channels.
Tensor padded(const Tensor& weight, const Cell& cell, int64_t readers, bool padInputs) {
  const int64_t padding = cell.padding();
  if (padding == 0) return weight;
  const int64_t inputs = padInputs ? padding : 0;
  return at::constant_pad_nd(weight.reshape({readers, cell.channels, weight.size(1), -1}),
                             {0, 0, 0, inputs, 0, padding})
      .reshape({readers * cell.geometry.channels, weight.size(1) + inputs, weight.size(2), weight.size(3)});
}

/// The weights of a state as the kernels read them; holds what it had to copy.
template <class T>
struct PackedWeights {
  Held held;
  ConvolutionWeights<T> of[kConvolutions];

  PackedWeights(const Cell& cell, at::TensorList weights, int64_t state, bool forBackward) {
    const int64_t readers = cell.readers(state), channels = cell.geometry.channels, lanes = readers * channels;
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      if (place.pair)
        of[i].depthwise = held.template keep<T>(outputsLast(padded(weights[place.first], cell, readers, false)));
      const Tensor pointwise = outputsLast(padded(weights[place.first + place.pair], cell, readers, true));
      of[i].pointwise = held.template keep<T>(pointwise);
      if (!forBackward) continue;
      const int64_t matrices = place.pair ? 1 : kKernelSize[i] * kKernelSize[i];
      of[i].pointwiseTransposed = held.template keep<T>(transposed<T>(pointwise, matrices, channels, lanes));
    }
  }
};

/// Room for the gradients of a state's weights, in the layout of the kernels, and their copies in the layout of the
/// weights.
template <class T>
struct WeightGradients {
  Tensor depthwise[kConvolutions], pointwise[kConvolutions];

  WeightGradients(const Cell& cell, int64_t state, const std::vector<bool>& wanted, const at::TensorOptions& options) {
    const int64_t channels = cell.geometry.channels, lanes = cell.readers(state) * channels;
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      if (!wanted[place.first] && !wanted[place.first + place.pair]) continue;
      const int64_t kernelSize = kKernelSize[i];
      if (place.pair) depthwise[i] = at::empty({kernelSize, kernelSize, 1, lanes}, options);
      pointwise[i] = at::empty({place.pair ? 1 : kernelSize, place.pair ? 1 : kernelSize, channels, lanes}, options);
    }
  }

  void describe(ConvolutionWeights<T>* weights) const {
    for (int i = 0; i < kConvolutions; i++) {
      if (depthwise[i].defined()) weights[i].gradDepthwise = depthwise[i].template data_ptr<T>();
      if (pointwise[i].defined()) weights[i].gradPointwise = pointwise[i].template data_ptr<T>();
    }
  }

  void giveBack(const Cell& cell, int64_t state, at::TensorList weights, Tensor* gradients) const {
    const int64_t readers = cell.readers(state), channels = cell.geometry.channels, own = cell.channels;
    const auto give = [&](int64_t index, const Tensor& gradient) {
      const auto sizes = weights[index].sizes();
      Tensor result = gradient;
      if (channels != own) {
        result = result.view({sizes[2], sizes[3], -1, readers, channels})
                     .slice(2, 0, sizes[1])
                     .slice(4, 0, own)
                     .reshape({sizes[2], sizes[3], sizes[1], sizes[0]});
      }
      gradients[index] = result.permute({3, 2, 0, 1});
    };
    for (int i = 0; i < kConvolutions; i++) {
      const WeightPlace place = placeOf(cell, state, i);
      if (depthwise[i].defined()) give(place.first, depthwise[i]);
      if (pointwise[i].defined()) give(place.first + place.pair, pointwise[i]);
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
    bytes = std::max(bytes,
                     kernels<T>().state.arenaBytes(cell.geometry, cell.readers(state), threads, backward, cell.tiles));
  return at::empty({static_cast<int64_t>(bytes) + 64}, at::kByte);
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

constexpr int64_t kBeforeLast = 1;  // the state that all moves share

struct Forward {
  std::vector<Tensor> last;     // by move, channels last
  Tensor beforeLast;            // channels last
  std::vector<Tensor> outputs;  // by move, channels last
  std::vector<Tensor> records;  // by state and move, see `recordIndex`; empty when nothing is kept
};

/// How many times a state is computed.
int64_t timesOf(const Cell& cell, int64_t state) { return state == kBeforeLast ? 1 : cell.moves; }
size_t recordIndex(const Cell& cell, int64_t state, int64_t move) {
  return static_cast<size_t>(state <= kBeforeLast ? state * cell.moves + move : (state - 1) * cell.moves + 1 + move);
}

/// What forward and backward have in common for a state: where it lies, its weights, its scratch memory.
template <class T>
StateJob<T> jobOf(const Cell& cell, int64_t state, int64_t move, const Forward& tensors,
                  const PackedWeights<T>& weights, const std::vector<T>& probabilities, const Tensor& arena,
                  int threads, double epsilon) {
  StateJob<T> job;
  job.geometry = cell.geometry;
  job.readers = cell.readers(state);
  const int64_t channels = cell.geometry.channels;
  if (state < 2) {
    job.x = (state == kBeforeLast ? tensors.beforeLast : tensors.last[move]).template data_ptr<T>();
    job.xPixel = channels;
  } else {
    job.x = tensors.outputs[move].template data_ptr<T>() + (state - 2) * channels;
    job.xPixel = cell.outChannels();
  }
  std::copy(std::begin(weights.of), std::end(weights.of), job.weights);
  job.probabilities = probabilities.data();
  job.tiles = cell.tiles;
  job.arena = aligned(arena);
  job.threads = threads;
  job.epsilon = epsilon;
  return job;
}

/// Memory for records that nobody keeps: state 0 has the most readers, so what holds its record holds any.
template <class T>
Tensor createScratchRecord(const Cell& cell, const at::TensorOptions& options) {
  StateRecord<T> largest;
  return createRecord(largest, cell, 0, options);
}

template <class T>
Forward forwardCell(const Cell& cell, const Inputs& given, bool keep) {
  const Geometry& g = cell.geometry;
  const auto options = given.beforeLast.options();
  Forward result;
  result.beforeLast = channelsLast(given.beforeLast, cell.padding());
  for (const Tensor& last : given.last) {
    result.last.push_back(channelsLast(last, cell.padding()));
    result.outputs.push_back(at::empty({g.batch, g.height, g.width, cell.outChannels()}, options));
  }
  const int threads = at::get_num_threads();
  const Tensor arena = createArena<T>(cell, threads, false), table = given.probabilities.contiguous();
  const Tensor scratch = keep ? Tensor() : createScratchRecord<T>(cell, options);
  if (keep) result.records.resize(recordIndex(cell, cell.states, 0));
  const auto runState = [&](int64_t state) {
    const PackedWeights<T> weights(cell, given.weights, state, false);
    const std::vector<T> rows = probabilitiesOf<T>(cell, table, state);
    for (int64_t move = 0; move < timesOf(cell, state); move++) {
      StateJob<T> job = jobOf<T>(cell, state, move, result, weights, rows, arena, threads, given.epsilon);
      if (keep)
        result.records[recordIndex(cell, state, move)] = createRecord(job.record, cell, state, options);
      else
        layRecord(job.record, g, job.readers, scratch.template data_ptr<T>());
      job.out = result.outputs[move].template data_ptr<T>() + firstReader(state) * g.channels;
      job.outPixel = cell.outChannels();
      job.add = state != kBeforeLast;
      kernels<T>().state.forward(job);
    }
  };
  runState(kBeforeLast);
  for (int64_t move = 1; move < cell.moves; move++) result.outputs[move].copy_(result.outputs[0]);
  runState(0);
  for (int64_t state = 2; state < cell.states; state++) runState(state);
  return result;
}

/// The outputs of all moves, weighted. @paper auto-deeplab eq. 6
Tensor weightedSum(const Forward& result, const Tensor& moves) {
  Tensor sum = result.outputs[0] * moves[0];
  for (size_t move = 1; move < result.outputs.size(); move++)
    sum.addcmul_(result.outputs[move], moves[static_cast<int64_t>(move)]);
  return sum;
}

/// A gradient `[batch, blocks * channels, height, width]` with channels last and zeros for the padded channels.
Tensor gradChannelsLast(const Tensor& gradOutput, const Cell& cell) {
  const Geometry& g = cell.geometry;
  const Tensor last = gradOutput.permute({0, 2, 3, 1});
  if (g.channels == cell.channels) return last.contiguous();
  return at::constant_pad_nd(last.reshape({g.batch, g.height, g.width, cell.blocks, cell.channels}),
                             {0, g.channels - cell.channels})
      .view({g.batch, g.height, g.width, cell.outChannels()});
}

/// The sum of all elements, axis by axis: in an order that does not depend on the threads.
Tensor totalOf(Tensor x) {
  while (x.dim() > 0) x = x.sum(-1);
  return x;
}

/// The gradients in the order of the inputs: last by move, before last, moves, probabilities, weights.
template <class T>
std::vector<Tensor> backwardCell(const Cell& cell, const Inputs& given, const Forward& saved, const Tensor& gradOutput,
                                 const std::vector<bool>& weightWanted) {
  const Geometry& g = cell.geometry;
  const auto options = saved.beforeLast.options();
  const int threads = at::get_num_threads();
  const Tensor arena = createArena<T>(cell, threads, true), table = given.probabilities.contiguous();
  const bool recompute = saved.records.empty();
  const Tensor scratch = recompute ? createScratchRecord<T>(cell, options) : Tensor();
  const Tensor gradNode = gradChannelsLast(gradOutput, cell);
  Tensor gradMoves = at::empty({cell.moves}, options), gradTable = at::zeros_like(table);
  // The gradients of the blocks, by move: those of the output, plus what later blocks send back.
  std::vector<Tensor> gradBlocks, gradInputs;
  for (int64_t move = 0; move < cell.moves; move++) {
    gradBlocks.push_back(gradNode * given.moves[move]);
    gradInputs.push_back(at::empty_like(saved.last[move]));
    gradMoves[move] = totalOf(gradNode * saved.outputs[move]);
  }
  Tensor gradBefore = at::empty_like(saved.beforeLast);
  std::vector<Tensor> gradWeights(given.weights.size());
  const auto runState = [&](int64_t state) {
    const PackedWeights<T> weights(cell, given.weights, state, true);
    const WeightGradients<T> gradients(cell, state, weightWanted, options);
    const std::vector<T> rows = probabilitiesOf<T>(cell, table, state);
    std::vector<T> gradRows(rows.size());
    for (int64_t move = 0; move < timesOf(cell, state); move++) {
      StateJob<T> job = jobOf<T>(cell, state, move, saved, weights, rows, arena, threads, given.epsilon);
      gradients.describe(job.weights);
      job.gradWeightAdd = move > 0;
      job.gradProbabilities = gradRows.data();
      job.recompute = recompute;
      layRecord(job.record, g, job.readers,
                (recompute ? scratch : saved.records[recordIndex(cell, state, move)]).template data_ptr<T>());
      job.gradOutput = gradBlocks[move].template data_ptr<T>() + firstReader(state) * g.channels;
      job.gradPixel = cell.outChannels();
      job.gradInputAdd = state >= 2;
      job.gradInputPixel = state < 2 ? g.channels : cell.outChannels();
      if (state >= 2)
        job.gradInput = gradBlocks[move].template data_ptr<T>() + (state - 2) * g.channels;
      else
        job.gradInput = (state == kBeforeLast ? gradBefore : gradInputs[move]).template data_ptr<T>();
      kernels<T>().state.backward(job);
      for (int64_t reader = 0; reader < job.readers; reader++) {
        T* to = gradTable.template data_ptr<T>() + edge(firstReader(state) + reader, state) * kColumns;
        for (int column = 0; column < kColumns; column++) to[column] += gradRows[reader * kColumns + column];
      }
    }
    gradients.giveBack(cell, state, given.weights, gradWeights.data());
  };
  for (int64_t state = cell.states - 1; state >= 2; state--) runState(state);
  runState(0);
  for (int64_t move = 1; move < cell.moves; move++) gradBlocks[0].add_(gradBlocks[move]);
  runState(kBeforeLast);
  std::vector<Tensor> result;
  for (const Tensor& gradInput : gradInputs) result.push_back(fromChannelsLast(gradInput, cell));
  result.insert(result.end(), {fromChannelsLast(gradBefore, cell), gradMoves, gradTable});
  result.insert(result.end(), gradWeights.begin(), gradWeights.end());
  return result;
}

// --- the operator

Forward run(const Cell& cell, const Inputs& given, bool keep) {
  return withType(given.beforeLast, [&](auto one) { return forwardCell<decltype(one)>(cell, given, keep); });
}

class RelaxedCell : public torch::autograd::Function<RelaxedCell> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, at::TensorList last, const Tensor& beforeLast,
                        const Tensor& moves, const Tensor& probabilities, at::TensorList weights, int64_t blocks,
                        bool dense, double epsilon, bool keep, bool bfloat16) {
    at::AutoDispatchBelowADInplaceOrView below;
    const Inputs given{last, beforeLast, moves, probabilities, weights, blocks, dense, epsilon, bfloat16};
    const Cell cell = cellOf(given);
    const Forward result = run(cell, given, keep);
    torch::autograd::variable_list saved;
    const auto save = [&](at::TensorList list) { saved.insert(saved.end(), list.begin(), list.end()); };
    save(result.last);
    save(result.outputs);
    save({result.beforeLast, moves, probabilities});
    save(weights);
    save(result.records);
    context->save_for_backward(std::move(saved));
    context->saved_data["settings"] =
        c10::List<int64_t>({cell.moves, blocks, dense, static_cast<int64_t>(weights.size()), cell.channels, bfloat16});
    context->saved_data["epsilon"] = epsilon;
    return fromChannelsLast(weightedSum(result, moves), cell);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradOutputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::relaxed_cell cannot be differentiated twice");
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const auto settings = context->saved_data["settings"].toIntVector();
    const int64_t moves = settings[0], weightCount = settings[3], channels = settings[4];
    auto at = saved.begin();
    const auto take = [&](int64_t count) {
      at += count;
      return std::vector<Tensor>(at - count, at);
    };
    Forward forward;
    forward.last = take(moves);
    forward.outputs = take(moves);
    const std::vector<Tensor> single = take(3), weights = take(weightCount);
    forward.beforeLast = single[0];
    forward.records = std::vector<Tensor>(at, saved.end());
    // The inputs as they were given, without the padding.
    std::vector<Tensor> last;
    const auto asGiven = [&](const Tensor& lanes) { return lanes.permute({0, 3, 1, 2}).slice(1, 0, channels); };
    for (const Tensor& lanes : forward.last) last.push_back(asGiven(lanes));
    const Tensor beforeLast = asGiven(forward.beforeLast);
    const Inputs given{last,
                       beforeLast,
                       single[1],
                       single[2],
                       weights,
                       settings[1],
                       settings[2] != 0,
                       context->saved_data["epsilon"].toDouble(),
                       settings[5] != 0};
    const int64_t firstWeight = moves + 3;
    std::vector<bool> wanted;
    for (int64_t i = 0; i < weightCount; i++) wanted.push_back(context->needs_input_grad(firstWeight + i));
    const Cell cell = cellOf(given);
    auto gradients = withType(beforeLast, [&](auto one) {
      return backwardCell<decltype(one)>(cell, given, forward, gradOutputs[0], wanted);
    });
    constexpr int64_t kPlainInputs = 5;  // blocks, dense, epsilon, keep, bfloat16
    gradients.resize(gradients.size() + kPlainInputs);
    return gradients;
  }
};

Tensor relaxedCell(at::TensorList last, const Tensor& beforeLast, const Tensor& moves, const Tensor& probabilities,
                   at::TensorList weights, int64_t blocks, bool dense, double epsilon, bool, bool bfloat16) {
  const Inputs given{last, beforeLast, moves, probabilities, weights, blocks, dense, epsilon, bfloat16};
  const Cell cell = cellOf(given);
  return fromChannelsLast(weightedSum(run(cell, given, false), moves), cell);
}

Tensor relaxedCellWithGradients(at::TensorList last, const Tensor& beforeLast, const Tensor& moves,
                                const Tensor& probabilities, at::TensorList weights, int64_t blocks, bool dense,
                                double epsilon, bool keep, bool bfloat16) {
  return RelaxedCell::apply(last, beforeLast, moves, probabilities, weights, blocks, dense, epsilon,
                            keep && at::GradMode::is_enabled(), bfloat16);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "relaxed_cell(Tensor[] last, Tensor before_last, Tensor moves, Tensor probabilities, Tensor[] weights, int "
      "blocks, bool dense, float epsilon, "
      "bool keep, bool bfloat16) -> Tensor");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("relaxed_cell", relaxedCell); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("relaxed_cell", relaxedCellWithGradients); }

}  // namespace espalier::kernels
