// Reports the first value that is not finite: where it is, and its bits as a float.

template <class T> __device__ __forceinline__ void look(T x, u64 at, const Fault &fault) {
    float value = widen(x);
    if (!is_finite(value)) raise_fault(fault, at < 0xffffffffu ? (u32)at : 0xffffffffu, __float_as_uint(value));
}

template <class T> __device__ void look_at_all(const T *x, u64 len, const Fault &fault) {
    const u32 SIZE = Pack<T>::SIZE;
    u64 packs = aligned16(x) ? len / SIZE : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) {
        Pack<T> pack = reinterpret_cast<const Pack<T> *>(x)[i];
#pragma unroll
        for (u32 j = 0; j < SIZE; ++j) look(pack.at[j], i * SIZE + j, fault);
    }
    for (u64 i = packs * SIZE + first_index(); i < len; i += index_step()) look(x[i], i, fault);
}

#define KERNEL(T, DTYPE)                                                                                             \
    extern "C" __global__ void assert_finite_##DTYPE(const T *x, u64 len, Fault fault) { look_at_all(x, len, fault); }

KERNEL(float, f32)
KERNEL(bf16, bf16)
