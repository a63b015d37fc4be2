// Numbers in equal steps, in the arithmetic of the CPU: f64 without fused multiply-add, rounded once.

template <class T> __device__ __forceinline__ T number(double x) { return (T)x; }
template <> __device__ __forceinline__ bf16 number<bf16>(double x) { return round_to_bf16((float)x); }

#define ARANGE(T, DTYPE)                                                                                                \
    extern "C" __global__ void arange_##DTYPE(T *y, u64 n, double start, double step) {                                 \
        for (u64 i = first_index(); i < n; i += index_step())                                                           \
            y[i] = number<T>(__dadd_rn(start, __dmul_rn((double)i, step)));                                             \
    }

ARANGE(float, f32)
ARANGE(bf16, bf16)
ARANGE(int, i32)
ARANGE(u8, u8)
