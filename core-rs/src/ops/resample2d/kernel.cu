// Images of another size, NHWC: every result is the sum of some rows and columns of its image, which a table lists for each
// axis; mod.rs has the formula. Backward is the same with the transposed lists.
//
// One thread makes N neighbouring channels of one pixel: all accesses are coalesced, and no thread divides to find its
// place. Sizes are below 2^31.

struct Sizes {
    // Of the images that are read, n x h x w x c, and of the results.
    u32 n, h, w, c, oh, ow;
    // Words of the table before the columns' part.
    u32 columns;
    // Whether 16 bytes of channels move at a time.
    u32 wide;
};

// The sources of a result and their weights.
struct Terms {
    const u32 *at;
    u32 count;

    __device__ __forceinline__ Terms(const u32 *table, u32 results, u32 result)
        : at(table + results + 1 + 2 * (u64)table[result]), count(table[result + 1] - table[result]) {}
    __device__ __forceinline__ u32 source(u32 term) const { return at[2 * (u64)term]; }
    __device__ __forceinline__ float weight(u32 term) const { return __uint_as_float(at[2 * (u64)term + 1]); }
};

template <u32 N, class T> __device__ void all_pixels(const Sizes &s, const T *x, T *y, const u32 *table) {
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 row = blockIdx.y; row < s.oh; row += gridDim.y) {
            Terms down(table, s.oh, row);
            for (u32 column = blockIdx.x * blockDim.y + threadIdx.y; column < s.ow; column += gridDim.x * blockDim.y) {
                Terms across(table + s.columns, s.ow, column);
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    float sum[N];
                    for (u32 k = 0; k < N; ++k) sum[k] = 0.0f;
                    for (u32 i = 0; i < down.count; ++i) {
                        const T *line = x + ((u64)n * s.h + down.source(i)) * s.w * s.c + c;
                        float outer = down.weight(i);
                        for (u32 j = 0; j < across.count; ++j) {
                            float value[N], share = outer * across.weight(j);
                            load(line + (u64)across.source(j) * s.c, value);
                            for (u32 k = 0; k < N; ++k) sum[k] = fmaf(share, value[k], sum[k]);
                        }
                    }
                    store(y + (((u64)n * s.oh + row) * s.ow + column) * s.c + c, sum);
                }
            }
        }
}

template <class T> __device__ void in_lanes(const Sizes &s, const T *x, T *y, const u32 *table) {
    if (s.wide) all_pixels<Pack<T>::SIZE>(s, x, y, table);
    else all_pixels<1>(s, x, y, table);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void resample2d_##DTYPE(const T *x, T *y, const u32 *table, Sizes s) {                     \
        in_lanes(s, x, y, table);                                                                                    \
    }                                                                                                                \
    extern "C" __global__ void resample2d_backward_##DTYPE(const T *dy, T *dx, const u32 *table, Sizes s) {          \
        in_lanes(s, dy, dx, table);                                                                                  \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
