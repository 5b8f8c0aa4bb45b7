/// @file `espalier::mean_field`: inference in a fully connected CRF with Gaussian kernels. Kraehenbuehl and Koltun
/// 2011, "Efficient inference in fully connected CRFs with Gaussian edge potentials", with the symmetric normalisation
/// of their code: a kernel `k` becomes `k(i, j) / sqrt(sum k(i, .) sum k(j, .))`, and a pixel is its own neighbour too.
/// The appearance kernel is filtered by a permutohedral lattice, the smoothness kernel along each axis. The arithmetic
/// is in `meanFieldKernels.h`.
#include "permutohedral.h"

#include <torch/library.h>

#include <tuple>

namespace espalier::kernels {
namespace {

/// Probabilities below count as this much, as in the public code that people use (`unary_from_softmax`).
constexpr double kLeast = 1e-5;
/// A Gaussian is cut off at so many deviations.
constexpr double kReach = 5;
/// The widest that features may lie apart, in deviations: coordinates stay whole numbers of 32 bits.
constexpr double kMostDeviations = 1e6;

/// Weight and deviations of a kernel.
struct Kernel {
  double weight;
  std::vector<double> position;  // one an axis, in pixels
  double intensity;              // of the appearance kernel
};

/// The normalised Gaussian along one axis: the symmetric normalisation of a product is that of its factors.
template <class T>
std::vector<T> axisWeights(int64_t length, double deviation, int64_t radius) {
  const auto gaussian = [&](int64_t distance) {
    const double x = static_cast<double>(distance) / deviation;
    return std::exp(-0.5 * x * x);
  };
  std::vector<double> root(length);
  for (int64_t place = 0; place < length; place++) {
    double sum = 0;
    for (int64_t other = std::max<int64_t>(0, place - radius); other < std::min(length, place + radius + 1); other++)
      sum += gaussian(other - place);
    root[place] = std::sqrt(sum);
  }
  std::vector<T> weights(length * (2 * radius + 1), T(0));
  for (int64_t place = 0; place < length; place++)
    for (int64_t other = std::max<int64_t>(0, place - radius); other < std::min(length, place + radius + 1); other++)
      weights[place * (2 * radius + 1) + other - place + radius] =
          static_cast<T>(gaussian(other - place) / (root[place] * root[other]));
  return weights;
}

/// The lattice of one image `[pixels, channels]`, normalised.
template <class T>
BuiltLattice<T> appearanceLattice(const T* image, int64_t channels, at::IntArrayRef size, const Kernel& kernel) {
  const int64_t axes = static_cast<int64_t>(size.size());
  int64_t pixels = 1;
  for (const int64_t side : size) pixels *= side;
  BuiltLattice<T> lattice(pixels, axes + channels, [&](int64_t pixel, double* to) {
    int64_t rest = pixel;
    for (int64_t axis = axes; axis-- > 0; rest /= size[axis])
      to[axis] = static_cast<double>(rest % size[axis]) / kernel.position[axis];
    for (int64_t i = 0; i < channels; i++)
      to[axes + i] = static_cast<double>(image[pixel * channels + i]) / kernel.intensity;
  });
  const MeanFieldKernels<T>& run = kernels<T>().meanField;
  const Lattice<T> view = lattice.view();
  const int64_t lanes = kLaneMultiple;
  std::vector<T> ones(pixels * lanes, T(1)), values((view.points + 1) * lanes), others(values.size());
  run.splat(view, lanes, ones.data(), values.data());
  for (int64_t axis = 0; axis < view.corners; axis++, std::swap(values, others))
    run.blur(view, lanes, axis, values.data(), others.data());
  run.slice(view, lanes, values.data(), ones.data());
  std::vector<T> factors(pixels);
  for (int64_t pixel = 0; pixel < pixels; pixel++)
    factors[pixel] = static_cast<T>(1 / std::sqrt(static_cast<double>(ones[pixel * lanes]) + 1e-20));
  lattice.scaleShares(factors.data());
  return lattice;
}

/// Mean field of one image. `unary` holds the probabilities, `[pixels, lanes]`; returns the energies before every
/// iteration and after the last one, where they are wanted.
template <class T>
std::vector<double> infer(T* unary, T* marginals, const T* image, int64_t channels, int64_t classes, int64_t lanes,
                          at::IntArrayRef size, int64_t iterations, const Kernel& appearance, const Kernel& smoothness,
                          bool wantsEnergies) {
  const MeanFieldKernels<T>& run = kernels<T>().meanField;
  int64_t pixels = 1;
  for (const int64_t side : size) pixels *= side;
  run.begin(pixels, classes, lanes, static_cast<T>(kLeast), unary, marginals);

  const bool hasLattice = appearance.weight != 0, isSmooth = smoothness.weight != 0;
  const BuiltLattice<T> lattice = hasLattice ? appearanceLattice(image, channels, size, appearance)
                                             : BuiltLattice<T>(0, 1, [](int64_t, double*) {});
  Lattice<T> view = lattice.view();
  view.pixels = pixels;
  std::vector<T> values((view.points + 1) * lanes), others(values.size());
  std::vector<std::vector<T>> weights;
  std::vector<AxisFilter<T>> filters;
  std::vector<T> smoothed(isSmooth ? pixels * lanes : 0), between(smoothed.size());
  int64_t outer = 1, inner = pixels * lanes;
  weights.reserve(size.size());
  for (size_t axis = 0; isSmooth && axis < size.size(); axis++) {
    const int64_t length = size[axis];
    const double deviation = smoothness.position[axis];
    const int64_t radius =
        static_cast<int64_t>(std::min(static_cast<double>(length - 1), std::ceil(kReach * deviation)));
    inner /= length;
    weights.push_back(axisWeights<T>(length, deviation, radius));
    filters.push_back({outer, length, inner, radius, weights.back().data()});
    outer *= length;
  }
  std::vector<double> ofPixels(wantsEnergies ? pixels : 0), energies;
  for (int64_t iteration = 0; iteration < iterations + (wantsEnergies ? 1 : 0); iteration++) {
    if (hasLattice) {
      run.splat(view, lanes, marginals, values.data());
      for (int64_t axis = 0; axis < view.corners; axis++, std::swap(values, others))
        run.blur(view, lanes, axis, values.data(), others.data());
    }
    const T* from = marginals;
    for (size_t axis = 0; axis < filters.size(); axis++) {
      // Its weight once, then to and fro between two buffers.
      const T times = static_cast<T>(axis == 0 ? smoothness.weight : 1);
      T* const to = (filters.size() - axis) % 2 == 1 ? smoothed.data() : between.data();
      run.smooth(filters[axis], times, from, to);
      from = to;
    }
    run.update(view,
               {classes, lanes, static_cast<T>(appearance.weight), values.data(), isSmooth ? smoothed.data() : nullptr,
                unary, marginals, wantsEnergies ? ofPixels.data() : nullptr, iteration < iterations});
    if (!wantsEnergies) continue;
    double sum = 0;
    for (const double energy : ofPixels) sum += energy;
    energies.push_back(sum);
  }
  return energies;
}

Kernel kernelOf(const char* name, at::ArrayRef<double> numbers, size_t axes, bool hasIntensity) {
  const size_t others = hasIntensity ? 2 : 1;
  TORCH_CHECK(numbers.size() == axes + others, "the ", name, " kernel of ", axes, " axes takes ", axes + others,
              " numbers, got ", numbers.size());
  TORCH_CHECK(numbers[0] >= 0 && std::isfinite(numbers[0]), "the weight of the ", name,
              " kernel is a number from 0, got ", numbers[0]);
  for (const double deviation : numbers.slice(1))
    TORCH_CHECK(deviation > 0 && std::isfinite(deviation), "deviations of the ", name,
                " kernel are numbers above 0, got ", deviation);
  return {numbers[0], numbers.slice(others).vec(), hasIntensity ? numbers[1] : 1};
}

/// Whether the features of the appearance kernel fit into the coordinates of the lattice.
void requireNear(const Tensor& image, const Kernel& kernel) {
  TORCH_CHECK(at::isfinite(image).all().item<bool>(), "the image has values that are not finite");
  const double most = image.abs().max().item<double>();
  TORCH_CHECK(most / kernel.intensity < kMostDeviations, "an intensity of ", most, " is more than ", kMostDeviations,
              " deviations of ", kernel.intensity);
  for (size_t axis = 0; axis < kernel.position.size(); axis++)
    TORCH_CHECK(
        static_cast<double>(image.size(2 + static_cast<int64_t>(axis))) / kernel.position[axis] < kMostDeviations,
        "a side is more than ", kMostDeviations, " deviations of ", kernel.position[axis]);
}

std::tuple<Tensor, Tensor> meanField(const Tensor& probabilities, const Tensor& image, int64_t iterations,
                                     at::ArrayRef<double> appearance, at::ArrayRef<double> smoothness,
                                     bool wantsEnergies) {
  const int64_t axes = probabilities.dim() - 2;
  TORCH_CHECK(axes >= 1 && probabilities.numel() > 0, "mean field reads [batch, classes, ...spatial], got ",
              probabilities.sizes());
  TORCH_CHECK(image.dim() == axes + 2 && image.size(0) == probabilities.size(0) &&
                  image.sizes().slice(2) == probabilities.sizes().slice(2) && image.size(1) > 0,
              "an image of the size of ", probabilities.sizes(), " is needed, got ", image.sizes());
  TORCH_CHECK(probabilities.scalar_type() == image.scalar_type() &&
                  (image.scalar_type() == at::kFloat || image.scalar_type() == at::kDouble),
              "the kernels take float32 and float64");
  const int64_t batch = probabilities.size(0), classes = probabilities.size(1), channels = image.size(1);
  const std::vector<int64_t> size = image.sizes().slice(2).vec();
  TORCH_CHECK(classes <= kLatticeClasses, "at most ", kLatticeClasses, " classes, got ", classes);
  TORCH_CHECK(axes + channels <= kMostFeatures, "at most ", kMostFeatures - axes, " channels, got ", channels);
  TORCH_CHECK(iterations >= 0, "iterations are a number from 0, got ", iterations);
  // Pixels by corners are counted in 32 bits.
  TORCH_CHECK(image.numel() / channels / batch * (axes + channels + 1) < (int64_t(1) << 31),
              "the image has too many pixels: ", image.sizes());
  const Kernel seen = kernelOf("appearance", appearance, static_cast<size_t>(axes), true);
  const Kernel near = kernelOf("smoothness", smoothness, static_cast<size_t>(axes), false);
  if (seen.weight != 0) requireNear(image, seen);

  const int64_t lanes = paddedChannels(classes);
  const Tensor unary = channelsLast(probabilities, lanes - classes).clone();
  const Tensor pixels = channelsLast(image);
  const Tensor marginals = at::empty(unary.sizes(), unary.options());
  const Tensor energies = at::zeros({batch, wantsEnergies ? iterations + 1 : 0}, at::kDouble);
  withType(image, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < batch; i++) {
      const int64_t row = unary.numel() / batch;
      const std::vector<double> found = infer<T>(unary.data_ptr<T>() + i * row, marginals.data_ptr<T>() + i * row,
                                                 pixels.data_ptr<T>() + i * (pixels.numel() / batch), channels, classes,
                                                 lanes, size, iterations, seen, near, wantsEnergies);
      std::copy(found.begin(), found.end(), energies.data_ptr<double>() + i * energies.size(1));
    }
  });
  return {marginals.narrow(-1, 0, classes).contiguous().movedim(-1, 1), energies};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def(
      "mean_field(Tensor probabilities, Tensor image, int iterations, float[] appearance, float[] smoothness, "
      "bool energies) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("mean_field", meanField); }

}  // namespace espalier::kernels
