// Products of matrices on the tensor cores, for whole warps; the layouts of the lanes' values are those of PTX.
#pragma once
#include "block.h"
#include <algorithm>
#include <cstring>

namespace shim {

// All lanes' values, for longer than the next exchange.
struct Lanes {
    uint64_t at[WARP];
    Lanes(uint64_t value, int line) { std::copy_n(exchange(0xffffffffu, value, line), WARP, at); }
};

inline float bf16_at(uint64_t word, unsigned index) {
    unsigned bits = unsigned(word >> (16 * index) & 0xffff) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// mma.m16n8k16 with bf16 factors: d += A B, the sum over k in order.
inline void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    Lanes top(a[0] | uint64_t(a[2]) << 32, __LINE__), bottom(a[1] | uint64_t(a[3]) << 32, __LINE__);
    Lanes right(b0 | uint64_t(b1) << 32, __LINE__);
    for (unsigned i = 0; i < 4; ++i) {
        unsigned row = lane() / 4, column = lane() % 4 * 2 + i % 2;
        for (unsigned k = 0; k < 16; ++k) {
            unsigned holder = k % 8 / 2, index = k / 8 * 2 + k % 2;
            const Lanes &left = i < 2 ? top : bottom;
            d[i] += bf16_at(left.at[row * 4 + holder], index) * bf16_at(right.at[column * 4 + holder], index);
        }
    }
}

// ldmatrix.x4: `row` is the address of this lane's row of eight 16-bit values.
inline void load_matrices(unsigned (&to)[4], const void *row, bool transposed) {
    Lanes rows(reinterpret_cast<uint64_t>(row), __LINE__);
    for (unsigned matrix = 0; matrix < 4; ++matrix)
        for (unsigned i = 0; i < 2; ++i) {
            unsigned r = transposed ? lane() % 4 * 2 + i : lane() / 4, c = transposed ? lane() / 4 : lane() % 4 * 2 + i;
            uint16_t value;
            std::memcpy(&value, reinterpret_cast<const char *>(rows.at[matrix * 8 + r]) + 2 * c, 2);
            to[matrix] = i == 0 ? value : to[matrix] | unsigned(value) << 16;
        }
}

} // namespace shim
