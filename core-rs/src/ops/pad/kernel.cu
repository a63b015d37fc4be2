// Padding: every unit of y comes from x or holds the value. The host picks how many bytes a unit has, whatever the elements
// are; sizes and strides are in units.

// src/ops/pad/cuda.rs has its twin. The axes of y, the last one first; along each x lies from `before` on, over `inside`.
struct Padded {
    u32 units, rank;
    Divisor sizes[6];
    i64 before[6];
    u64 inside[6], strides[6];
    // 16 bytes of the value, repeated.
    u64 value[2];
};

template <class T> __device__ __forceinline__ T value_of(const Padded &p) { return (T)p.value[0]; }
template <> __device__ __forceinline__ Wide value_of<Wide>(const Padded &p) { return Wide{{p.value[0], p.value[1]}}; }

template <class T> __device__ __forceinline__ void pad(const T *x, T *y, const Padded &p) {
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < p.units; i += step) {
        u32 index = i;
        u64 from = 0;
        bool inside = true;
        for (u32 axis = 0; axis < p.rank; ++axis) {
            u32 rest = quotient(index, p.sizes[axis]);
            // Below 0 it is a huge number.
            u64 here = (u64)((i64)(index - rest * p.sizes[axis].by) - p.before[axis]);
            inside = inside && here < p.inside[axis];
            from += here * p.strides[axis];
            index = rest;
        }
        y[i] = inside ? x[from] : value_of<T>(p);
    }
}

#define PAD(T, BYTES)                                                                                                   \
    extern "C" __global__ void pad_##BYTES(const T *__restrict__ x, T *__restrict__ y, Padded p) { pad(x, y, p); }

PAD(u8, 1)
PAD(u16, 2)
PAD(u32, 4)
PAD(u64, 8)
PAD(Wide, 16)
