/// @file The permutohedral lattice of features, built once for an image: where every feature lies, the points that are
/// needed, and their neighbours. Adams, Baek and Davis 2010, "Fast high-dimensional filtering using the permutohedral
/// lattice"; scaled so that one blur has a deviation of 1, as there (section 3.2). Points are numbered by the first
/// feature that needs them, whatever the number of threads.
#pragma once
#include "../kernels/meanField/meanField.h"
#include "tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace espalier::kernels {
namespace {

/// Features have at most so many values.
constexpr int64_t kMostFeatures = 64;
/// Features that are numbered together before all are.
constexpr int64_t kChunk = 8192;

/// Points by their coordinates, numbered in the order in which they are first asked for.
class PointTable {
 public:
  explicit PointTable(int64_t width) : width_(width), slots_(1024, 0) {}

  int64_t size() const { return static_cast<int64_t>(keys_.size()) / width_; }
  const int32_t* key(int64_t point) const { return keys_.data() + point * width_; }

  /// The number of a point from 1 on; 0 where it is not known.
  int32_t find(const int32_t* key) const {
    for (size_t slot = hash(key);; slot++) {
      const int32_t found = slots_[slot & (slots_.size() - 1)];
      if (found == 0 || std::memcmp(this->key(found - 1), key, bytes()) == 0) return found;
    }
  }

  /// The same; a point that is not known becomes one.
  int32_t add(const int32_t* key) {
    const int32_t found = find(key);
    if (found != 0) return found;
    if (2 * (size() + 1) > static_cast<int64_t>(slots_.size())) grow();
    keys_.insert(keys_.end(), key, key + width_);
    const int32_t added = static_cast<int32_t>(size());
    place(added);
    return added;
  }

 private:
  size_t bytes() const { return static_cast<size_t>(width_) * sizeof(int32_t); }

  size_t hash(const int32_t* key) const {
    uint64_t value = 0;
    for (int64_t i = 0; i < width_; i++) {
      value = (value ^ static_cast<uint32_t>(key[i])) * 0x9E3779B97F4A7C15ull;
      value ^= value >> 29;
    }
    return static_cast<size_t>(value);
  }

  void place(int32_t point) {
    size_t slot = hash(key(point - 1));
    while (slots_[slot & (slots_.size() - 1)] != 0) slot++;
    slots_[slot & (slots_.size() - 1)] = point;
  }

  void grow() {
    slots_.assign(2 * slots_.size(), 0);
    for (int32_t point = 1; point <= size(); point++) place(point);
  }

  int64_t width_;
  std::vector<int32_t> slots_;  // a power of two, at most half full
  std::vector<int32_t> keys_;   // without the last coordinate: they sum to zero
};

/// The simplex that a feature lies in.
struct Simplex {
  int32_t keys[kMostFeatures + 1][kMostFeatures];  // of its corners
  double shares[kMostFeatures + 1];                // barycentric coordinates
};

/// `feature` has `width` values in units of their deviations; `scale` is that of each axis.
inline void findSimplex(const double* feature, const double* scale, int64_t width, Simplex& to) {
  const int64_t corners = width + 1;
  double elevated[kMostFeatures + 1], rounded[kMostFeatures + 1];
  double sum = 0;
  for (int64_t i = width; i > 0; i--) {
    const double value = feature[i - 1] * scale[i - 1];
    elevated[i] = sum - static_cast<double>(i) * value;
    sum += value;
  }
  elevated[0] = sum;
  // The nearest point whose coordinates are multiples of `corners`; their sum may be off by a few of these.
  int64_t off = 0;
  for (int64_t i = 0; i < corners; i++) {
    const double multiple = std::rint(elevated[i] / static_cast<double>(corners));
    rounded[i] = multiple * static_cast<double>(corners);
    off += static_cast<int64_t>(multiple);
  }
  int64_t rank[kMostFeatures + 1] = {};
  for (int64_t i = 0; i < width; i++)
    for (int64_t j = i + 1; j < corners; j++) rank[elevated[i] - rounded[i] < elevated[j] - rounded[j] ? i : j]++;
  for (int64_t i = 0; i < corners; i++) {
    rank[i] += off;
    const int64_t turn = rank[i] < 0 ? 1 : rank[i] >= corners ? -1 : 0;
    rank[i] += turn * corners;
    rounded[i] += static_cast<double>(turn * corners);
  }
  double shares[kMostFeatures + 2] = {};
  for (int64_t i = 0; i < corners; i++) {
    const double value = (elevated[i] - rounded[i]) / static_cast<double>(corners);
    shares[width - rank[i]] += value;
    shares[width - rank[i] + 1] -= value;
  }
  shares[0] += 1 + shares[corners];
  for (int64_t corner = 0; corner < corners; corner++) {
    to.shares[corner] = shares[corner];
    for (int64_t i = 0; i < width; i++)
      to.keys[corner][i] = static_cast<int32_t>(rounded[i]) +
                           static_cast<int32_t>(rank[i] < corners - corner ? corner : corner - corners);
  }
}

/// A lattice and what it points into.
template <class T>
class BuiltLattice {
 public:
  /// `featureOf(pixel, to)` writes the `width` values of a pixel's feature, in units of their deviations.
  template <class FeatureOf>
  BuiltLattice(int64_t pixels, int64_t width, const FeatureOf& featureOf) : pixels_(pixels), corners_(width + 1) {
    corner_.resize(pixels * corners_);
    share_.resize(pixels * corners_);
    const PointTable points = number(width, featureOf);
    points_ = points.size();
    collectPixels();
    findNeighbours(points, width);
  }

