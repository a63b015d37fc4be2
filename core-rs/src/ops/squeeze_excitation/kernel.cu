// Squeeze-and-excitation; mod.rs has the formulas. Passes over the pixels move 16 bytes of channels at a time where that is
// possible; what is between them is a few thousand numbers, f32 whatever x is. Every sum has one order.

struct Sizes {
    u32 n, h, w, c, r, activation, end;
    // Whether 16 bytes of channels move at a time; where there is an end, whether 8 do.
    u32 wide;
};

// Threads of a block that sums over pixels: side by side on channels, below each other on pixels.
const u32 LANES = 8, DEEP = 32;

// Adds up a block's sums of channels from `first` on, for the threads that get one: whether this one did.
template <u32 N>
__device__ __forceinline__ bool block_total(const float (&sum)[N], u32 first, const Sizes &s, float &total) {
    __shared__ float room[DEEP][LANES * N];
    u32 thread = threadIdx.y * LANES + threadIdx.x;
    __syncthreads();
    for (u32 k = 0; k < N; ++k) room[threadIdx.y][threadIdx.x * N + k] = sum[k];
    __syncthreads();
    if (thread >= LANES * N || first + thread >= s.c) return false;
    total = 0.0f;
    for (u32 i = 0; i < DEEP; ++i) total += room[i][thread];
    return true;
}

// The mean of x over the pixels of an image, or the sum of dy x times the slope of the sigmoid that gave the gate: [n, c].
template <bool PRODUCT, u32 N, class T>
__device__ __forceinline__ void sum_pixels(const T *x, const T *dy, const float *gate, float *to, const Sizes &s) {
    u32 first = blockIdx.x * LANES * N, c = first + threadIdx.x * N, pixels = s.h * s.w;
    u32 thread = threadIdx.y * LANES + threadIdx.x;
    for (u32 image = blockIdx.y; image < s.n; image += gridDim.y) {
        u64 start = (u64)image * pixels * s.c + c;
        float sum[N];
        for (u32 k = 0; k < N; ++k) sum[k] = 0.0f;
        if (c < s.c) {
#pragma unroll 4
            for (u32 pixel = threadIdx.y; pixel < pixels; pixel += DEEP) {
                float value[N], other[N];
                load(x + start + (u64)pixel * s.c, value);
                if (PRODUCT) load(dy + start + (u64)pixel * s.c, other);
                for (u32 k = 0; k < N; ++k) sum[k] += PRODUCT ? value[k] * other[k] : value[k];
            }
        }
        float total;
        if (!block_total(sum, first, s, total)) continue;
        u64 at = (u64)image * s.c + first + thread;
        to[at] = PRODUCT ? total * gate[at] * (1.0f - gate[at]) : total * (1.0f / (float)pixels);
    }
}

template <bool PRODUCT, class T>
__device__ __forceinline__ void sums(const T *x, const T *dy, const float *gate, float *to, const Sizes &s) {
    if (s.wide) sum_pixels<PRODUCT, Pack<T>::SIZE>(x, dy, gate, to, s);
    else sum_pixels<PRODUCT, 1>(x, dy, gate, to, s);
}

// to = from gate, or from gate + shift, with a value of both for each image and channel.
template <bool SHIFT, u32 N, class T>
__device__ __forceinline__ void scale_pixels(const T *from, const float *gate, const float *shift, T *to, const Sizes &s) {
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 y = blockIdx.y; y < s.h; y += gridDim.y)
            for (u32 x = blockIdx.x * blockDim.y + threadIdx.y; x < s.w; x += gridDim.x * blockDim.y)
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    u64 at = (((u64)n * s.h + y) * s.w + x) * s.c + c, channel = (u64)n * s.c + c;
                    float value[N];
                    load(from + at, value);
                    for (u32 k = 0; k < N; ++k) {
                        float scaled = value[k] * gate[channel + k];
                        value[k] = SHIFT ? scaled + shift[channel + k] : scaled;
                    }
                    store(to + at, value);
                }
}

