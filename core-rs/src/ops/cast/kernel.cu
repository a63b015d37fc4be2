// Conversions between dtypes, of as many elements a thread as fill 16 bytes of the wider one. To integers numbers are cut
// off and saturate; NaN becomes 0.

template <class T, u32 N> struct alignas(N * sizeof(T)) Several {
    T at[N];
};

// Through float every value passes exactly but large integers, which are rounded as from the integer itself.
__device__ __forceinline__ float number(float x) { return x; }
__device__ __forceinline__ float number(bf16 x) { return widen(x); }
__device__ __forceinline__ float number(int x) { return (float)x; }
__device__ __forceinline__ float number(u8 x) { return (float)x; }

template <class U> struct To;
template <> struct To<float> {
    template <class T> static __device__ __forceinline__ float of(T x) { return number(x); }
};
template <> struct To<bf16> {
    template <class T> static __device__ __forceinline__ bf16 of(T x) { return round_to_bf16(number(x)); }
};
template <> struct To<int> {
    static __device__ __forceinline__ int of(float x) {
        if (!(x < 2147483648.0f)) return x != x ? 0 : 2147483647;
        return x <= -2147483648.0f ? -2147483647 - 1 : (int)x;
    }
    static __device__ __forceinline__ int of(bf16 x) { return of(widen(x)); }
    static __device__ __forceinline__ int of(u8 x) { return x; }
};
template <> struct To<u8> {
    // The maximum of NaN and 0 is 0.
    static __device__ __forceinline__ u8 of(float x) { return (u8)(u32)fminf(fmaxf(x, 0.0f), 255.0f); }
    static __device__ __forceinline__ u8 of(bf16 x) { return of(widen(x)); }
    static __device__ __forceinline__ u8 of(int x) { return (u8)min(max(x, 0), 255); }
};

template <class T, class U> __device__ __forceinline__ void cast(const T *x, U *y, u64 n) {
    const u32 N = 16 / (sizeof(T) > sizeof(U) ? sizeof(T) : sizeof(U));
    u64 packs = (u64)x % (N * sizeof(T)) == 0 && (u64)y % (N * sizeof(U)) == 0 ? n / N : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) {
        Several<T, N> from = ((const Several<T, N> *)x)[i];
        Several<U, N> to;
#pragma unroll
        for (u32 j = 0; j < N; ++j) to.at[j] = To<U>::of(from.at[j]);
        ((Several<U, N> *)y)[i] = to;
    }
    for (u64 i = packs * N + first_index(); i < n; i += index_step()) y[i] = To<U>::of(x[i]);
}

#define CAST(T, FROM, U, TO)                                                                                            \
    extern "C" __global__ void cast_##FROM##_##TO(const T *__restrict__ x, U *__restrict__ y, u64 n) { cast(x, y, n); }

CAST(float, f32, bf16, bf16) CAST(float, f32, int, i32) CAST(float, f32, u8, u8)
CAST(bf16, bf16, float, f32) CAST(bf16, bf16, int, i32) CAST(bf16, bf16, u8, u8)
CAST(int, i32, float, f32) CAST(int, i32, bf16, bf16) CAST(int, i32, u8, u8)
CAST(u8, u8, float, f32) CAST(u8, u8, bf16, bf16) CAST(u8, u8, int, i32)
