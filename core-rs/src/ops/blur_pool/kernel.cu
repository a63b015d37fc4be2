// Blur pooling, and max-blur pooling, which is blur pooling of the largest of every K x K window; NHWC, mod.rs of both has
// the formulas. Plain blur pooling is K = 1, so that its window is the pixel itself. Maxima are found where they are
// needed and never stored.
//
// One thread makes N neighbouring channels of one pixel: all accesses are coalesced, and no thread divides to find its
// place. Sizes are below 2^31.

struct Sizes {
    // Of the image that is blurred, n x h x w x c, and of the result.
    u32 n, h, w, c, oh, ow;
    u32 taps, stride, pad_before, reflect;
    // Of the windows whose largest are blurred.
    u32 kernel;
    // Whether 16 bytes of channels move at a time.
    u32 wide;
};

// The binomial filter; TAPS = 0 for any number of taps.
template <u32 TAPS> __device__ float weight(const Sizes &s, u32 tap) {
    if (TAPS == 3 || s.taps == 3) return tap == 1 ? 0.5f : 0.25f;
    if (s.taps == 2) return 0.5f;
    return tap == 2 ? 0.375f : tap % 2 == 1 ? 0.25f : 0.0625f;
}

// Where a padded position lies along an axis of `size`; `size` itself for a zero of the padding.
__device__ u32 source(const Sizes &s, u32 size, u32 padded) {
    u32 last = size - 1 + s.pad_before;
    if (padded >= s.pad_before && padded <= last) return padded - s.pad_before;
    if (!s.reflect) return size;
    return padded < s.pad_before ? s.pad_before - padded : size - 1 - (padded - last);
}

// The largest of the window that begins at (y, x); K = 0 for windows of any size.
template <u32 K, u32 N, class T>
__device__ void largest(const Sizes &s, const T *image, u32 y, u32 x, float (&best)[N]) {
    u32 kernel = K ? K : s.kernel, width = s.w + kernel - 1;
    const T *window = image + ((i64)y * width + x) * s.c;
    load(window, best);
    for (u32 at = 1; at < kernel * kernel; ++at) {
        float value[N];
        load(window + ((i64)(at / kernel) * width + at % kernel) * s.c, value);
        for (u32 k = 0; k < N; ++k) best[k] = larger(best[k], value[k]);
    }
}

template <u32 TAPS, u32 K, u32 N, class T>
__device__ void forward(const Sizes &s, const T *image, u32 oy, u32 ox, float (&sum)[N]) {
    u32 taps = TAPS ? TAPS : s.taps;
#pragma unroll 1
    for (u32 i = 0; i < taps; ++i) {
        u32 y = source(s, s.h, oy * s.stride + i);
        if (y == s.h) continue;
#pragma unroll(TAPS ? TAPS : 1)
        for (u32 j = 0; j < taps; ++j) {
            u32 x = source(s, s.w, ox * s.stride + j);
            if (x == s.w) continue;
            float value[N], share = weight<TAPS>(s, i) * weight<TAPS>(s, j);
            largest<K>(s, image, y, x, value);
            for (u32 k = 0; k < N; ++k) sum[k] += share * value[k];
        }
    }
}

// The outputs that may read a position: `first` up to and without `end`.
struct Outputs {
    u32 first, end;
};

__device__ Outputs outputs(const Sizes &s, u32 size, u32 out, u32 at) {
    u32 low = at + s.pad_before, high = low, from_end = size - 1 - at;
    if (s.reflect && at <= s.pad_before) low = s.pad_before - at;
    if (s.reflect && from_end <= s.taps - 1 - s.pad_before) high += 2 * from_end;
    u32 last = high / s.stride;
    return {low < s.taps ? 0 : (low - s.taps) / s.stride + 1, last < out ? last + 1 : out};
}

// The weight of a padded position in an output.
template <u32 TAPS> __device__ float tap_weight(const Sizes &s, u32 out, u32 padded) {
    u32 tap = padded - out * s.stride;
    return padded >= out * s.stride && tap < s.taps ? weight<TAPS>(s, tap) : 0.0f;
}

// The weight of position `at` of an axis of `size` in an output, where it is and where reflection shows it again.
template <u32 TAPS> __device__ float share(const Sizes &s, u32 size, u32 out, u32 at) {
    float sum = tap_weight<TAPS>(s, out, at + s.pad_before);
    if (!s.reflect) return sum;
    u32 pad_after = s.taps - 1 - s.pad_before, from_end = size - 1 - at;
    if (at >= 1 && at <= s.pad_before) sum += tap_weight<TAPS>(s, out, s.pad_before - at);
    if (from_end >= 1 && from_end <= pad_after) sum += tap_weight<TAPS>(s, out, size - 1 + s.pad_before + from_end);
    return sum;
}

// The gradient of the blurred image at (y, x). A gather, so that no atomics are needed and the sum has one order.
template <u32 TAPS, u32 N, class T>
__device__ void unblurred(const Sizes &s, const T *dy, u32 y, u32 x, float (&sum)[N]) {
    for (u32 k = 0; k < N; ++k) sum[k] = 0.0f;
    Outputs rows = outputs(s, s.h, s.oh, y), columns = outputs(s, s.w, s.ow, x);
#pragma unroll 1
    for (u32 oy = rows.first; oy < rows.end; ++oy) {
        float down = share<TAPS>(s, s.h, oy, y);
#pragma unroll 1
        for (u32 ox = columns.first; ox < columns.end; ++ox) {
            float value[N], both = down * share<TAPS>(s, s.w, ox, x);
            if (both == 0.0f) continue;
            load(dy + ((i64)oy * s.ow + ox) * s.c, value);
            for (u32 k = 0; k < N; ++k) sum[k] += both * value[k];
        }
    }
}

