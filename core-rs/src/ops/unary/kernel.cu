// Element-wise functions of x, or of x and the gradient dy: a thread reads and writes 16 bytes at a time where all tensors
// are aligned. `p` and `q` are the op's numbers, in the order of the op table.

template <class F, class T>
__device__ __forceinline__ void each(const T *__restrict__ x, T *__restrict__ y, u64 n, F f) {
    const u32 SIZE = Pack<T>::SIZE;
    u64 packs = aligned16(x) && aligned16(y) ? n / SIZE : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) {
        Pack<T> a = ((const Pack<T> *)x)[i], b;
#pragma unroll
        for (u32 j = 0; j < SIZE; ++j) b.at[j] = narrow<T>(f(widen(a.at[j])));
        ((Pack<T> *)y)[i] = b;
    }
    for (u64 i = packs * SIZE + first_index(); i < n; i += index_step()) y[i] = narrow<T>(f(widen(x[i])));
}

template <class F, class T>
__device__ __forceinline__ void each_of_two(const T *__restrict__ x, const T *__restrict__ dy, T *__restrict__ dx, u64 n,
                                            F f) {
    const u32 SIZE = Pack<T>::SIZE;
    u64 packs = aligned16(x) && aligned16(dy) && aligned16(dx) ? n / SIZE : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) {
        Pack<T> a = ((const Pack<T> *)x)[i], b = ((const Pack<T> *)dy)[i], c;
#pragma unroll
        for (u32 j = 0; j < SIZE; ++j) c.at[j] = narrow<T>(f(widen(a.at[j]), widen(b.at[j])));
        ((Pack<T> *)dx)[i] = c;
    }
    for (u64 i = packs * SIZE + first_index(); i < n; i += index_step())
        dx[i] = narrow<T>(f(widen(x[i]), widen(dy[i])));
}

// The exponents that occur in networks need no general power, as on the CPU.
__device__ __forceinline__ float power_of(float x, float exponent) {
    if (exponent == 1.0f) return x;
    if (exponent == 2.0f) return x * x;
    if (exponent == 3.0f) return x * x * x;
    if (exponent == -1.0f) return 1.0f / x;
    if (exponent == 0.5f) return sqrtf(x);
    if (exponent == -0.5f) return 1.0f / sqrtf(x);
    return powf(x, exponent);
}

__device__ __forceinline__ float softplus_of(float x) { return larger(x, 0.0f) + log1pf(expf(-fabsf(x))); }

#define OF_X(NAME, T, DTYPE, VALUE)                                                                                     \
    extern "C" __global__ void NAME##_##DTYPE(const T *__restrict__ x, T *__restrict__ y, u64 n, float p, float q) {    \
        each(x, y, n, [p, q](float x) { return VALUE; });                                                               \
    }

#define OF_X_AND_DY(NAME, T, DTYPE, VALUE)                                                                              \
    extern "C" __global__ void NAME##_##DTYPE(const T *__restrict__ x, const T *__restrict__ dy, T *__restrict__ dx,    \
                                              u64 n, float p, float q) {                                                \
        each_of_two(x, dy, dx, n, [p, q](float x, float dy) { return VALUE; });                                         \
    }

#define FUNCTION(NAME, VALUE) OF_X(NAME, float, f32, VALUE) OF_X(NAME, bf16, bf16, VALUE)
#define GRADIENT(NAME, VALUE) OF_X_AND_DY(NAME, float, f32, VALUE) OF_X_AND_DY(NAME, bf16, bf16, VALUE)

FUNCTION(relu, activate(RELU, x))
FUNCTION(mish, activate(MISH, x))
FUNCTION(silu, activate(SILU, x))
FUNCTION(gelu, activate(GELU, x))
FUNCTION(sigmoid, activate(SIGMOID, x))
FUNCTION(tanh, activate(TANH, x))
FUNCTION(softplus, softplus_of(x))
FUNCTION(leaky_relu, x > 0.0f ? x : x * p)
FUNCTION(exp, expf(x))
FUNCTION(log, logf(x))
FUNCTION(sqrt, sqrtf(x))
FUNCTION(abs, fabsf(x))
FUNCTION(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f)
FUNCTION(affine, fmaf(x, p, q))
FUNCTION(power, power_of(x, p))
FUNCTION(clamp, x < p ? p : x > q ? q : x)

GRADIENT(relu_backward, activation_back(RELU, x, dy))
GRADIENT(mish_backward, activation_back(MISH, x, dy))
GRADIENT(silu_backward, activation_back(SILU, x, dy))
GRADIENT(gelu_backward, activation_back(GELU, x, dy))
GRADIENT(sigmoid_backward, activation_back(SIGMOID, x, dy))
GRADIENT(tanh_backward, activation_back(TANH, x, dy))
GRADIENT(softplus_backward, sigmoid_of(x) * dy)
GRADIENT(leaky_relu_backward, x > 0.0f ? dy : dy * p)
GRADIENT(clamp_backward, x > p && x < q ? dy : 0.0f)
