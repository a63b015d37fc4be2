// Reductions; mod.rs says what they are. Sums are kept in double. Three ways lead through x:
// - rows: x as [outputs, count], a team of threads for each output;
// - columns: x as [outer, count, inner], threads side by side on `inner` and below each other on `count`;
// - apart: any axes, a team for each output again.
// Where outputs are few, `count` is cut into parts, whose totals go to `partial` [parts][outputs]; another launch folds
// those in their order. How it is cut follows from the shape alone.

const u32 THREADS = 256;

struct Add {
    typedef double Total;
    static __device__ __forceinline__ double none() { return 0.0; }
    static __device__ __forceinline__ double join(double a, double b) { return a + b; }
    // A few neighbours before they go to the total.
    static __device__ __forceinline__ float join_few(float a, float b) { return a + b; }
    static __device__ __forceinline__ float finish(double total, double divisor) { return (float)(total / divisor); }
};

struct Largest {
    typedef float Total;
    static __device__ __forceinline__ float none() { return __uint_as_float(0xff800000u); }
    static __device__ __forceinline__ float join(float a, float b) { return larger(a, b); }
    static __device__ __forceinline__ float join_few(float a, float b) { return larger(a, b); }
    static __device__ __forceinline__ float finish(float total, double) { return total; }
};

struct Smallest {
    typedef float Total;
    static __device__ __forceinline__ float none() { return __uint_as_float(0x7f800000u); }
    static __device__ __forceinline__ float join(float a, float b) { return smaller(a, b); }
    static __device__ __forceinline__ float join_few(float a, float b) { return smaller(a, b); }
    static __device__ __forceinline__ float finish(float total, double) { return total; }
};

struct Sizes {
    u64 outer, count, inner;
    // How many parts `count` is cut into, and elements of each but the last.
    u64 parts, part;
    // What a total is divided by.
    double divisor;
    // Whether a whole block folds an output; whether 16-byte accesses are possible.
    u32 by_block, wide;
};

// The elements of some axes, and how far apart they lie in x.
struct Strides {
    u64 sizes[6], strides[6];

    __device__ __forceinline__ u64 offset(u64 element) const {
        u64 at = 0;
        for (int axis = 5; axis >= 0; --axis) {
            at += element % sizes[axis] * strides[axis];
            element /= sizes[axis];
        }
        return at;
    }
};

// The end: `y` where nothing was cut, else the place of a part's total.
template <class Fold, class T>
__device__ __forceinline__ void finish(const Sizes &s, typename Fold::Total total, u64 output, u64 part, T *y,
                                       typename Fold::Total *partial) {
    if (s.parts > 1) partial[part * s.outer * s.inner + output] = total;
    else y[output] = narrow<T>(Fold::finish(total, s.divisor));
}

// The fold over a team, in each of its threads.
template <class Fold, bool BLOCK>
__device__ __forceinline__ typename Fold::Total over_team(typename Fold::Total x, typename Fold::Total *room) {
    return BLOCK ? block_fold<Fold>(x, room) : warp_fold<Fold>(x);
}

template <class Fold, bool BLOCK, class T>
__device__ __forceinline__ typename Fold::Total fold_row(const Team<BLOCK> &team, const T *x, u64 len) {
    const u32 SIZE = Pack<T>::SIZE;
    typename Fold::Total total = Fold::none();
    u64 packs = aligned16(x) ? len / SIZE : 0;
#pragma unroll 4
    for (u64 i = team.thread(); i < packs; i += team.size()) {
        float few[SIZE];
        load<SIZE>(x + i * SIZE, few);
        for (u32 n = 1; n < SIZE; ++n) few[0] = Fold::join_few(few[0], few[n]);
        total = Fold::join(total, few[0]);
    }
    for (u64 i = packs * SIZE + team.thread(); i < len; i += team.size()) total = Fold::join(total, widen(x[i]));
    return total;
}

