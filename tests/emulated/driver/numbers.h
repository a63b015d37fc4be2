// f32 and bf16 values in device memory, for the libraries that compute in float.
#pragma once
#include "memory.h"
#include <cstring>
#include <vector>

namespace emulated {

inline float widen(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

// To the nearest, ties to even.
inline uint16_t round_to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (value != value) return uint16_t(bits >> 16 | 0x40);
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float load(uint64_t address, bool bf16, int64_t at) {
    return bf16 ? widen(memory::at<uint16_t>(address)[at]) : memory::at<float>(address)[at];
}

inline void store(uint64_t address, bool bf16, int64_t at, float value) {
    if (bf16) memory::at<uint16_t>(address)[at] = round_to_bf16(value);
    else memory::at<float>(address)[at] = value;
}

} // namespace emulated
