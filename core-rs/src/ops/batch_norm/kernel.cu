// Batch normalisation of rows of c channels; mod.rs has the formulas. Threads lie side by side on channels, N of them
// each where 8-byte accesses are possible, and below each other on rows: a thread keeps its channels, and with them what
// it knows of them, while the grid sweeps through the rows. Wider accesses would unroll the activations so often that
// fetching their code takes longer than the memory accesses of most layers.
//
// Sums over rows are kept in double a thread, added up a block in the order of its threads, and go to `partial`
// [blocks of rows][2][c]; another launch adds those up in their order. How rows are shared follows from the shape alone.

const u32 THREADS = 256;

struct Sizes {
    u64 rows;
    u32 c;
    // Of `blockDim.x` threads' channels each, and blocks that share the rows of a tile.
    u32 tiles, blocks;
    u32 activation;
    float eps;
    // Whether 8-byte accesses are possible: c is a multiple of their size, and every tensor is aligned.
    u32 wide;
};

// One value a channel.
struct Vectors {
    const float *weight, *bias, *mean, *variance;
};

template <u32 N> struct Channels {
    float mean[N], rstd[N], scale[N], bias[N];

    __device__ __forceinline__ Channels(const Sizes &s, const Vectors &of, u32 channel) {
#pragma unroll
        for (u32 n = 0; n < N; ++n) {
            mean[n] = of.mean[channel + n];
            rstd[n] = 1.0f / sqrtf(of.variance[channel + n] + s.eps);
            scale[n] = of.weight[channel + n] * rstd[n];
            bias[n] = of.bias[channel + n];
        }
    }
};

// The first channel of this thread; c or more for a thread without.
template <u32 N> __device__ __forceinline__ u32 first_channel(const Sizes &s) {
    return (blockIdx.x % s.tiles * blockDim.x + threadIdx.x) * N;
}

// Calls `take(first row, rows)` for this thread's rows, up to BATCH at a time, which lie blockDim.y apart.
template <u32 BATCH, class Take> __device__ __forceinline__ void for_rows(const Sizes &s, bool backwards, Take take) {
    u64 size = (u64)BATCH * blockDim.y, groups = (s.rows + size - 1) / size;
    for (u64 i = blockIdx.x / s.tiles; i < groups; i += s.blocks) {
        u64 row = (backwards ? groups - 1 - i : i) * size + threadIdx.y;
        u64 left = row < s.rows ? (s.rows - row + blockDim.y - 1) / blockDim.y : 0;
        if (left > 0) take(row, left < BATCH ? (u32)left : BATCH);
    }
}

// Rows that a thread has in hand at a time: more take more registers than their memory accesses in flight are worth.
template <u32 N> __device__ constexpr u32 batch() { return N > 2 ? 2 : 4; }

template <u32 N, class T> __device__ __forceinline__ Neighbours<N, T> raw(const T *from) {
    return *reinterpret_cast<const Neighbours<N, T> *>(from);
}

template <u32 N, class T> __device__ __forceinline__ void spread(const Neighbours<N, T> &from, float (&to)[N]) {
#pragma unroll
    for (u32 n = 0; n < N; ++n) to[n] = widen(from.at[n]);
}

// ---- sums over the rows -----------------------------------------------------------------------------------------------

// Adds up the block's sums and writes them to its place.
template <u32 N>
__device__ void write_sums(const Sizes &s, const double (&first)[N], const double (&second)[N], double *partial) {
    __shared__ double room[2 * N * THREADS];
    u32 half = blockDim.x * N, size = 2 * half;
    double *mine = room + threadIdx.y * size + threadIdx.x * N;
#pragma unroll
    for (u32 n = 0; n < N; ++n) mine[n] = first[n], mine[half + n] = second[n];
    __syncthreads();
    u32 tile = blockIdx.x % s.tiles, block = blockIdx.x / s.tiles;
    for (u32 i = threadIdx.y * blockDim.x + threadIdx.x; i < size; i += blockDim.x * blockDim.y) {
        u32 which = i / half, channel = tile * half + i % half;
        if (channel >= s.c) continue;
        double sum = 0.0;
        for (u32 y = 0; y < blockDim.y; ++y) sum += room[y * size + i];
        partial[((u64)block * 2 + which) * s.c + channel] = sum;
    }
}

