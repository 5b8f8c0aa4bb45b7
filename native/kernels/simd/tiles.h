/// @file Products of bfloat16 matrices, summed in float32, on the tile registers of the processor (AMX): what
/// convolutions are made of where a search asks for bfloat16. Operands are rounded to nearest even; what is stored and
/// added is float32.
///
/// A tile of the right operand is 32 rows of 16 columns, 512 numbers, in which two rows lie side by side: `[16 pairs,
/// 16 columns, 2]`. Tiles are ordered
/// `[panels of 16 columns, steps of 32 rows]`. The left operand is read where it lies, 32 numbers of a row at a time.
#pragma once
#include <cstdint>

namespace espalier::kernels {

/// The upper half of a float32.
using Half = uint16_t;

constexpr int64_t kTileRows = 16, kTileDepth = 32, kTileColumns = 16, kTileSize = kTileDepth * kTileColumns;

namespace {
/// Each file has its own, as all code of the kernels: they are compiled for different processors.
inline int64_t tilePanels(int64_t columns) { return (columns + kTileColumns - 1) / kTileColumns; }
}  // namespace

/// Up to sixteen rows of the left operand and of the result.
struct TileBlock {
  const Half* a;
  float* c;
  int64_t rows;
};

/// `c[row, column] (+)= sum over steps of a[row, aAt[step] + 0..31] * tile(step)`, for blocks of rows that need not lie
/// beside each other.
struct TileProduct {
  const TileBlock* blocks;
  int64_t count;
  int64_t aRow;        // of all blocks, from one row to the next
  const int64_t* aAt;  // null: 32 further with each step
  int64_t steps;
  const Half* tiles;  // of the first step in the first panel
  int64_t tilesOfPanel;
  int64_t columns;  // a multiple of eight
  int64_t cRow;
  bool add;
};

struct TileKernels {
  /// `to[row, i] = from[row, i]`.
  void (*narrow)(const float* from, int64_t fromRow, int64_t rows, int64_t count, Half* to, int64_t toRow);
  /// `to[i, row] = from[row, i]`, an even number of i.
  void (*transpose)(const Half* from, int64_t fromRow, int64_t rows, int64_t count, Half* to, int64_t toRow);
  /// Makes the tiles of rows that are listed, 32 for each step, null for zeros.
  void (*packTiles)(const Half* const* rows, int64_t steps, int64_t columns, Half* tiles, int64_t tilesOfPanel);
  void (*multiply)(const TileProduct& product);
};

/// Null where the processor, the operating system or the compiler has none, and where another instruction set than the
/// best was chosen.
const TileKernels* tileKernels();
/// Asks the operating system for the registers; null where it refuses. Only to be called on a processor that has them.
const TileKernels* grantedTiles();

}  // namespace espalier::kernels
