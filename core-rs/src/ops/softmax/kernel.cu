// Softmax and its logarithm over rows of `size` elements, and their gradients; mod.rs has the formulas. A row is read
// again from the cache for each pass over it.

// The largest value of a row and the sum of exponentials of what is left after subtracting it.
template <class T, bool BLOCK> __device__ float max_of(const Team<BLOCK> &team, const T *x, u64 size) {
    float most = __uint_as_float(0xff800000u);
    for (u64 i = team.thread(); i < size; i += team.size()) most = larger(most, widen(x[i]));
    return team.max(most);
}

template <class T, bool BLOCK>
__device__ float sum_of_exponentials(const Team<BLOCK> &team, const T *x, u64 size, float most) {
    float sum = 0.0f;
    for (u64 i = team.thread(); i < size; i += team.size()) sum += expf(widen(x[i]) - most);
    return team.sum(sum);
}

struct SoftmaxOf {
    template <class T, bool BLOCK>
    static __device__ void row(const Team<BLOCK> &team, const T *x, const T *, T *y, u64 size) {
        float most = max_of(team, x, size), scale = 1.0f / sum_of_exponentials(team, x, size, most);
        for (u64 i = team.thread(); i < size; i += team.size()) y[i] = narrow<T>(expf(widen(x[i]) - most) * scale);
    }
};

struct LogSoftmaxOf {
    template <class T, bool BLOCK>
    static __device__ void row(const Team<BLOCK> &team, const T *x, const T *, T *y, u64 size) {
        float most = max_of(team, x, size), log_sum = logf(sum_of_exponentials(team, x, size, most));
        for (u64 i = team.thread(); i < size; i += team.size()) y[i] = narrow<T>((widen(x[i]) - most) - log_sum);
    }
};

struct SoftmaxSlope {
    template <class T, bool BLOCK>
    static __device__ void row(const Team<BLOCK> &team, const T *y, const T *dy, T *dx, u64 size) {
        float dot = 0.0f;
        for (u64 i = team.thread(); i < size; i += team.size()) dot = fmaf(widen(y[i]), widen(dy[i]), dot);
        dot = team.sum(dot);
        for (u64 i = team.thread(); i < size; i += team.size())
            dx[i] = narrow<T>(widen(y[i]) * (widen(dy[i]) - dot));
    }
};

struct LogSoftmaxSlope {
    template <class T, bool BLOCK>
    static __device__ void row(const Team<BLOCK> &team, const T *y, const T *dy, T *dx, u64 size) {
        float total = 0.0f;
        for (u64 i = team.thread(); i < size; i += team.size()) total += widen(dy[i]);
        total = team.sum(total);
        for (u64 i = team.thread(); i < size; i += team.size())
            dx[i] = narrow<T>(fmaf(-expf(widen(y[i])), total, widen(dy[i])));
    }
};

struct Rows {
    u64 count, size;
    // Whether a whole block shares a row.
    u64 by_block;
    // Rows of a matrix: what the axis before the last counts.
    u64 queries;
};

template <class Op, bool BLOCK, class T>
__device__ void over_rows(const Rows &rows, float *room, const T *first, const T *second, T *out) {
    Team<BLOCK> team{room};
    for (u64 row = team.first(); row < rows.count; row += team.step()) {
        u64 at = row * rows.size;
        Op::row(team, first + at, second + at, out + at, rows.size);
    }
}

template <class Op, class T> __device__ void run(const Rows &rows, const T *first, const T *second, T *out) {
    __shared__ float room[WARP_SIZE];
    if (rows.by_block) over_rows<Op, true>(rows, room, first, second, out);
    else over_rows<Op, false>(rows, room, first, second, out);
}

// Of the keys that a query sees, those up to its own place; the others get 0.
template <bool BLOCK, class T> __device__ void causal_rows(const Rows &rows, float *room, const T *x, T *y) {
    Team<BLOCK> team{room};
    for (u64 row = team.first(); row < rows.count; row += team.step()) {
        u64 at = row * rows.size, place = row % rows.queries + 1, seen = place < rows.size ? place : rows.size;
        SoftmaxOf::row(team, x + at, x + at, y + at, seen);
        for (u64 i = seen + team.thread(); i < rows.size; i += team.size()) y[at + i] = narrow<T>(0.0f);
    }
}

template <class T> __device__ void causal(const Rows &rows, const T *x, T *y) {
    __shared__ float room[WARP_SIZE];
    if (rows.by_block) causal_rows<true>(rows, room, x, y);
    else causal_rows<false>(rows, room, x, y);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void softmax_##DTYPE(const T *x, T *y, Rows rows) { run<SoftmaxOf>(rows, x, x, y); }       \
    extern "C" __global__ void causal_softmax_##DTYPE(const T *x, T *y, Rows rows) { causal(rows, x, y); }           \
    extern "C" __global__ void log_softmax_##DTYPE(const T *x, T *y, Rows rows) { run<LogSoftmaxOf>(rows, x, x, y); } \
    extern "C" __global__ void softmax_backward_##DTYPE(const T *y, const T *dy, T *dx, Rows rows) {                 \
        run<SoftmaxSlope>(rows, y, dy, dx);                                                                          \
    }                                                                                                                \
    extern "C" __global__ void log_softmax_backward_##DTYPE(const T *y, const T *dy, T *dx, Rows rows) {             \
        run<LogSoftmaxSlope>(rows, y, dy, dx);                                                                       \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