// The sums of x - origin and of its square, the origin being the first row, so that nothing cancels when the mean is far
// from 0. A batch of rows is taken around its own mean, and then says exactly what it adds to these sums.
template <u32 N, class T> __device__ void statistics(const Sizes &s, const T *x, double *partial) {
    const u32 BATCH = 8;
    u32 channel = first_channel<N>(s);
    double first[N] = {}, second[N] = {};
    if (channel < s.c) {
        float origin[N];
        load<N>(x + channel, origin);
        for_rows<BATCH>(s, false, [&](u64 row, u32 count) {
            Neighbours<N, T> values[BATCH];
            float centre[N] = {}, linear[N] = {}, square[N] = {}, value[N];
#pragma unroll
            for (u32 i = 0; i < BATCH; ++i)
                if (i < count) values[i] = raw<N>(x + (row + i * blockDim.y) * s.c + channel);
#pragma unroll
            for (u32 i = 0; i < BATCH; ++i) {
                if (i >= count) break;
                spread(values[i], value);
                for (u32 n = 0; n < N; ++n) centre[n] += value[n];
            }
            for (u32 n = 0; n < N; ++n) centre[n] /= count;
#pragma unroll
            for (u32 i = 0; i < BATCH; ++i) {
                if (i >= count) break;
                spread(values[i], value);
                for (u32 n = 0; n < N; ++n) {
                    float d = value[n] - centre[n];
                    linear[n] += d;
                    square[n] = fmaf(d, d, square[n]);
                }
            }
            // With x = centre + d: sum (x - o) = k m + sum d, sum (x - o)^2 = k m^2 + 2 m sum d + sum d^2.
            for (u32 n = 0; n < N; ++n) {
                double m = (double)centre[n] - origin[n];
                first[n] += count * m + linear[n];
                second[n] += m * (count * m + 2.0 * linear[n]) + square[n];
            }
        });
    }
    write_sums(s, first, second, partial);
}

// What a gradient is computed from; `residual` is null where there is none.
template <class T> struct Reads {
    const T *dy, *x, *residual;
};

// dz of up to BATCH rows, and their x.
template <u32 BATCH, u32 N, class T>
__device__ __forceinline__ void slopes(const Sizes &s, const Reads<T> &from, const Channels<N> &k, u32 channel, u64 row,
                                       u32 count, float (&x)[BATCH][N], float (&dz)[BATCH][N]) {
    Neighbours<N, T> xs[BATCH], dys[BATCH], residuals[BATCH];
#pragma unroll
    for (u32 i = 0; i < BATCH; ++i) {
        if (i >= count) break;
        u64 at = (row + i * blockDim.y) * s.c + channel;
        xs[i] = raw<N>(from.x + at), dys[i] = raw<N>(from.dy + at);
        if (from.residual) residuals[i] = raw<N>(from.residual + at);
    }
#pragma unroll
    for (u32 i = 0; i < BATCH; ++i) {
        if (i >= count) break;
        float z[N], residual[N] = {};
        spread(xs[i], x[i]), spread(dys[i], dz[i]);
        if (from.residual) spread(residuals[i], residual);
        for (u32 n = 0; n < N; ++n) z[n] = fmaf(x[i][n] - k.mean[n], k.scale[n], k.bias[n]) + residual[n];
        times_slopes(s.activation, z, dz[i]);
    }
}

