// Max and average pooling, NHWC, over windows clipped to the image; mod.rs of both has the formulas. One thread makes N
// neighbouring channels of one pixel, of y or of dx: gradients are gathered from the windows that hold a pixel, so that no
// atomics are needed and the sum has one order. Sizes are below 2^31.

// The windows along one axis, with padding on either side.
struct Axis {
    u32 size, out, kernel, stride, pad;
};

struct Sizes {
    u32 n, c;
    Axis rows, cols;
    // Average pooling: whether the padding counts.
    u32 count_pad;
    // Whether 16 bytes of channels move at a time.
    u32 wide;
};

// `first` up to and without `end`.
struct Span {
    u32 first, end;
};

// The part of window `out` inside the image, never empty.
__device__ Span window(const Axis &axis, u32 out) {
    u32 start = out * axis.stride, end = start + axis.kernel - axis.pad;
    return {start > axis.pad ? start - axis.pad : 0, end < axis.size ? end : axis.size};
}

// The windows that hold a position of the image.
__device__ Span windows(const Axis &axis, u32 at) {
    u32 padded = at + axis.pad, last = padded / axis.stride;
    return {padded < axis.kernel ? 0 : (padded - axis.kernel) / axis.stride + 1, last < axis.out ? last + 1 : axis.out};
}

// The size of window `out` along an axis, clipped to the image, or to the image and its padding.
__device__ u32 extent(const Axis &axis, u32 out, bool count_pad) {
    if (!count_pad) {
        Span span = window(axis, out);
        return span.end - span.first;
    }
    u32 start = out * axis.stride, room = axis.size + 2 * axis.pad - start;
    return axis.kernel < room ? axis.kernel : room;
}

__device__ float divisor(const Sizes &s, u32 oy, u32 ox) {
    return (float)extent(s.rows, oy, s.count_pad) * (float)extent(s.cols, ox, s.count_pad);
}

struct Max {
    template <u32 N, class T>
    static __device__ void forward(const Sizes &s, const T *image, u32 oy, u32 ox, float (&best)[N]) {
        Span ys = window(s.rows, oy), xs = window(s.cols, ox);
        for (u32 y = ys.first; y < ys.end; ++y)
            for (u32 x = xs.first; x < xs.end; ++x) {
                float value[N];
                load(image + ((i64)y * s.cols.size + x) * s.c, value);
                bool first = y == ys.first && x == xs.first;
                for (u32 k = 0; k < N; ++k) best[k] = first ? value[k] : larger(best[k], value[k]);
            }
    }

    // Which channels of pixel (iy, ix), of values `own`, are the first largest of their window (oy, ox); the last NaN is
    // the largest.
    template <u32 N, class T>
    static __device__ void winners(
        const Sizes &s, const T *image, u32 oy, u32 ox, u32 iy, u32 ix, const float (&own)[N], bool (&wins)[N]
    ) {
        Span ys = window(s.rows, oy), xs = window(s.cols, ox);
        for (u32 k = 0; k < N; ++k) wins[k] = true;
        for (u32 y = ys.first; y < ys.end; ++y)
            for (u32 x = xs.first; x < xs.end; ++x) {
                if (y == iy && x == ix) continue;
                float other[N];
                load(image + ((i64)y * s.cols.size + x) * s.c, other);
                bool earlier = y < iy || (y == iy && x < ix);
                for (u32 k = 0; k < N; ++k) {
                    bool beats = own[k] > other[k] || own[k] != own[k];
                    bool beaten = other[k] > own[k] || other[k] != other[k];
                    wins[k] = wins[k] && (earlier ? beats : !beaten);
                }
            }
    }