template <bool SHIFT, class T>
__device__ __forceinline__ void scaled(const T *from, const float *gate, const float *shift, T *to, const Sizes &s) {
    if (s.wide) scale_pixels<SHIFT, Pack<T>::SIZE>(from, gate, shift, to, s);
    else scale_pixels<SHIFT, 1>(from, gate, shift, to, s);
}

// ---- with what follows the gates ----------------------------------------------------------------------------------------

// y = end(x gate + residual); `residual` is null where there is none.
template <u32 N, class T>
__device__ __forceinline__ void end_pixels(const T *from, const float *gate, const T *residual, T *to, const Sizes &s) {
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 y = blockIdx.y; y < s.h; y += gridDim.y)
            for (u32 x = blockIdx.x * blockDim.y + threadIdx.y; x < s.w; x += gridDim.x * blockDim.y)
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    u64 at = (((u64)n * s.h + y) * s.w + x) * s.c + c, channel = (u64)n * s.c + c;
                    float value[N], more[N] = {};
                    load(from + at, value);
                    if (residual) load(residual + at, more);
                    for (u32 k = 0; k < N; ++k) value[k] = fmaf(value[k], gate[channel + k], more[k]);
                    activate_all(s.end, value);
                    store(to + at, value);
                }
}

// What dv is computed from; `residual` is null where there is none.
template <class T> struct Reads {
    const T *dy, *x, *residual;
};

// Pixels that a thread has in hand at a time.
const u32 BATCH = 2;

// The sum of dv x over the pixels of an image, times the slope of the sigmoid, [n, c]; and dv.
template <u32 N, class T>
__device__ __forceinline__ void end_sums(const Reads<T> &from, const float *gate, float *to, T *dv_to, const Sizes &s) {
    u32 first = blockIdx.x * LANES * N, c = first + threadIdx.x * N, pixels = s.h * s.w;
    u32 thread = threadIdx.y * LANES + threadIdx.x;
    for (u32 image = blockIdx.y; image < s.n; image += gridDim.y) {
        u64 start = (u64)image * pixels * s.c + c;
        float sum[N] = {}, gates[N];
        if (c < s.c) {
            for (u32 k = 0; k < N; ++k) gates[k] = gate[(u64)image * s.c + c + k];
            for (u32 pixel = threadIdx.y; pixel < pixels; pixel += BATCH * DEEP) {
                float x[BATCH][N], dv[BATCH][N], v[BATCH][N] = {};
#pragma unroll
                for (u32 i = 0; i < BATCH; ++i) {
                    if (pixel + i * DEEP >= pixels) break;
                    u64 at = start + (u64)(pixel + i * DEEP) * s.c;
                    load(from.x + at, x[i]), load(from.dy + at, dv[i]);
                    if (from.residual) load(from.residual + at, v[i]);
                }
#pragma unroll
                for (u32 i = 0; i < BATCH; ++i) {
                    if (pixel + i * DEEP >= pixels) break;
                    for (u32 k = 0; k < N; ++k) v[i][k] = fmaf(x[i][k], gates[k], v[i][k]);
                    times_slopes(s.end, v[i], dv[i]);
                    for (u32 k = 0; k < N; ++k) sum[k] += x[i][k] * dv[i][k];
                    store(dv_to + start + (u64)(pixel + i * DEEP) * s.c, dv[i]);
                }
            }
        }
        float total;
        if (!block_total(sum, first, s, total)) continue;
        u64 at = (u64)image * s.c + first + thread;
        to[at] = total * gate[at] * (1.0f - gate[at]);
    }
}

// ---- between the pixels -------------------------------------------------------------------------------------------------

// Images that a weight serves once it was read.
const u32 IMAGES = 4;

__device__ __forceinline__ u64 image_groups(const Sizes &s) { return ((u64)s.n + IMAGES - 1) / IMAGES; }