// One team after the other: `fold(team, output, first, end)` gives this thread's total of elements first to end.
template <class Fold, bool BLOCK, class T, class Over>
__device__ __forceinline__ void by_teams(const Sizes &s, T *y, typename Fold::Total *partial, Over fold) {
    __shared__ typename Fold::Total room[WARP_SIZE];
    Team<BLOCK> team{nullptr};
    u64 outputs = s.outer * s.inner;
    for (u64 i = team.first(); i < outputs * s.parts; i += team.step()) {
        u64 output = i % outputs, part = i / outputs, first = part * s.part;
        u64 end = first + s.part < s.count ? first + s.part : s.count;
        typename Fold::Total total = over_team<Fold, BLOCK>(fold(team, output, first, end), room);
        if (team.thread() == 0) finish<Fold>(s, total, output, part, y, partial);
    }
}

template <class Fold, bool BLOCK, class T>
__device__ void rows(const Sizes &s, const T *x, T *y, typename Fold::Total *partial) {
    by_teams<Fold, BLOCK>(s, y, partial, [&](const Team<BLOCK> &team, u64 output, u64 first, u64 end) {
        return fold_row<Fold>(team, x + output * s.count + first, end - first);
    });
}

template <class Fold, bool BLOCK, class T>
__device__ void apart(const Sizes &s, const Strides &kept, const Strides &folded, const T *x, T *y,
                      typename Fold::Total *partial) {
    by_teams<Fold, BLOCK>(s, y, partial, [&](const Team<BLOCK> &team, u64 output, u64 first, u64 end) {
        const T *from = x + kept.offset(output);
        typename Fold::Total total = Fold::none();
        for (u64 i = first + team.thread(); i < end; i += team.size())
            total = Fold::join(total, widen(from[folded.offset(i)]));
        return total;
    });
}

// Block (tile of columns + tiles * part, outer).
template <class Fold, u32 N, class T>
__device__ void columns(const Sizes &s, const T *x, T *y, typename Fold::Total *partial) {
    typedef typename Fold::Total Total;
    __shared__ Total room[N * THREADS];
    u32 width = blockDim.x * N, tiles = (u32)((s.inner + width - 1) / width);
    u64 part = blockIdx.x / tiles, first = part * s.part;
    u64 end = first + s.part < s.count ? first + s.part : s.count;
    u64 tile = (u64)(blockIdx.x % tiles) * width, column = tile + threadIdx.x * N;
    for (u64 outer = blockIdx.y; outer < s.outer; outer += gridDim.y) {
        Total totals[N];
        for (u32 n = 0; n < N; ++n) totals[n] = Fold::none();
        if (column < s.inner) {
            const T *from = x + outer * s.count * s.inner + column;
#pragma unroll 4
            for (u64 i = first + threadIdx.y; i < end; i += blockDim.y) {
                float values[N];
                load<N>(from + i * s.inner, values);
                for (u32 n = 0; n < N; ++n) totals[n] = Fold::join(totals[n], values[n]);
            }
        }
        __syncthreads();
        for (u32 n = 0; n < N; ++n) room[threadIdx.y * width + threadIdx.x * N + n] = totals[n];
        __syncthreads();
        for (u32 i = threadIdx.y * blockDim.x + threadIdx.x; i < width; i += blockDim.x * blockDim.y) {
            if (tile + i >= s.inner) continue;
            Total total = room[i];
            for (u32 below = 1; below < blockDim.y; ++below) total = Fold::join(total, room[below * width + i]);
            finish<Fold>(s, total, outer * s.inner + tile + i, part, y, partial);
        }
    }
}

// Folds the parts' totals: 32 outputs a block, 32 threads for each.
template <class Fold, class T> __device__ void together(const Sizes &s, const typename Fold::Total *partial, T *y) {
    typedef typename Fold::Total Total;
    __shared__ Total room[32][32];
    u64 outputs = s.outer * s.inner, output = (u64)blockIdx.x * 32 + threadIdx.x;
    Total total = Fold::none();
    if (output < outputs)
        for (u64 part = threadIdx.y; part < s.parts; part += 32)
            total = Fold::join(total, partial[part * outputs + output]);
    room[threadIdx.y][threadIdx.x] = total;
    __syncthreads();
    if (threadIdx.y > 0 || output >= outputs) return;
    for (u32 i = 1; i < 32; ++i) total = Fold::join(total, room[i][threadIdx.x]);
    y[output] = narrow<T>(Fold::finish(total, s.divisor));
}

