// One value everywhere, for elements of 1, 2, 4 or 8 bytes: 16 bytes a thread where y is aligned. `value` is repeated to
// eight bytes.

template <class T> __device__ __forceinline__ void fill(T *y, u64 n, u64 value) {
    u64 packs = aligned16(y) ? n / Pack<T>::SIZE : 0;
    for (u64 i = first_index(); i < packs; i += index_step()) ((Wide *)y)[i] = Wide{{value, value}};
    for (u64 i = packs * Pack<T>::SIZE + first_index(); i < n; i += index_step()) y[i] = (T)value;
}

#define FILL(T, BYTES)                                                                                                  \
    extern "C" __global__ void full_##BYTES(T *y, u64 n, u64 value) { fill(y, n, value); }                              \
    extern "C" __global__ void fill_##BYTES(T *y, u64 n, u64 value, Fault fault) {                                      \
        if (!has_failed(fault)) fill(y, n, value);                                                                      \
    }

FILL(u8, 1)
FILL(u16, 2)
FILL(u32, 4)
FILL(u64, 8)
