// Squeeze-and-excitation; mod.rs has the formulas. Passes over the pixels move 16 bytes of channels at a time where that is
// possible; what is between them is a few thousand numbers, f32 whatever x is. Every sum has one order.

struct Sizes {
    u32 n, h, w, c, r, activation;
    // Whether 16 bytes of channels move at a time.
    u32 wide;
};

// Threads of a block that sums over pixels: side by side on channels, below each other on pixels.
const u32 LANES = 8, DEEP = 32;

// The sum of x, or of dy x, over the pixels of an image, times `factor`: [n, c].
template <bool PRODUCT, u32 N, class T>
__device__ __forceinline__ void sum_pixels(const T *x, const T *dy, float *to, const Sizes &s, float factor) {
    __shared__ float room[DEEP][LANES * N];
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
        __syncthreads();
        for (u32 k = 0; k < N; ++k) room[threadIdx.y][threadIdx.x * N + k] = sum[k];
        __syncthreads();
        if (thread < LANES * N && first + thread < s.c) {
            float total = 0.0f;
            for (u32 i = 0; i < DEEP; ++i) total += room[i][thread];
            to[(u64)image * s.c + first + thread] = total * factor;
        }
    }
}

template <bool PRODUCT, class T>
__device__ __forceinline__ void sums(const T *x, const T *dy, float *to, const Sizes &s, float factor) {
    if (s.wide) sum_pixels<PRODUCT, Pack<T>::SIZE>(x, dy, to, s, factor);
    else sum_pixels<PRODUCT, 1>(x, dy, to, s, factor);
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

extern __shared__ float shared[];

// A block an image: hidden, then gates.
extern "C" __global__ void squeeze_excitation_gates(const float *pooled, const float *w1, const float *b1, const float *w2,
                                                    const float *b2, float *hidden, float *gate, Sizes s) {
    u64 image = blockIdx.x;
    float *means = shared, *activated = shared + s.c;
    for (u32 c = threadIdx.x; c < s.c; c += blockDim.x) means[c] = pooled[image * s.c + c];
    __syncthreads();
    u32 lane = threadIdx.x % WARP_SIZE;
    for (u32 r = threadIdx.x / WARP_SIZE; r < s.r; r += blockDim.x / WARP_SIZE) {
        float sum = 0.0f;
        for (u32 c = lane; c < s.c; c += WARP_SIZE) sum += w1[(u64)r * s.c + c] * means[c];
        sum = warp_sum(sum) + b1[r];
        if (lane == 0) hidden[image * s.r + r] = sum, activated[r] = activate(s.activation, sum);
    }
    __syncthreads();
    for (u32 c = threadIdx.x; c < s.c; c += blockDim.x) {
        float sum = 0.0f;
        for (u32 r = 0; r < s.r; ++r) sum += w2[(u64)c * s.r + r] * activated[r];
        gate[image * s.c + c] = sigmoid_of(sum + b2[c]);
    }
}

// A block an image: `dz` holds the sums of dy x and becomes what it says; then the gradients of the hidden layer and of the
// means, and the activations of the hidden layer.
extern "C" __global__ void squeeze_excitation_backward_hidden(const float *w1, const float *w2, const float *hidden,
                                                              const float *gate, float *dz, float *dpooled, float *dhidden,
                                                              float *activated, Sizes s) {
    u64 image = blockIdx.x;
    float *gates = shared, *slopes = shared + s.c;
    for (u32 c = threadIdx.x; c < s.c; c += blockDim.x) {
        float g = gate[image * s.c + c], d = dz[image * s.c + c] * g * (1.0f - g);
        gates[c] = d, dz[image * s.c + c] = d;
    }
    __syncthreads();
    u32 lane = threadIdx.x % WARP_SIZE;
    for (u32 r = threadIdx.x / WARP_SIZE; r < s.r; r += blockDim.x / WARP_SIZE) {
        float sum = 0.0f;
        for (u32 c = lane; c < s.c; c += WARP_SIZE) sum += w2[(u64)c * s.r + r] * gates[c];
        float h = hidden[image * s.r + r];
        sum = warp_sum(sum) * activation_slope(s.activation, h);
        if (lane == 0) {
            slopes[r] = sum, dhidden[image * s.r + r] = sum;
            activated[image * s.r + r] = activate(s.activation, h);
        }
    }
    __syncthreads();
    for (u32 c = threadIdx.x; c < s.c; c += blockDim.x) {
        float sum = 0.0f;
        for (u32 r = 0; r < s.r; ++r) sum += w1[(u64)r * s.c + c] * slopes[r];
        dpooled[image * s.c + c] = sum / (float)(s.h * s.w);
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
        sums<false, T>(x, nullptr, pooled, s, 1.0f / (float)(s.h * s.w));                                              \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_##DTYPE(const T *x, const float *gate, T *y, Sizes s) {              \
        scaled<false>(x, gate, nullptr, y, s);                                                                         \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_backward_sums_##DTYPE(const T *dy, const T *x, float *dgate, Sizes s) { \
        sums<true>(x, dy, dgate, s, 1.0f);                                                                             \
    }                                                                                                                  \
    extern "C" __global__ void squeeze_excitation_backward_##DTYPE(const T *dy, const float *gate, const float *dpooled, \
                                                                   T *dx, Sizes s) {                                   \
        scaled<true>(dy, gate, dpooled, dx, s);                                                                        \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
