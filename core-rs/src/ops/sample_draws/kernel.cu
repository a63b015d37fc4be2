// Random numbers that belong to samples; mod.rs has the definition. In the arithmetic of the CPU: f64 without fused
// multiply-add, rounded once.

const u32 PURPOSE = 4, ATTEMPTS = 64;

struct Draw {
    u32 seed, epoch, sample, number;
    __device__ Random4 block(u32 at) const { return philox(seed, epoch, sample, at, PURPOSE, number); }
};

// The upper 24 bits as a number in 0..1, in f64.
__device__ __forceinline__ double unit_of(u32 x) { return (double)(x >> 8) * (1.0 / 16777216.0); }

// All 32 bits as a number between 0 and 1, neither of which it is.
__device__ __forceinline__ double open_unit(u32 x) { return __dmul_rn(__dadd_rn((double)x, 0.5), 1.0 / 4294967296.0); }

// The logarithm of a gamma number of a shape and scale 1; attempt t takes block 2 t + which.
__device__ double log_gamma(double shape, u32 which, const Draw &draw) {
    double d = __dadd_rn(shape < 1.0 ? __dadd_rn(shape, 1.0) : shape, -1.0 / 3.0);
    double c = 1.0 / sqrt(__dmul_rn(9.0, d));
    for (u32 attempt = 0; attempt < ATTEMPTS; ++attempt) {
        Random4 u = draw.block(2 * attempt + which);
        double radius = sqrt(-2.0 * log(unit_of(u.at[0]) + 1.0 / 16777216.0));
        double x = __dmul_rn(radius, cos(6.283185307179586 * unit_of(u.at[1])));
        double root = __dadd_rn(1.0, __dmul_rn(c, x));
        if (root <= 0.0) continue;
        double v = __dmul_rn(__dmul_rn(root, root), root), ln_v = log(v);
        double limit = __dadd_rn(__dmul_rn(__dmul_rn(0.5, x), x), d);
        limit = __dadd_rn(__dadd_rn(limit, -__dmul_rn(d, v)), __dmul_rn(d, ln_v));
        if (log(open_unit(u.at[2])) < limit) {
            double scale = shape < 1.0 ? log(open_unit(u.at[3])) / shape : 0.0;
            return __dadd_rn(__dadd_rn(log(d), ln_v), scale);
        }
    }
    return log(d);
}

struct UniformOf {
    __device__ double operator()(const Draw &draw) const { return unit_of(draw.block(0).at[0]); }
};

struct BetaOf {
    double a, b;
    __device__ double operator()(const Draw &draw) const {
        return 1.0 / __dadd_rn(1.0, exp(__dadd_rn(log_gamma(b, 1, draw), -log_gamma(a, 0, draw))));
    }
};

template <class F>
__device__ __forceinline__ void draw_all(const int *index, const int *epoch, float *y, u64 n, u32 count, u32 seed,
                                         u32 first, F f) {
    for (u64 at = first_index(); at < n; at += index_step()) {
        Draw draw = {seed, (u32)*epoch, (u32)index[at / count], first + (u32)(at % count)};
        y[at] = (float)f(draw);
    }
}

#define SAMPLE_DRAWS(NAME, F)                                                                                           \
    extern "C" __global__ void sample_draws_##NAME(const int *index, const int *epoch, float *y, u64 n, u32 count,      \
                                                   u32 seed, u32 first, double a, double b) {                           \
        draw_all(index, epoch, y, n, count, seed, first, F);                                                            \
    }

SAMPLE_DRAWS(uniform, UniformOf{})
SAMPLE_DRAWS(beta, (BetaOf{a, b}))
