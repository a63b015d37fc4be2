// Blur pooling, NHWC; mod.rs has the formula. One thread makes one value: neighbouring threads have neighbouring
// channels, so every read and write is coalesced, and no thread divides to find its place. Sizes are below 2^31.

struct Sizes {
    unsigned n, h, w, c, oh, ow, taps, stride, pad_before, reflect;
};

// The binomial filter.
template <int TAPS> __device__ float weight(unsigned tap) {
    if (TAPS == 2) return 0.5f;
    if (TAPS == 3) return tap == 1 ? 0.5f : 0.25f;
    return tap == 2 ? 0.375f : tap % 2 == 1 ? 0.25f : 0.0625f;
}

// Where a padded position lies along an axis of `size`; `size` itself for a zero of the padding.
__device__ unsigned source(const Sizes &s, unsigned size, unsigned padded) {
    unsigned last = size - 1 + s.pad_before;
    if (padded >= s.pad_before && padded <= last) return padded - s.pad_before;
    if (!s.reflect) return size;
    return padded < s.pad_before ? s.pad_before - padded : size - 1 - (padded - last);
}

template <int TAPS, class T> __device__ float forward(const Sizes &s, const T *image, unsigned oy, unsigned ox) {
    float sum = 0.0f;
#pragma unroll
    for (unsigned i = 0; i < TAPS; ++i) {
        unsigned iy = source(s, s.h, oy * s.stride + i);
        if (iy == s.h) continue;
        float row = 0.0f;
#pragma unroll
        for (unsigned j = 0; j < TAPS; ++j) {
            unsigned ix = source(s, s.w, ox * s.stride + j);
            if (ix < s.w) row += weight<TAPS>(j) * widen(image[((long long)iy * s.w + ix) * s.c]);
        }
        sum += weight<TAPS>(i) * row;
    }
    return sum;
}

// The padded positions that read input `at` of an axis: its own and, with reflection, its images beyond either edge.
struct Positions {
    unsigned at[3];
    int count;
};

__device__ Positions positions(const Sizes &s, unsigned size, unsigned at) {
    Positions found = {{at + s.pad_before, 0, 0}, 1};
    if (!s.reflect) return found;
    unsigned pad_after = s.taps - 1 - s.pad_before, from_end = size - 1 - at;
    if (at >= 1 && at <= s.pad_before) found.at[found.count++] = s.pad_before - at;
    if (from_end >= 1 && from_end <= pad_after) found.at[found.count++] = size - 1 + s.pad_before + from_end;
    return found;
}

// The outputs whose window holds a padded position: `first` up to and without `end`.
struct Outputs {
    unsigned first, end;
};

template <int TAPS> __device__ Outputs outputs(const Sizes &s, unsigned out, unsigned padded) {
    unsigned last = padded / s.stride;
    return {padded < TAPS ? 0 : (padded - TAPS) / s.stride + 1, last < out ? last + 1 : out};
}

// A gather, so that no atomics are needed and the sum has one order.
template <int TAPS, class T> __device__ float backward(const Sizes &s, const T *dy, unsigned iy, unsigned ix) {
    float sum = 0.0f;
    Positions ys = positions(s, s.h, iy), xs = positions(s, s.w, ix);
    for (int a = 0; a < ys.count; ++a) {
        Outputs rows = outputs<TAPS>(s, s.oh, ys.at[a]);
        for (unsigned oy = rows.first; oy < rows.end; ++oy) {
            float row = 0.0f;
            for (int b = 0; b < xs.count; ++b) {
                Outputs columns = outputs<TAPS>(s, s.ow, xs.at[b]);
                for (unsigned ox = columns.first; ox < columns.end; ++ox)
                    row += weight<TAPS>(xs.at[b] - ox * s.stride) * widen(dy[((long long)oy * s.ow + ox) * s.c]);
            }
            sum += weight<TAPS>(ys.at[a] - oy * s.stride) * row;
        }
    }
    return sum;
}

template <int TAPS, bool BACKWARD, class T> __device__ void run(const Sizes &s, const T *from, T *to) {
    unsigned from_h = BACKWARD ? s.oh : s.h, from_w = BACKWARD ? s.ow : s.w;
    unsigned to_h = BACKWARD ? s.h : s.oh, to_w = BACKWARD ? s.w : s.ow;
    for (unsigned n = blockIdx.z; n < s.n; n += gridDim.z)
        for (unsigned y = blockIdx.y; y < to_h; y += gridDim.y)
            for (unsigned x = blockIdx.x * blockDim.y + threadIdx.y; x < to_w; x += gridDim.x * blockDim.y)
                for (unsigned c = threadIdx.x; c < s.c; c += blockDim.x) {
                    const T *image = from + (long long)n * from_h * from_w * s.c + c;
                    float value = BACKWARD ? backward<TAPS>(s, image, y, x) : forward<TAPS>(s, image, y, x);
                    to[(((long long)n * to_h + y) * to_w + x) * s.c + c] = narrow<T>(value);
                }
}

template <bool BACKWARD, class T> __device__ void filtered(const Sizes &s, const T *from, T *to) {
    if (s.taps == 2) run<2, BACKWARD>(s, from, to);
    else if (s.taps == 3) run<3, BACKWARD>(s, from, to);
    else run<5, BACKWARD>(s, from, to);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void blur_pool_##DTYPE(const T *x, T *y, Sizes s) { filtered<false>(s, x, y); }           \
    extern "C" __global__ void blur_pool_backward_##DTYPE(const T *dy, T *dx, Sizes s) { filtered<true>(s, dy, dx); }

KERNELS(float, f32)
KERNELS(bf16, bf16)
