// Philox numbers, four a thread, in the arithmetic of the CPU: f64 without fused multiply-add, rounded once. For uniform
// numbers that gives the very bits.

// The upper 24 bits as a number in 0..1, in f64.
__device__ __forceinline__ double unit_of(u32 x) { return (double)(x >> 8) * (1.0 / 16777216.0); }

struct Four {
    double at[4];
};

struct UniformOf {
    // The lower end and the length.
    double low, length;
    __device__ __forceinline__ Four operator()(const Random4 &random) const {
        Four four;
        for (u32 i = 0; i < 4; ++i) four.at[i] = __dadd_rn(low, __dmul_rn(length, unit_of(random.at[i])));
        return four;
    }
};

struct NormalOf {
    double mean, std;
    __device__ __forceinline__ Four operator()(const Random4 &random) const {
        Four four;
        for (u32 i = 0; i < 4; i += 2) {
            // In (0, 1], so that the logarithm is finite.
            double radius = sqrt(-2.0 * log(unit_of(random.at[i]) + 1.0 / 16777216.0));
            double angle = 6.283185307179586 * unit_of(random.at[i + 1]);
            four.at[i] = __dadd_rn(mean, __dmul_rn(std, radius * cos(angle)));
            four.at[i + 1] = __dadd_rn(mean, __dmul_rn(std, radius * sin(angle)));
        }
        return four;
    }
};

template <class T> struct alignas(4 * sizeof(T)) FourOf {
    T at[4];
};

// What tells the numbers of a counter's draw from others of the same key.
const u32 PURPOSE = 7;

// y is a new tensor, so it is aligned. With `drawn` (seed, layer, number), key and number are those of a counter's draw.
template <class T, class F>
__device__ __forceinline__ void draw(T *y, u64 n, const u32 *drawn, u32 seed, u32 stream, F f) {
    for (u64 group = first_index(); group * 4 < n; group += index_step()) {
        u32 low = (u32)group, high = (u32)(group >> 32);
        Four numbers = f(drawn ? philox(drawn[0], drawn[1], low, drawn[2], PURPOSE, high)
                               : philox(seed, stream, low, high, 0, 0));
        FourOf<T> four;
        for (u32 i = 0; i < 4; ++i) four.at[i] = narrow<T>((float)numbers.at[i]);
        if (group * 4 + 4 <= n) ((FourOf<T> *)y)[group] = four;
        else
            for (u32 i = 0; group * 4 + i < n; ++i) y[group * 4 + i] = four.at[i];
    }
}

#define RANDOM(T, DTYPE)                                                                                                \
    extern "C" __global__ void uniform_##DTYPE(T *y, u64 n, const u32 *drawn, u32 seed, u32 stream, double low,         \
                                                 double length) {                                                       \
        draw(y, n, drawn, seed, stream, UniformOf{low, length});                                                        \
    }                                                                                                                   \
    extern "C" __global__ void normal_##DTYPE(T *y, u64 n, const u32 *drawn, u32 seed, u32 stream, double mean,         \
                                                double std) {                                                           \
        draw(y, n, drawn, seed, stream, NormalOf{mean, std});                                                           \
    }

RANDOM(float, f32)
RANDOM(bf16, bf16)