#define KERNELS(NAME, FOLD, T, DTYPE)                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        reduce_##NAME##_rows_##DTYPE(const T *x, T *y, FOLD::Total *partial, Sizes s) {                              \
        if (s.by_block) rows<FOLD, true>(s, x, y, partial);                                                          \
        else rows<FOLD, false>(s, x, y, partial);                                                                    \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        reduce_##NAME##_apart_##DTYPE(const T *x, T *y, FOLD::Total *partial, Sizes s, Strides kept, Strides folded) {     \
        if (s.by_block) apart<FOLD, true>(s, kept, folded, x, y, partial);                                           \
        else apart<FOLD, false>(s, kept, folded, x, y, partial);                                                     \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256)                                                                \
        reduce_##NAME##_columns_##DTYPE(const T *x, T *y, FOLD::Total *partial, Sizes s) {                           \
        if (s.wide) columns<FOLD, Pack<T>::SIZE>(s, x, y, partial);                                                  \
        else columns<FOLD, 1>(s, x, y, partial);                                                                     \
    }                                                                                                                \
    extern "C" __global__ void reduce_##NAME##_together_##DTYPE(const FOLD::Total *partial, T *y, Sizes s) {         \
        together<FOLD>(s, partial, y);                                                                               \
    }

KERNELS(add, Add, float, f32)
KERNELS(add, Add, bf16, bf16)
KERNELS(largest, Largest, float, f32)
KERNELS(largest, Largest, bf16, bf16)
KERNELS(smallest, Smallest, float, f32)
KERNELS(smallest, Smallest, bf16, bf16)

// ---- argmax -------------------------------------------------------------------------------------------------------------

// A value and where it is; the largest wins, the first of equals, and the first NaN before all.
struct Place {
    float value;
    u32 at;

    __device__ __forceinline__ void take(float other, u32 there) {
        bool nan = value != value, other_nan = other != other;
        bool wins = nan != other_nan ? other_nan : nan || other == value ? there < at : other > value;
        if (wins) value = other, at = there;
    }
};

__device__ __forceinline__ Place nowhere() { return {__uint_as_float(0xff800000u), 0xffffffffu}; }

template <bool BLOCK, class T> __device__ void argmax_rows(const Sizes &s, const T *x, int *y) {
    __shared__ Place room[WARP_SIZE];
    Team<BLOCK> team{nullptr};
    for (u64 row = team.first(); row < s.outer; row += team.step()) {
        Place best = nowhere();
        for (u64 i = team.thread(); i < s.count; i += team.size()) best.take(widen(x[row * s.count + i]), (u32)i);
        for (u32 bits = WARP_SIZE / 2; bits > 0; bits /= 2) {
            float value = __shfl_xor_sync(ALL_LANES, best.value, bits);
            u32 at = __shfl_xor_sync(ALL_LANES, best.at, bits);
            best.take(value, at);
        }
        if (BLOCK) {
            __syncthreads();
            if (threadIdx.x % WARP_SIZE == 0) room[threadIdx.x / WARP_SIZE] = best;
            __syncthreads();
            for (u32 i = 0; i < blockDim.x / WARP_SIZE; ++i) best.take(room[i].value, room[i].at);
        }
        if (team.thread() == 0) y[row] = (int)best.at;
    }
}

// A thread for each output; neighbours read neighbours.
template <class T> __device__ void argmax_columns(const Sizes &s, const T *x, int *y) {
    for (u64 output = first_index(); output < s.outer * s.inner; output += index_step()) {
        const T *from = x + output / s.inner * s.count * s.inner + output % s.inner;
        Place best = nowhere();
        for (u64 i = 0; i < s.count; ++i) best.take(widen(from[i * s.inner]), (u32)i);
        y[output] = (int)best.at;
    }
}

#define ARGMAX(T, DTYPE)                                                                                             \
    extern "C" __global__ void argmax_##DTYPE(const T *x, int *y, Sizes s) {                                         \
        if (s.inner > 1) argmax_columns(s, x, y);                                                                    \
        else if (s.by_block) argmax_rows<true>(s, x, y);                                                             \
        else argmax_rows<false>(s, x, y);                                                                            \
    }

ARGMAX(float, f32)
ARGMAX(bf16, bf16)
