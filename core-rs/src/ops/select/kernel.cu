// One of two values by a condition; all three broadcast. Values are only moved, in units of their size.

__device__ __forceinline__ bool holds(float x) { return x != 0.0f; }
__device__ __forceinline__ bool holds(bf16 x) { return (x.bits & 0x7fffu) != 0; }
__device__ __forceinline__ bool holds(int x) { return x != 0; }
__device__ __forceinline__ bool holds(u8 x) { return x != 0; }

// `first` has the strides of the condition and a, `second` those of b (and y, which is walked in order).
template <class C, class T>
__device__ __forceinline__ void select(const C *condition, const T *a, const T *b, T *y, const Axes &first,
                                       const Axes &second) {
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < first.elements; i += step) {
        Offsets at = offsets_at(first, i);
        y[i] = holds(condition[at.of[0]]) ? a[at.of[1]] : b[offsets_at(second, i).of[0]];
    }
}

#define WHERE(C, DTYPE, T, BYTES)                                                                                       \
    extern "C" __global__ void where_##DTYPE##_##BYTES(const C *__restrict__ condition, const T *__restrict__ a,        \
                                                       const T *__restrict__ b, T *__restrict__ y, Axes first,          \
                                                       Axes second) {                                                   \
        select(condition, a, b, y, first, second);                                                                      \
    }
#define OF_EACH_SIZE(C, DTYPE) WHERE(C, DTYPE, u8, 1) WHERE(C, DTYPE, u16, 2) WHERE(C, DTYPE, u32, 4)

OF_EACH_SIZE(float, f32)
OF_EACH_SIZE(bf16, bf16)
OF_EACH_SIZE(int, i32)
OF_EACH_SIZE(u8, u8)
