// Copies between tensors with any strides, for all ops that only move data: the host picks how many bytes move as one,
// whatever the elements are. Strides are in bytes, those of x first.

template <class T> __device__ __forceinline__ void copy(const char *x, char *y, const Axes &axes) {
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < axes.elements; i += step) {
        Offsets at = offsets_at(axes, i);
        *(T *)(y + at.of[1]) = *(const T *)(x + at.of[0]);
    }
}

// Each value of x fills 16 bytes of y.
template <class T> __device__ __forceinline__ void spread(const char *x, char *y, const Axes &axes) {
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < axes.elements; i += step) {
        Offsets at = offsets_at(axes, i);
        T value = *(const T *)(x + at.of[0]);
        Pack<T> pack;
#pragma unroll
        for (u32 j = 0; j < Pack<T>::SIZE; ++j) pack.at[j] = value;
        *(Pack<T> *)(y + at.of[1]) = pack;
    }
}

#define COPY(T, BYTES)                                                                                                  \
    extern "C" __global__ void copy_##BYTES(const char *__restrict__ x, char *__restrict__ y, Axes axes) {              \
        copy<T>(x, y, axes);                                                                                            \
    }

#define SPREAD(T, BYTES)                                                                                                \
    extern "C" __global__ void spread_##BYTES(const char *__restrict__ x, char *__restrict__ y, Axes axes) {            \
        spread<T>(x, y, axes);                                                                                          \
    }

COPY(u8, 1) COPY(u16, 2) COPY(u32, 4) COPY(u64, 8) COPY(Wide, 16)
SPREAD(u8, 1) SPREAD(u16, 2) SPREAD(u32, 4) SPREAD(u64, 8)