// A warp a hidden channel of some images.
extern "C" __global__ void squeeze_excitation_hidden(const float *pooled, const float *w1, const float *b1, float *hidden,
                                                     float *activated, Sizes s) {
    u32 lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP_SIZE, step = (u64)gridDim.x * warps;
    for (u64 i = first; i < image_groups(s) * s.r; i += step) {
        u32 r = (u32)(i % s.r), image = (u32)(i / s.r) * IMAGES;
        float sum[IMAGES] = {};
#pragma unroll 4
        for (u32 c = lane; c < s.c; c += WARP_SIZE) {
            float weight = w1[(u64)r * s.c + c];
            for (u32 k = 0; k < IMAGES; ++k)
                if (image + k < s.n) sum[k] += weight * pooled[(u64)(image + k) * s.c + c];
        }
        for (u32 k = 0; k < IMAGES; ++k) {
            float total = warp_sum(sum[k]) + b1[r];
            u64 at = (u64)(image + k) * s.r + r;
            if (lane == 0 && image + k < s.n) hidden[at] = total, activated[at] = activate(s.activation, total);
        }
    }
}

// A warp a channel of some images.
extern "C" __global__ void squeeze_excitation_gates(const float *activated, const float *w2, const float *b2, float *gate,
                                                    Sizes s) {
    u32 lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    u64 first = (u64)blockIdx.x * warps + threadIdx.x / WARP_SIZE, step = (u64)gridDim.x * warps;
    for (u64 i = first; i < image_groups(s) * s.c; i += step) {
        u32 c = (u32)(i % s.c), image = (u32)(i / s.c) * IMAGES;
        float sum[IMAGES] = {};
        for (u32 r = lane; r < s.r; r += WARP_SIZE) {
            float weight = w2[(u64)c * s.r + r];
            for (u32 k = 0; k < IMAGES; ++k)
                if (image + k < s.n) sum[k] += weight * activated[(u64)(image + k) * s.r + r];
        }
        for (u32 k = 0; k < IMAGES; ++k) {
            float total = warp_sum(sum[k]) + b2[c];
            if (lane == 0 && image + k < s.n) gate[(u64)(image + k) * s.c + c] = sigmoid_of(total);
        }
    }
}

// The gradient of hidden channels, side by side, of some images, with the channels shared by the rows of a block; and the
// activations of the hidden layer.
extern "C" __global__ void squeeze_excitation_backward_hidden(const float *w2, const float *hidden, const float *dz,
                                                              float *dhidden, float *activated, Sizes s) {
    __shared__ float room[IMAGES][DEEP][WARP_SIZE];
    u32 r = blockIdx.x * WARP_SIZE + threadIdx.x;
    for (u64 group = blockIdx.y; group < image_groups(s); group += gridDim.y) {
        u32 image = (u32)group * IMAGES, mine = image + threadIdx.y;
        float sum[IMAGES] = {};
        if (r < s.r) {
#pragma unroll 4
            for (u32 c = threadIdx.y; c < s.c; c += DEEP) {
                float weight = w2[(u64)c * s.r + r];
                for (u32 k = 0; k < IMAGES; ++k)
                    if (image + k < s.n) sum[k] += weight * dz[(u64)(image + k) * s.c + c];
            }
        }
        __syncthreads();
        for (u32 k = 0; k < IMAGES; ++k) room[k][threadIdx.y][threadIdx.x] = sum[k];
        __syncthreads();
        if (threadIdx.y >= IMAGES || mine >= s.n || r >= s.r) continue;
        float total = 0.0f;
        for (u32 y = 0; y < DEEP; ++y) total += room[threadIdx.y][y][threadIdx.x];
        u64 at = (u64)mine * s.r + r;
        dhidden[at] = activation_back(s.activation, hidden[at], total);
        activated[at] = activate(s.activation, hidden[at]);
    }
}