// Which channels of pixel (iy, ix), of values `own`, are the first largest of the window at (y, x); the last NaN is the
// largest.
template <u32 K, u32 N, class T>
__device__ void winners(const Sizes &s, const T *image, u32 y, u32 x, u32 iy, u32 ix, const float (&own)[N], bool (&wins)[N]) {
    u32 kernel = K ? K : s.kernel, width = s.w + kernel - 1;
    for (u32 k = 0; k < N; ++k) wins[k] = true;
    for (u32 i = y; i < y + kernel; ++i)
        for (u32 j = x; j < x + kernel; ++j) {
            if (i == iy && j == ix) continue;
            float other[N];
            load(image + ((i64)i * width + j) * s.c, other);
            bool earlier = i < iy || (i == iy && j < ix);
            for (u32 k = 0; k < N; ++k) {
                bool beaten = earlier ? !(own[k] > other[k] || own[k] != own[k]) : other[k] > own[k] || other[k] != other[k];
                wins[k] = wins[k] && !beaten;
            }
        }
}

// The gradient of pixel (iy, ix): that of every window whose largest it is.
template <u32 TAPS, u32 K, u32 N, class T>
__device__ void backward(const Sizes &s, const T *image, const T *dy, u32 iy, u32 ix, float (&sum)[N]) {
    if (K == 1) return unblurred<TAPS>(s, dy, iy, ix, sum);
    u32 kernel = K ? K : s.kernel, width = s.w + kernel - 1;
    float own[N], gradient[N];
    load(image + ((i64)iy * width + ix) * s.c, own);
#pragma unroll 1
    for (u32 y = iy + 1 < kernel ? 0 : iy + 1 - kernel; y <= iy && y < s.h; ++y)
#pragma unroll 1
        for (u32 x = ix + 1 < kernel ? 0 : ix + 1 - kernel; x <= ix && x < s.w; ++x) {
            bool wins[N], any = false;
            winners<K>(s, image, y, x, iy, ix, own, wins);
            for (u32 k = 0; k < N; ++k) any = any || wins[k];
            if (!any) continue;
            unblurred<TAPS>(s, dy, y, x, gradient);
            for (u32 k = 0; k < N; ++k) sum[k] += wins[k] ? gradient[k] : 0.0f;
        }
}

// Forward makes y = `to` of x; backward makes dx = `to` of x, which K = 1 does without, and dy.
template <bool BACKWARD, u32 TAPS, u32 K, u32 N, class T>
__device__ void all_pixels(const Sizes &s, const T *x, const T *dy, T *to) {
    u32 kernel = K ? K : s.kernel, height = s.h + kernel - 1, width = s.w + kernel - 1;
    u32 to_h = BACKWARD ? height : s.oh, to_w = BACKWARD ? width : s.ow;
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 row = blockIdx.y; row < to_h; row += gridDim.y)
            for (u32 column = blockIdx.x * blockDim.y + threadIdx.y; column < to_w; column += gridDim.x * blockDim.y)
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    const T *image = x + (i64)n * height * width * s.c + c;
                    float sum[N];
                    for (u32 k = 0; k < N; ++k) sum[k] = 0.0f;
                    if (BACKWARD) backward<TAPS, K>(s, image, dy + (i64)n * s.oh * s.ow * s.c + c, row, column, sum);
                    else forward<TAPS, K>(s, image, row, column, sum);
                    store(to + (((i64)n * to_h + row) * to_w + column) * s.c + c, sum);
                }
}

template <bool BACKWARD, u32 TAPS, u32 K, class T>
__device__ void in_lanes(const Sizes &s, const T *x, const T *dy, T *to) {
    if (s.wide) all_pixels<BACKWARD, TAPS, K, Pack<T>::SIZE>(s, x, dy, to);
    else all_pixels<BACKWARD, TAPS, K, 1>(s, x, dy, to);
}

template <bool BACKWARD, class T> __device__ void filtered(const Sizes &s, const T *x, const T *dy, T *to) {
    if (s.taps == 3) in_lanes<BACKWARD, 3, 1>(s, x, dy, to);
    else in_lanes<BACKWARD, 0, 1>(s, x, dy, to);
}

// Windows of 2 x 2 and 3 taps are those of kornia's MaxBlurPool2D; others are rare.
template <bool BACKWARD, class T> __device__ void max_filtered(const Sizes &s, const T *x, const T *dy, T *to) {
    if (s.kernel == 2 && s.taps == 3) in_lanes<BACKWARD, 3, 2>(s, x, dy, to);
    else in_lanes<BACKWARD, 0, 0>(s, x, dy, to);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void blur_pool_##DTYPE(const T *x, T *y, Sizes s) {                                        \
        filtered<false, T>(s, x, nullptr, y);                                                                     \
    }                                                                                                                \
    extern "C" __global__ void blur_pool_backward_##DTYPE(const T *dy, T *dx, Sizes s) {                             \
        filtered<true, T>(s, nullptr, dy, dx);                                                                      \
    }                                                                                                                \
    extern "C" __global__ void max_blur_pool_##DTYPE(const T *x, T *y, Sizes s) {                                    \
        max_filtered<false, T>(s, x, nullptr, y);                                                                    \
    }                                                                                                                \
    extern "C" __global__ void max_blur_pool_backward_##DTYPE(const T *x, const T *dy, T *dx, Sizes s) {             \
        max_filtered<true>(s, x, dy, dx);                                                                            \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
