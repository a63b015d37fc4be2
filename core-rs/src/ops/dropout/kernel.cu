// Noise that a network is trained with; mod.rs has the definition. `draw`: seed, layer, number. What has the upper 24 bits
// below `limit` is dropped.

const u32 ELEMENTS = 5, ROWS = 6;

// Four neighbours a thread, in one access where x lies for it; y is a new tensor.
template <class T>
__device__ __forceinline__ void drop_elements(const T *x, const u32 *draw, T *y, u64 n, u32 limit, float scale) {
    const bool whole = ((u64)x & (4 * sizeof(T) - 1)) == 0;
    for (u64 group = first_index(); group * 4 < n; group += index_step()) {
        Random4 random = philox(draw[0], draw[1], (u32)group, draw[2], ELEMENTS, (u32)(group >> 32));
        const T *from = x + group * 4;
        u32 count = n - group * 4 < 4 ? (u32)(n - group * 4) : 4;
        float four[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        if (whole && count == 4) load<4>(from, four);
        else
            for (u32 i = 0; i < count; ++i) four[i] = widen(from[i]);
        for (u32 i = 0; i < 4; ++i) four[i] = random.at[i] >> 8 < limit ? 0.0f : four[i] * scale;
        if (count == 4) store<4>(y + group * 4, four);
        else
            for (u32 i = 0; i < count; ++i) y[group * 4 + i] = narrow<T>(four[i]);
    }
}

template <class T>
__device__ __forceinline__ void drop_rows(const T *x, const u32 *draw, T *y, u64 n, u64 width, u32 limit, float scale) {
    // Of neighbouring elements most are of one row.
    u64 known = ~0ull;
    bool dropped = false;
    for (u64 at = first_index(); at < n; at += index_step()) {
        u64 row = at / width;
        if (row != known) {
            dropped = philox(draw[0], draw[1], (u32)row, draw[2], ROWS, 0).at[0] >> 8 < limit;
            known = row;
        }
        y[at] = narrow<T>(dropped ? 0.0f : widen(x[at]) * scale);
    }
}

#define DROPOUT(T, DTYPE)                                                                                               \
    extern "C" __global__ void dropout_##DTYPE(const T *x, const u32 *draw, T *y, u64 n, u64 width, u32 limit,          \
                                               float scale) {                                                           \
        drop_elements(x, draw, y, n, limit, scale);                                                                     \
    }                                                                                                                   \
    extern "C" __global__ void stochastic_depth_##DTYPE(const T *x, const u32 *draw, T *y, u64 n, u64 width, u32 limit, \
                                                        float scale) {                                                  \
        drop_rows(x, draw, y, n, width, limit, scale);                                                                  \
    }

DROPOUT(float, f32)
DROPOUT(bf16, bf16)