// The sums of dz and of dz (x - mean); writes dz where there is a residual, and dx where the statistics were given.
template <u32 N, class T>
__device__ void gradient_sums(const Sizes &s, const Reads<T> &from, const Vectors &of, T *dz_out, T *dx_out,
                              double *partial) {
    u32 channel = first_channel<N>(s);
    double first[N] = {}, second[N] = {};
    if (channel < s.c) {
        const u32 BATCH = batch<N>();
        Channels<N> k(s, of, channel);
        for_rows<BATCH>(s, false, [&](u64 row, u32 count) {
            float x[BATCH][N], dz[BATCH][N], linear[N] = {}, product[N] = {};
            slopes(s, from, k, channel, row, count, x, dz);
#pragma unroll
            for (u32 i = 0; i < BATCH; ++i) {
                if (i >= count) break;
                u64 at = (row + i * blockDim.y) * s.c + channel;
                for (u32 n = 0; n < N; ++n) {
                    linear[n] += dz[i][n];
                    product[n] = fmaf(dz[i][n], x[i][n] - k.mean[n], product[n]);
                }
                if (dz_out) store<N>(dz_out + at, dz[i]);
                if (dx_out) {
                    float dx[N];
                    for (u32 n = 0; n < N; ++n) dx[n] = dz[i][n] * k.scale[n];
                    store<N>(dx_out + at, dx);
                }
            }
            for (u32 n = 0; n < N; ++n) first[n] += linear[n], second[n] += product[n];
        });
    }
    write_sums(s, first, second, partial);
}

// ---- the partial sums together ----------------------------------------------------------------------------------------

const u32 SLICES = 32;

struct Pair {
    double first, second;
};

// The sums of channel blockIdx.x * blockDim.x + threadIdx.x, for the threads with threadIdx.y 0.
__device__ Pair together(const Sizes &s, const double *partial) {
    __shared__ Pair room[SLICES][WARP_SIZE];
    u32 channel = blockIdx.x * blockDim.x + threadIdx.x;
    Pair sum = {0.0, 0.0};
    if (channel < s.c)
        for (u32 block = threadIdx.y; block < s.blocks; block += SLICES) {
            const double *at = partial + (u64)block * 2 * s.c + channel;
            sum.first += at[0], sum.second += at[s.c];
        }
    room[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0)
        for (u32 slice = 1; slice < SLICES; ++slice) {
            Pair other = room[slice][threadIdx.x];
            sum.first += other.first, sum.second += other.second;
        }
    return sum;
}

template <class T>
__device__ void finish_statistics(const Sizes &s, const T *x, const double *partial, float *mean, float *variance) {
    u32 channel = blockIdx.x * blockDim.x + threadIdx.x;
    Pair sum = together(s, partial);
    if (threadIdx.y > 0 || channel >= s.c) return;
    double first = sum.first / s.rows, squares = sum.second / s.rows - first * first;
    mean[channel] = (float)(widen(x[channel]) + first);
    // Rounding can leave a constant channel just below 0; NaN passes.
    variance[channel] = squares < 0.0 ? 0.0f : (float)squares;
}

extern "C" __global__ void batch_norm_finish_gradients(const double *partial, const float *variance, float *dweight,
                                                       float *dbias, Sizes s) {
    u32 channel = blockIdx.x * blockDim.x + threadIdx.x;
    Pair sum = together(s, partial);
    if (threadIdx.y > 0 || channel >= s.c) return;
    dbias[channel] = (float)sum.first;
    dweight[channel] = (float)(sum.second / sqrt((double)variance[channel] + s.eps));
}

// ---- the passes that write --------------------------------------------------------------------------------------------

// Last rows first: the pass before went through x from its start, so its end is still in the cache.
template <u32 N, class T>
__device__ void normalise(const Sizes &s, const T *x, const Vectors &of, const T *residual, T *y) {
    const u32 BATCH = batch<N>();
    u32 channel = first_channel<N>(s);
    if (channel >= s.c) return;
    Channels<N> k(s, of, channel);
    for_rows<BATCH>(s, true, [&](u64 row, u32 count) {
        Neighbours<N, T> xs[BATCH], residuals[BATCH];
#pragma unroll
        for (u32 i = 0; i < BATCH; ++i) {
            if (i >= count) break;
            u64 at = (row + i * blockDim.y) * s.c + channel;
            xs[i] = raw<N>(x + at);
            if (residual) residuals[i] = raw<N>(residual + at);
        }
#pragma unroll
        for (u32 i = 0; i < BATCH; ++i) {
            if (i >= count) break;
            float z[N], more[N] = {};
            spread(xs[i], z);
            if (residual) spread(residuals[i], more);
            for (u32 n = 0; n < N; ++n) z[n] = fmaf(z[n] - k.mean[n], k.scale[n], k.bias[n]) + more[n];
            activate_all(s.activation, z);
            store<N>(y + (row + i * blockDim.y) * s.c + channel, z);
        }
    });
}

