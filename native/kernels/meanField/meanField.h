/// @file What the kernels of mean field inference in a fully connected CRF are given: plain pointers. Rows are of
/// `lanes` classes, padded to a multiple of eight; those of padding stay zero.
#pragma once
#include <cstdint>

namespace espalier::kernels {

/// Classes of a row at most.
constexpr int64_t kLatticeClasses = 256;

/// The permutohedral lattice of an image: a Gaussian filter is a splat onto its points, a blur along each of its axes
/// and a slice back to the pixels.
template <class T>
struct Lattice {
  int64_t pixels, points;
  int64_t corners;           // of the simplex around a pixel, as many as the lattice has axes
  const int32_t* corner;     // [pixels, corners], points from 1 on
  const T* share;            // [pixels, corners], of a pixel in a corner
  const int32_t* first;      // [points + 1], where a point's pixels begin in the two below
  const int32_t* pixel;      // [pixels * corners]
  const T* pixelShare;       // [pixels * corners]
  const int32_t* neighbour;  // [corners, points, 2] along each axis, 0 where there is none
};

/// A normalised Gaussian along one axis of a grid `[outer, length, inner]`.
template <class T>
struct AxisFilter {
  int64_t outer, length, inner, radius;
  const T* weights;  // [length, 2 radius + 1]
};

/// What one iteration reads and writes.
template <class T>
struct UpdateJob {
  int64_t classes, lanes;
  T appearance;      // weight of the appearance kernel; 0 leaves the lattice out
  const T* values;   // [points + 1, lanes] of the lattice
  const T* smooth;   // [pixels, lanes], weighted; null leaves it out
  const T* unary;    // [pixels, lanes]
  T* marginals;      // [pixels, lanes]
  double* energies;  // [pixels], of the marginals before the iteration; null where nobody asks
  bool updates;      // false only takes the energies
};

template <class T>
struct MeanFieldKernels {
  /// `-log` of probabilities within [least, 1], and the marginals that they are; what is no number counts as `least`.
  void (*begin)(int64_t pixels, int64_t classes, int64_t lanes, T least, T* unary, T* marginals);
  /// From pixels to points; row 0 of `values` becomes zero.
  void (*splat)(const Lattice<T>& lattice, int64_t lanes, const T* from, T* values);
  void (*blur)(const Lattice<T>& lattice, int64_t lanes, int64_t axis, const T* from, T* to);
  void (*slice)(const Lattice<T>& lattice, int64_t lanes, const T* values, T* to);
  /// `to` is `times` the filtered rows.
  void (*smooth)(const AxisFilter<T>& filter, T times, const T* from, T* to);
  void (*update)(const Lattice<T>& lattice, const UpdateJob<T>& job);
};

}  // namespace espalier::kernels