// The gradient of the means: a thread a channel of some images.
extern "C" __global__ void squeeze_excitation_backward_means(const float *w1, const float *dhidden, float *dpooled, Sizes s) {
    for (u64 i = first_index(); i < image_groups(s) * s.c; i += index_step()) {
        u32 c = (u32)(i % s.c), image = (u32)(i / s.c) * IMAGES;
        float sum[IMAGES] = {};
#pragma unroll 4
        for (u32 r = 0; r < s.r; ++r) {
            float weight = w1[(u64)r * s.c + c];
            for (u32 k = 0; k < IMAGES; ++k)
                if (image + k < s.n) sum[k] += weight * dhidden[(u64)(image + k) * s.r + r];
        }
        for (u32 k = 0; k < IMAGES; ++k)
            if (image + k < s.n) dpooled[(u64)(image + k) * s.c + c] = sum[k] / (float)(s.h * s.w);
    }
}

// The sum over the images of one number of each, or of a product of two.
__device__ __forceinline__ float over_images(u32 n, const float *a, u32 a_step, const float *b, u32 b_step) {
    float sum = 0.0f;
#pragma unroll 8
    for (u32 image = 0; image < n; ++image) {
        float value = a[(u64)image * a_step];
        sum += b ? value * b[(u64)image * b_step] : value;
    }
    return sum;
}

// A thread a weight.
extern "C" __global__ void squeeze_excitation_backward_weights(const float *pooled, const float *dz, const float *dhidden,
                                                               const float *activated, float *dw1, float *db1, float *dw2,
                                                               float *db2, Sizes s) {
    u64 each = (u64)s.r * s.c, all = 2 * each + s.r + s.c;
    for (u64 i = first_index(); i < all; i += index_step()) {
        if (i < each) {
            u32 r = (u32)(i / s.c), c = (u32)(i % s.c);
            dw1[i] = over_images(s.n, dhidden + r, s.r, pooled + c, s.c);
        } else if (i < 2 * each) {
            u32 c = (u32)((i - each) / s.r), r = (u32)((i - each) % s.r);
            dw2[i - each] = over_images(s.n, dz + c, s.c, activated + r, s.r);
        } else if (i < 2 * each + s.r) {
            u32 r = (u32)(i - 2 * each);
            db1[r] = over_images(s.n, dhidden + r, s.r, nullptr, 0);
        } else {
            u32 c = (u32)(i - 2 * each - s.r);
            db2[c] = over_images(s.n, dz + c, s.c, nullptr, 0);
        }
    }
}

#define KERNELS(T, DTYPE)                                                                                              \
    extern "C" __global__ void squeeze_excitation_means_##DTYPE(const T *x, float *pooled, Sizes s) {                  \
        sums<false, T>(x, nullptr, nullptr, pooled, s);                                                                \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_##DTYPE(const T *x, const float *gate, T *y, Sizes s) {              \
        scaled<false>(x, gate, nullptr, y, s);                                                                         \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_end_##DTYPE(const T *x, const float *gate, const T *residual, T *y,  \
                                                              Sizes s) {                                               \
        if (s.wide) end_pixels<Few<T>::SIZE>(x, gate, residual, y, s);                                                 \
        else end_pixels<1>(x, gate, residual, y, s);                                                                   \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_backward_end_##DTYPE(const T *dy, const T *x, const T *residual,     \
                                                                       const float *gate, float *dz, T *dv, Sizes s) { \
        if (s.wide) end_sums<Few<T>::SIZE>(Reads<T>{dy, x, residual}, gate, dz, dv, s);                                \
        else end_sums<1>(Reads<T>{dy, x, residual}, gate, dz, dv, s);                                                  \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_backward_sums_##DTYPE(const T *dy, const T *x, const float *gate,    \
                                                                        float *dz, Sizes s) {                          \
        sums<true>(x, dy, gate, dz, s);                                                                                \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_backward_##DTYPE(const T *dv, const float *gate, const float *dpooled, \
                                                                   T *dx, Sizes s) {                                   \
        scaled<true>(dv, gate, dpooled, dx, s);                                                                        \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
