// A copy over what is there, unless an earlier op failed.

template <class T> __device__ __forceinline__ void assign(T *target, const T *source, u64 n) {
    u64 packs = aligned16(target) && aligned16(source) ? n / Pack<T>::SIZE : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) ((Wide *)target)[i] = ((const Wide *)source)[i];
    for (u64 i = packs * Pack<T>::SIZE + first_index(); i < n; i += index_step()) target[i] = source[i];
}

#define ASSIGN(T, BYTES)                                                                                                \
    extern "C" __global__ void assign_##BYTES(T *__restrict__ target, const T *__restrict__ source, u64 n,              \
                                              Fault fault) {                                                            \
        if (!has_failed(fault)) assign(target, source, n);                                                              \
    }

ASSIGN(u8, 1)
ASSIGN(u16, 2)
ASSIGN(u32, 4)
ASSIGN(u64, 8)