    template <u32 N, class T>
    static __device__ void backward(const Sizes &s, const T *image, const T *dy, u32 iy, u32 ix, float (&sum)[N]) {
        Span rows = windows(s.rows, iy), cols = windows(s.cols, ix);
        float own[N], gradient[N];
        bool wins[N];
        load(image + ((i64)iy * s.cols.size + ix) * s.c, own);
        for (u32 oy = rows.first; oy < rows.end; ++oy)
            for (u32 ox = cols.first; ox < cols.end; ++ox) {
                winners(s, image, oy, ox, iy, ix, own, wins);
                load(dy + ((i64)oy * s.cols.out + ox) * s.c, gradient);
                for (u32 k = 0; k < N; ++k) sum[k] += wins[k] ? gradient[k] : 0.0f;
            }
    }
};

struct Average {
    template <u32 N, class T>
    static __device__ void forward(const Sizes &s, const T *image, u32 oy, u32 ox, float (&sum)[N]) {
        Span ys = window(s.rows, oy), xs = window(s.cols, ox);
        for (u32 y = ys.first; y < ys.end; ++y)
            for (u32 x = xs.first; x < xs.end; ++x) {
                float value[N];
                load(image + ((i64)y * s.cols.size + x) * s.c, value);
                for (u32 k = 0; k < N; ++k) sum[k] += value[k];
            }
        float size = divisor(s, oy, ox);
        for (u32 k = 0; k < N; ++k) sum[k] /= size;
    }

    template <u32 N, class T>
    static __device__ void backward(const Sizes &s, const T *, const T *dy, u32 iy, u32 ix, float (&sum)[N]) {
        Span rows = windows(s.rows, iy), cols = windows(s.cols, ix);
        for (u32 oy = rows.first; oy < rows.end; ++oy)
            for (u32 ox = cols.first; ox < cols.end; ++ox) {
                float gradient[N], size = divisor(s, oy, ox);
                load(dy + ((i64)oy * s.cols.out + ox) * s.c, gradient);
                for (u32 k = 0; k < N; ++k) sum[k] += gradient[k] / size;
            }
    }
};

// Forward makes y = `to` of x; backward makes dx = `to` of x, which averages do without, and dy.
template <class POOL, bool BACKWARD, u32 N, class T>
__device__ void all_pixels(const Sizes &s, const T *x, const T *dy, T *to) {
    u32 to_h = BACKWARD ? s.rows.size : s.rows.out, to_w = BACKWARD ? s.cols.size : s.cols.out;
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 row = blockIdx.y; row < to_h; row += gridDim.y)
            for (u32 column = blockIdx.x * blockDim.y + threadIdx.y; column < to_w; column += gridDim.x * blockDim.y)
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    const T *image = x + (i64)n * s.rows.size * s.cols.size * s.c + c;
                    const T *pooled = dy + (i64)n * s.rows.out * s.cols.out * s.c + c;
                    float value[N];
                    for (u32 k = 0; k < N; ++k) value[k] = 0.0f;
                    if (BACKWARD) POOL::backward(s, image, pooled, row, column, value);
                    else POOL::forward(s, image, row, column, value);
                    store(to + (((i64)n * to_h + row) * to_w + column) * s.c + c, value);
                }
}

template <class POOL, bool BACKWARD, class T> __device__ void run(const Sizes &s, const T *x, const T *dy, T *to) {
    if (s.wide) all_pixels<POOL, BACKWARD, Pack<T>::SIZE>(s, x, dy, to);
    else all_pixels<POOL, BACKWARD, 1>(s, x, dy, to);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void max_pool2d_##DTYPE(const T *x, T *y, Sizes s) {                                       \
        run<Max, false, T>(s, x, nullptr, y);                                                                        \
    }                                                                                                                \
    extern "C" __global__ void max_pool2d_backward_##DTYPE(const T *x, const T *dy, T *dx, Sizes s) {                \
        run<Max, true>(s, x, dy, dx);                                                                                \
    }                                                                                                                \
    extern "C" __global__ void avg_pool2d_##DTYPE(const T *x, T *y, Sizes s) {                                       \
        run<Average, false, T>(s, x, nullptr, y);                                                                    \
    }                                                                                                                \
    extern "C" __global__ void avg_pool2d_backward_##DTYPE(const T *dy, T *dx, Sizes s) {                            \
        run<Average, true, T>(s, nullptr, dy, dx);                                                                   \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
