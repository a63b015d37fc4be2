// What the CUDA compiler gives a kernel without any header, for g++: the .cu files compile as C++17 with this before
// them. Kernels may use threadIdx, blockIdx, blockDim, gridDim, __shared__ arrays, dynamic shared memory, barriers,
// shuffles and votes of whole warps, and the functions below.
#pragma once
#include "block.h"
#include "kernel.h"
#include "tensor_cores.h"
#include <algorithm>
#include <cmath>
#include <cstring>

// What a kernel asks where it would write PTX.
#define LIBTRAIN_SHIM

using std::max;
using std::min;

// CUDA has the functions of a float under the short names too.
using std::abs, std::ceil, std::cos, std::erf, std::erfc, std::exp, std::exp2, std::fabs, std::floor, std::fma, std::fmod,
    std::isfinite, std::isinf, std::isnan, std::log, std::log1p, std::log2, std::pow, std::rint, std::round, std::sin,
    std::sqrt, std::tanh, std::trunc;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
#define __constant__ static
// One kernel runs at a time, one block at a time. (The builder makes `extern __shared__` a pointer.)
#define __shared__ static

#define threadIdx (shim::thread_index)
#define blockIdx (shim::block_index)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)
#define warpSize 32

#define __syncthreads() shim::sync_threads(__LINE__)
#define __syncthreads_count(predicate) int(shim::sync_count((predicate) != 0, __LINE__))
#define __syncthreads_or(predicate) int(shim::sync_count((predicate) != 0, __LINE__) > 0)
#define __syncthreads_and(predicate) int(shim::sync_count((predicate) == 0, __LINE__) == 0)
#define __syncwarp(...) shim::sync_warp(0xffffffffu __VA_OPT__(&(__VA_ARGS__)), __LINE__)
#define __shfl_sync(mask, value, ...) shim::shuffle(shim::from_lane, mask, value, __LINE__, __VA_ARGS__)
#define __shfl_xor_sync(mask, value, ...) shim::shuffle(shim::from_xor, mask, value, __LINE__, __VA_ARGS__)
#define __shfl_down_sync(mask, value, ...) shim::shuffle(shim::from_below, mask, value, __LINE__, __VA_ARGS__)
#define __shfl_up_sync(mask, value, ...) shim::shuffle(shim::from_above, mask, value, __LINE__, __VA_ARGS__)
#define __ballot_sync(mask, predicate) shim::ballot(mask, (predicate) != 0, __LINE__)
#define __any_sync(mask, predicate) int(shim::ballot(mask, (predicate) != 0, __LINE__) != 0)
#define __all_sync(mask, predicate) int(shim::ballot(mask, (predicate) == 0, __LINE__) == 0)

namespace shim {

// The lane to read from, of `width` neighbours that shuffle among themselves; outside of them a lane reads itself.
inline unsigned from_lane(unsigned self, unsigned by, unsigned width) {
    return (self & ~(width - 1)) | (by & (width - 1));
}
inline unsigned from_xor(unsigned self, unsigned by, unsigned width) {
    unsigned other = self ^ by;
    return (other & ~(width - 1)) <= (self & ~(width - 1)) ? other : self;
}
inline unsigned from_below(unsigned self, unsigned by, unsigned width) {
    return (self & (width - 1)) + by < width ? self + by : self;
}
inline unsigned from_above(unsigned self, unsigned by, unsigned width) {
    return (self & (width - 1)) >= by ? self - by : self;
}

template <class T>
T shuffle(unsigned (*from)(unsigned, unsigned, unsigned), unsigned mask, T value, int line, unsigned by,
          unsigned width = WARP) {
    static_assert(sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
    uint64_t room = 0;
    std::memcpy(&room, &value, sizeof(T));
    const uint64_t *values = exchange(mask, room, line);
    unsigned source = from(lane(), by, width);
    if (source < lanes()) std::memcpy(&value, &values[source], sizeof(T));
    return value;
}

inline unsigned ballot(unsigned mask, bool predicate, int line) {
    const uint64_t *values = exchange(mask, predicate, line);
    unsigned bits = 0;
    for (unsigned i = 0; i < lanes(); ++i) bits |= unsigned(values[i]) << i;
    return bits;
}

template <class To, class From> To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

} // namespace shim

inline unsigned __float_as_uint(float x) { return shim::same_bits<unsigned>(x); }
inline int __float_as_int(float x) { return shim::same_bits<int>(x); }
inline float __uint_as_float(unsigned x) { return shim::same_bits<float>(x); }
inline float __int_as_float(int x) { return shim::same_bits<float>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }

// The fast ones of a GPU differ in the last bits.
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __powf(float x, float y) { return std::pow(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }
inline double __fma_rn(double x, double y, double z) { return std::fma(x, y, z); }
inline float __double2float_rn(double x) { return float(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float sinpif(float x) { return float(std::sin(3.14159265358979323846 * x)); }
inline float cospif(float x) { return float(std::cos(3.14159265358979323846 * x)); }
inline float __saturatef(float x) { return x > 0.0f ? min(x, 1.0f) : 0.0f; }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline int __float2int_rz(float x) { return int(x); }
inline unsigned __float2uint_rz(float x) { return unsigned(x); }
inline int __float2int_rn(float x) { return int(std::rint(x)); }
inline int __float2int_rd(float x) { return int(std::floor(x)); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }

template <class T> T __ldg(const T *from) { return *from; }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline long long clock64() {
    static long long ticks = 0;
    return ticks += 1 << 20;
}

// Threads take turns, so plain reads and writes are atomic. For the word of a fault, not for sums.
template <class T> struct Same {
    using type = T;
};
template <class T> T atomicExch(T *at, typename Same<T>::type value) {
    T before = *at;
    *at = value;
    return before;
}
template <class T> T atomicCAS(T *at, typename Same<T>::type expected, typename Same<T>::type value) {
    T before = *at;
    if (before == expected) *at = value;
    return before;
}
template <class T> T atomicMin(T *at, typename Same<T>::type value) { return atomicExch(at, min(*at, value)); }
template <class T> T atomicMax(T *at, typename Same<T>::type value) { return atomicExch(at, max(*at, value)); }
template <class T> T atomicOr(T *at, typename Same<T>::type value) { return atomicExch(at, *at | value); }