  Lattice<T> view() const {
    return {pixels_,       points_,       corners_,           corner_.data(),   share_.data(),
            first_.data(), pixel_.data(), pixelShare_.data(), neighbour_.data()};
  }

  /// Multiplies what a pixel gives and takes by `factors[pixel]`.
  void scaleShares(const T* factors) {
    at::parallel_for(0, pixels_, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * corners_; i < end * corners_; i++) share_[i] *= factors[i / corners_];
    });
    at::parallel_for(0, pixels_ * corners_, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) pixelShare_[i] *= factors[pixel_[i]];
    });
  }

 private:
  template <class FeatureOf>
  PointTable number(int64_t width, const FeatureOf& featureOf) {
    double scale[kMostFeatures];
    // Axes of equal length (page 5), and the deviation of the whole filter (page 6).
    for (int64_t i = 0; i < width; i++)
      scale[i] =
          std::sqrt(2.0 / 3.0) * static_cast<double>(width + 1) / std::sqrt(static_cast<double>((i + 1) * (i + 2)));
    const int64_t chunks = (pixels_ + kChunk - 1) / kChunk;
    std::vector<PointTable> tables(static_cast<size_t>(chunks), PointTable(width));
    at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
      Simplex simplex;
      double feature[kMostFeatures];
      for (int64_t chunk = begin; chunk < end; chunk++)
        for (int64_t pixel = chunk * kChunk; pixel < std::min(pixels_, (chunk + 1) * kChunk); pixel++) {
          featureOf(pixel, feature);
          findSimplex(feature, scale, width, simplex);
          for (int64_t corner = 0; corner < corners_; corner++) {
            corner_[pixel * corners_ + corner] = tables[chunk].add(simplex.keys[corner]);
            share_[pixel * corners_ + corner] = static_cast<T>(simplex.shares[corner]);
          }
        }
    });
    PointTable all(width);
    std::vector<std::vector<int32_t>> numbers(static_cast<size_t>(chunks));
    for (int64_t chunk = 0; chunk < chunks; chunk++)
      for (int64_t point = 0; point < tables[chunk].size(); point++)
        numbers[chunk].push_back(all.add(tables[chunk].key(point)));
    at::parallel_for(0, pixels_, kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * corners_; i < end * corners_; i++)
        corner_[i] = numbers[i / corners_ / kChunk][corner_[i] - 1];
    });
    return all;
  }

  /// The pixels of every point, in order.
  void collectPixels() {
    first_.assign(points_ + 1, 0);
    for (const int32_t point : corner_) first_[point]++;
    for (int64_t point = 0; point < points_; point++) first_[point + 1] += first_[point];
    pixel_.resize(corner_.size());
    pixelShare_.resize(corner_.size());
    std::vector<int32_t> next(first_.begin(), first_.end());
    for (size_t i = 0; i < corner_.size(); i++) {
      const int32_t at = next[corner_[i] - 1]++;
      pixel_[at] = static_cast<int32_t>(i / corners_);
      pixelShare_[at] = share_[i];
    }
  }

  void findNeighbours(const PointTable& points, int64_t width) {
    neighbour_.assign(corners_ * points_ * 2, 0);
    at::parallel_for(0, points_, 1024, [&](int64_t begin, int64_t end) {
      int32_t behind[kMostFeatures];
      for (int64_t point = begin; point < end; point++)
        for (int64_t axis = 0; axis < corners_; axis++) {
          for (int64_t i = 0; i < width; i++)
            behind[i] = points.key(point)[i] + (i == axis ? static_cast<int32_t>(-width) : 1);
          const int32_t found = points.find(behind);
          if (found == 0) continue;
          // Of each point one other is the one before: nobody else writes to it.
          neighbour_[(axis * points_ + point) * 2 + 1] = found;
          neighbour_[(axis * points_ + found - 1) * 2] = static_cast<int32_t>(point + 1);
        }
    });
  }

  int64_t pixels_, corners_, points_ = 0;
  std::vector<int32_t> corner_, first_, pixel_, neighbour_;
  std::vector<T> share_, pixelShare_;
};

}  // namespace
}  // namespace espalier::kernels
