// Group normalisation; mod.rs has the formulas. A team of threads has a sample and group, and goes through its values once
// for each pass, from the cache where they fit. The sums of weight and bias are kept in double a block, in the order of its
// rows, and added up by another launch; how rows are shared follows from the shape alone.

struct Sizes {
    // Samples times groups.
    u64 units;
    u32 positions, groups;
    // Values of a sample and group: positions times channels a group.
    u32 count;
    // Whether a whole block shares them.
    u32 by_block;
    // Channels a group.
    Divisor size;
    float eps;
};

// Where the values of a sample and group lie.
struct Unit {
    u64 base;
    u32 first, channels;

    __device__ __forceinline__ Unit(const Sizes &s, u64 unit) {
        channels = s.groups * s.size.by;
        first = (u32)(unit % s.groups) * s.size.by;
        base = unit / s.groups * s.positions * channels + first;
    }
};

// A value's offset and channel.
struct Place {
    u64 at;
    u32 channel;

    __device__ __forceinline__ Place(const Sizes &s, const Unit &unit, u32 i) {
        u32 position = quotient(i, s.size), within = i - position * s.size.by;
        at = unit.base + (u64)position * unit.channels + within;
        channel = unit.first + within;
    }
};

template <class T, bool BLOCK>
__device__ void forward(const Sizes &s, float *room, const T *x, const float *weight, const float *bias, T *y,
                        float *means, float *rstds) {
    Team<BLOCK> team{room};
    for (u64 index = team.first(); index < s.units; index += team.step()) {
        Unit unit(s, index);
        float sum = 0.0f, linear = 0.0f, square = 0.0f;
        for (u32 i = team.thread(); i < s.count; i += team.size()) sum += widen(x[Place(s, unit, i).at]);
        float centre = team.sum(sum) / s.count;
        // The second pass says how far the first was from the mean, so that nothing cancels when it is far from 0.
        for (u32 i = team.thread(); i < s.count; i += team.size()) {
            float d = widen(x[Place(s, unit, i).at]) - centre;
            linear += d;
            square = fmaf(d, d, square);
        }
        linear = team.sum(linear) / s.count;
        float mean = centre + linear, variance = team.sum(square) / s.count - linear * linear;
        // Rounding can leave a constant group just below 0; NaN passes.
        float rstd = 1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + s.eps);
        if (team.thread() == 0) means[index] = mean, rstds[index] = rstd;
        for (u32 i = team.thread(); i < s.count; i += team.size()) {
            Place place(s, unit, i);
            float xhat = (widen(x[place.at]) - mean) * rstd;
            float scale = weight ? weight[place.channel] : 1.0f, shift = bias ? bias[place.channel] : 0.0f;
            y[place.at] = narrow<T>(fmaf(xhat, scale, shift));
        }
    }
}

template <class T, bool BLOCK>
__device__ void backward(const Sizes &s, float *room, const T *dy, const T *x, const float *means, const float *rstds,
                         const float *weight, T *dx) {
    Team<BLOCK> team{room};
    for (u64 index = team.first(); index < s.units; index += team.step()) {
        Unit unit(s, index);
        float mean = means[index], rstd = rstds[index], plain = 0.0f, product = 0.0f;
        for (u32 i = team.thread(); i < s.count; i += team.size()) {
            Place place(s, unit, i);
            float g = widen(dy[place.at]) * (weight ? weight[place.channel] : 1.0f);
            plain += g;
            product = fmaf(g, (widen(x[place.at]) - mean) * rstd, product);
        }
        plain = team.sum(plain) / s.count;
        product = team.sum(product) / s.count;
        for (u32 i = team.thread(); i < s.count; i += team.size()) {
            Place place(s, unit, i);
            float g = widen(dy[place.at]) * (weight ? weight[place.channel] : 1.0f);
            float xhat = (widen(x[place.at]) - mean) * rstd;
            dx[place.at] = narrow<T>(rstd * (fmaf(-xhat, product, g) - plain));
        }
    }
}

// ---- gradients of weight and bias --------------------------------------------------------------------------------------

const u32 ACROSS = 32, DEEP = 8;

struct Rows {
    // Samples times positions, of `channels` each.
    u64 rows;
    u32 positions, channels;
    // Channels a group.
    u32 size;
    // Blocks that share the rows.
    u32 blocks;
};

// The sums of dy xhat and of dy over a block's rows go to `partial` [blocks][2][channels].
template <class T>
__device__ void sums(const Rows &s, const T *dy, const T *x, const float *means, const float *rstds, double *partial) {
    __shared__ double room[2][DEEP][ACROSS];
    u32 channel = blockIdx.x * ACROSS + threadIdx.x, group = channel / s.size, groups = s.channels / s.size;
    double product = 0.0, plain = 0.0;
    if (channel < s.channels)
        for (u64 row = blockIdx.y * DEEP + threadIdx.y; row < s.rows; row += (u64)s.blocks * DEEP) {
            u64 at = row * s.channels + channel, unit = row / s.positions * groups + group;
            float value = widen(dy[at]);
            product += value * ((widen(x[at]) - means[unit]) * rstds[unit]);
            plain += value;
        }
    room[0][threadIdx.y][threadIdx.x] = product;
    room[1][threadIdx.y][threadIdx.x] = plain;
    __syncthreads();
    if (threadIdx.y > 1 || channel >= s.channels) return;
    double sum = 0.0;
    for (u32 y = 0; y < DEEP; ++y) sum += room[threadIdx.y][y][threadIdx.x];
    partial[((u64)blockIdx.y * 2 + threadIdx.y) * s.channels + channel] = sum;
}

extern "C" __global__ void group_norm_together(const double *partial, float *dweight, float *dbias, Rows s) {
    for (u64 channel = first_index(); channel < s.channels; channel += index_step()) {
        double product = 0.0, plain = 0.0;
        for (u32 block = 0; block < s.blocks; ++block) {
            product += partial[(u64)block * 2 * s.channels + channel];
            plain += partial[((u64)block * 2 + 1) * s.channels + channel];
        }
        dweight[channel] = (float)product;
        dbias[channel] = (float)plain;
    }
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void group_norm_##DTYPE(const T *x, const float *weight, const float *bias, T *y,          \
                                                  float *mean, float *rstd, Sizes s) {                               \
        __shared__ float room[WARP_SIZE];                                                                            \
        if (s.by_block) forward<T, true>(s, room, x, weight, bias, y, mean, rstd);                                   \
        else forward<T, false>(s, room, x, weight, bias, y, mean, rstd);                                             \
    }                                                                                                                \
    extern "C" __global__ void group_norm_backward_##DTYPE(const T *dy, const T *x, const float *mean,               \
                                                           const float *rstd, const float *weight, T *dx, Sizes s) { \
        __shared__ float room[WARP_SIZE];                                                                            \
        if (s.by_block) backward<T, true>(s, room, dy, x, mean, rstd, weight, dx);                                   \
        else backward<T, false>(s, room, dy, x, mean, rstd, weight, dx);                                             \
    }                                                                                                                \
    extern "C" __global__ void group_norm_sums_##DTYPE(const T *dy, const T *x, const float *mean,                   \
                                                       const float *rstd, double *partial, Rows s) {                 \
        sums(s, dy, x, mean, rstd, partial);                                                                         \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