// dx = scale (dz - dbias / M - xhat dweight / M)
template <u32 N, class T>
__device__ void write_dx(const Sizes &s, const Reads<T> &from, const Vectors &of, const float *dweight,
                         const float *dbias, T *to) {
    u32 channel = first_channel<N>(s);
    if (channel >= s.c) return;
    const u32 BATCH = batch<N>();
    Channels<N> k(s, of, channel);
    float through_mean[N], through_rstd[N], count = (float)s.rows;
    for (u32 n = 0; n < N; ++n) {
        through_mean[n] = dbias[channel + n] / count;
        through_rstd[n] = dweight[channel + n] * k.rstd[n] / count;
    }
    for_rows<BATCH>(s, true, [&](u64 row, u32 rows) {
        float x[BATCH][N], dz[BATCH][N];
        slopes(s, from, k, channel, row, rows, x, dz);
#pragma unroll
        for (u32 i = 0; i < BATCH; ++i) {
            if (i >= rows) break;
            float dx[N];
            for (u32 n = 0; n < N; ++n) {
                float left = fmaf(k.mean[n] - x[i][n], through_rstd[n], dz[i][n]) - through_mean[n];
                dx[n] = k.scale[n] * left;
            }
            store<N>(to + (row + i * blockDim.y) * s.c + channel, dx);
        }
    });
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        batch_norm_statistics_##DTYPE(const T *x, double *partial, Sizes s) {                                        \
        if (s.wide) statistics<Few<T>::SIZE>(s, x, partial);                                                        \
        else statistics<1>(s, x, partial);                                                                           \
    }                                                                                                                \
    extern "C" __global__ void batch_norm_finish_statistics_##DTYPE(const T *x, const double *partial, float *mean, \
                                                                    float *variance, Sizes s) {                      \
        finish_statistics(s, x, partial, mean, variance);                                                            \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        batch_norm_normalise_##DTYPE(const T *x, Vectors of, const T *residual, T *y, Sizes s) {                     \
        if (s.wide) normalise<Few<T>::SIZE>(s, x, of, residual, y);                                                 \
        else normalise<1>(s, x, of, residual, y);                                                                    \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        batch_norm_gradient_sums_##DTYPE(const T *dy, const T *x, const T *residual, Vectors of, T *dz, T *dx,       \
                                         double *partial, Sizes s) {                                                 \
        if (s.wide) gradient_sums<Few<T>::SIZE>(s, Reads<T>{dy, x, residual}, of, dz, dx, partial);                 \
        else gradient_sums<1>(s, Reads<T>{dy, x, residual}, of, dz, dx, partial);                                    \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        batch_norm_write_dx_##DTYPE(const T *dy, const T *x, const T *residual, Vectors of, const float *dweight,    \
                                    const float *dbias, T *dx, Sizes s) {                                            \
        if (s.wide) write_dx<Few<T>::SIZE>(s, Reads<T>{dy, x, residual}, of, dweight, dbias, dx);                   \
        else write_dx<1>(s, Reads<T>{dy, x, residual}, of, dweight, dbias, dx);                                      \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)

// ---- running statistics -----------------------------------------------------------------------------------------------

struct Average {
    double momentum, unbiased;
};

// One block, as nothing may be written before all of the batch is known to be finite.
extern "C" __global__ void update_running_stats_f32(float *running_mean, float *running_variance, const float *mean,
                                                    const float *variance, u64 c, Average average, Fault fault) {
    __shared__ float room[WARP_SIZE];
    if (has_failed(fault)) return;
    float bad = 0.0f;
    for (u64 i = threadIdx.x; i < c; i += blockDim.x)
        if (!is_finite(mean[i]) || !is_finite(variance[i])) bad = 1.0f;
    if (block_max(bad, room) > 0.0f) return;
    double kept = 1.0 - average.momentum;
    for (u64 i = threadIdx.x; i < c; i += blockDim.x) {
        running_mean[i] = (float)(kept * running_mean[i] + average.momentum * mean[i]);
        running_variance[i] =
            (float)(kept * running_variance[i] + average.momentum * (average.unbiased * variance[i]));
    }
}
