/// @file The products of `tiles.h`, compiled for AMX.
#include "tiles.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace espalier::kernels {
namespace {

/// 16 numbers, rounded. Lanes outside of the mask are zero.
inline __m256i rounded(const float* from, __mmask16 mask) {
  return (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from));
}

inline __mmask16 firstLanes(int64_t count) { return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << count) - 1); }

void narrow(const float* from, int64_t fromRow, int64_t rows, int64_t count, Half* to, int64_t toRow) {
  for (int64_t row = 0; row < rows; row++, from += fromRow, to += toRow)
    for (int64_t i = 0; i < count; i += 16) {
      const __mmask16 mask = firstLanes(count - i);
      _mm256_mask_storeu_epi16(to + i, mask, rounded(from + i, mask));
    }
}

void transpose(const Half* from, int64_t fromRow, int64_t rows, int64_t count, Half* to, int64_t toRow) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i places = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int>(fromRow)));
  for (int64_t row = 0; row < rows; row += 16) {
    const __mmask16 mask = firstLanes(rows - row);
    for (int64_t i = 0; i < count; i += 2) {
      const __m512i pairs =
          _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), mask, places, from + row * fromRow + i, 2);
      Half* const first = to + i * toRow + row;
      _mm512_mask_cvtepi32_storeu_epi16(first, mask, pairs);
      _mm512_mask_cvtepi32_storeu_epi16(first + toRow, mask, _mm512_srli_epi32(pairs, 16));
    }
  }
}

void packTiles(const Half* const* rows, int64_t steps, int64_t columns, Half* tiles, int64_t tilesOfPanel) {
  for (int64_t panel = 0; panel < tilePanels(columns); panel++) {
    const __mmask16 mask = firstLanes(columns - panel * kTileColumns);
    const auto row = [&](const Half* at) {
      return at ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, at + panel * kTileColumns))
                : _mm512_setzero_si512();
    };
    Half* to = tiles + panel * tilesOfPanel * kTileSize;
    for (int64_t pair = 0; pair < steps * kTileDepth / 2; pair++, to += 2 * kTileColumns)
      _mm512_storeu_si512(to, _mm512_or_si512(row(rows[2 * pair]), _mm512_slli_epi32(row(rows[2 * pair + 1]), 16)));
  }
}

/// The shapes of the eight registers: four results, two left operands, two right ones.
struct Shapes {
  alignas(64) uint8_t bytes[64] = {1};
  int64_t rows[2] = {0, 0}, columns[2] = {0, 0};

  void set(int64_t rows0, int64_t rows1, int64_t columns0, int64_t columns1) {
    if (rows[0] == rows0 && rows[1] == rows1 && columns[0] == columns0 && columns[1] == columns1) return;
    rows[0] = rows0, rows[1] = rows1, columns[0] = columns0, columns[1] = columns1;
    const auto shape = [&](int at, int64_t height, int64_t width) {
      const uint16_t wide = static_cast<uint16_t>(width);
      __builtin_memcpy(bytes + 16 + 2 * at, &wide, 2);
      bytes[48 + at] = static_cast<uint8_t>(height);
    };
    for (int r = 0; r < 2; r++) {
      for (int c = 0; c < 2; c++) shape(2 * r + c, rows[r] * (columns[c] > 0), columns[c] * (rows[r] > 0) * 4);
      shape(4 + r, rows[r], rows[r] > 0 ? 64 : 0);
    }
    for (int c = 0; c < 2; c++) shape(6 + c, columns[c] > 0 ? 16 : 0, columns[c] * 4);
    _tile_loadconfig(bytes);
  }
};

/// One or two blocks by one or two panels.
template <int kBlocks, int kPanels>
inline void blockOfTiles(const TileProduct& p, const TileBlock* blocks, int64_t panel) {
  constexpr bool k01 = kPanels == 2, k10 = kBlocks == 2, k11 = k01 && k10;
  const int64_t column = panel * kTileColumns, cBytes = p.cRow * 4, aBytes = p.aRow * 2;
  float* const c0 = blocks[0].c + column;
  float* const c1 = k10 ? blocks[1].c + column : nullptr;
  if (p.add) {
    _tile_loadd(0, c0, cBytes);
    if constexpr (k01) _tile_loadd(1, c0 + kTileColumns, cBytes);
    if constexpr (k10) _tile_loadd(2, c1, cBytes);
    if constexpr (k11) _tile_loadd(3, c1 + kTileColumns, cBytes);
  } else {
    _tile_zero(0);
    if constexpr (k01) _tile_zero(1);
    if constexpr (k10) _tile_zero(2);
    if constexpr (k11) _tile_zero(3);
  }
  const Half* const tiles = p.tiles + panel * p.tilesOfPanel * kTileSize;
  for (int64_t step = 0; step < p.steps; step++) {
    const int64_t at = p.aAt ? p.aAt[step] : step * kTileDepth;
    const Half* const tile = tiles + step * kTileSize;
    _tile_loadd(6, tile, 64);
    if constexpr (k01) _tile_loadd(7, tile + p.tilesOfPanel * kTileSize, 64);
    _tile_loadd(4, blocks[0].a + at, aBytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (k01) _tile_dpbf16ps(1, 4, 7);
    if constexpr (k10) {
      _tile_loadd(5, blocks[1].a + at, aBytes);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (k11) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c0, cBytes);
  if constexpr (k01) _tile_stored(1, c0 + kTileColumns, cBytes);
  if constexpr (k10) _tile_stored(2, c1, cBytes);
  if constexpr (k11) _tile_stored(3, c1 + kTileColumns, cBytes);
}

void multiply(const TileProduct& p) {
  Shapes shapes;
  const int64_t panels = tilePanels(p.columns);
  const auto width = [&](int64_t panel) {
    return p.columns - panel * kTileColumns < kTileColumns ? p.columns - panel * kTileColumns : kTileColumns;
  };
  for (int64_t panel = 0; panel < panels; panel += 2) {
    const bool two = panel + 1 < panels;
    for (int64_t block = 0; block < p.count; block += 2) {
      const bool pair = block + 1 < p.count;
      const TileBlock* const blocks = p.blocks + block;
      shapes.set(blocks[0].rows, pair ? blocks[1].rows : 0, width(panel), two ? width(panel + 1) : 0);
      if (pair)
        two ? blockOfTiles<2, 2>(p, blocks, panel) : blockOfTiles<2, 1>(p, blocks, panel);
      else
        two ? blockOfTiles<1, 2>(p, blocks, panel) : blockOfTiles<1, 1>(p, blocks, panel);
    }
  }
  _tile_release();
}

constexpr TileKernels kTiles = {narrow, transpose, packTiles, multiply};

}  // namespace

const TileKernels* grantedTiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 ? &kTiles : nullptr;
}

}  // namespace espalier::kernels
#else
namespace espalier::kernels {
const TileKernels* grantedTiles() { return nullptr; }
}  // namespace espalier::kernels
#endif
