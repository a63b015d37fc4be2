// Functions and comparisons of a and b, which broadcast: every thread makes as many values as fill 16 bytes of the widest
// tensor, where the host found that they lie side by side, else one.

template <class T, u32 N> struct alignas(N * sizeof(T)) Several {
    T at[N];
};

__device__ __forceinline__ int widen(int x) { return x; }

// N values from `x` on, or N times the one there where x is broadcast along the last axis.
template <u32 N, class T> __device__ __forceinline__ Several<T, N> load(const T *x, bool along) {
    if (along) return *(const Several<T, N> *)x;
    Several<T, N> same;
#pragma unroll
    for (u32 j = 0; j < N; ++j) same.at[j] = *x;
    return same;
}

// `axes` has one index for N values, and the strides of a and b in elements.
template <u32 N, class T, class U, class F>
__device__ __forceinline__ void each(const T *a, const T *b, U *y, const Axes &axes, F f) {
    bool along_a = axes.strides[0][0] != 0, along_b = axes.strides[1][0] != 0;
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < axes.elements; i += step) {
        Offsets at = offsets_at(axes, i);
        Several<T, N> left = load<N>(a + at.of[0], along_a), right = load<N>(b + at.of[1], along_b);
        Several<U, N> values;
#pragma unroll
        for (u32 j = 0; j < N; ++j) values.at[j] = narrow<U>(f(widen(left.at[j]), widen(right.at[j])));
        ((Several<U, N> *)y)[i] = values;
    }
}

// `several` tells which of the two forms; a rest of less than N values is made by the first threads, and only where there
// is one axis.
template <class T, class U, class F>
__device__ __forceinline__ void both(const T *a, const T *b, U *y, const Axes &axes, u32 several, u32 rest, F f) {
    const u32 N = 16 / (sizeof(T) > sizeof(U) ? sizeof(T) : sizeof(U));
    if (!several) return each<1>(a, b, y, axes, f);
    each<N>(a, b, y, axes, f);
    u64 i = first_index(), done = (u64)axes.elements * N;
    if (i >= rest) return;
    T left = a[axes.strides[0][0] ? done + i : 0], right = b[axes.strides[1][0] ? done + i : 0];
    y[done + i] = narrow<U>(f(widen(left), widen(right)));
}

#define BINARY(NAME, T, DTYPE, U, NUMBER, VALUE)                                                                        \
    extern "C" __global__ void NAME##_##DTYPE(const T *__restrict__ a, const T *__restrict__ b, U *__restrict__ y,      \
                                              Axes axes, u32 several, u32 rest) {                                       \
        both(a, b, y, axes, several, rest, [](NUMBER a, NUMBER b) { return VALUE; });                                   \
    }

#define FUNCTION(NAME, VALUE) BINARY(NAME, float, f32, float, float, VALUE) BINARY(NAME, bf16, bf16, bf16, float, VALUE)
#define PREDICATE(NAME, HOLDS)                                                                                          \
    BINARY(NAME, float, f32, float, float, HOLDS ? 1.0f : 0.0f)                                                         \
    BINARY(NAME, bf16, bf16, float, float, HOLDS ? 1.0f : 0.0f)                                                         \
    BINARY(NAME, int, i32, float, int, HOLDS ? 1.0f : 0.0f)

FUNCTION(add, a + b)
FUNCTION(sub, a - b)
FUNCTION(mul, a * b)
FUNCTION(div, a / b)
FUNCTION(maximum, larger(a, b))
FUNCTION(minimum, smaller(a, b))

PREDICATE(equal, a == b)
PREDICATE(greater, a > b)
PREDICATE(greater_equal, a >= b)
PREDICATE(less, a < b)
PREDICATE(less_equal, a <= b)
