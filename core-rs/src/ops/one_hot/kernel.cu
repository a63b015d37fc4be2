// One-hot rows: threads side by side on classes, then on rows, so that none has to divide.

template <class T> __device__ __forceinline__ T number(float x) { return (T)x; }
template <> __device__ __forceinline__ bf16 number<bf16>(float x) { return round_to_bf16(x); }

template <class T>
__device__ __forceinline__ void one_hot(const int *labels, T *y, u64 rows, u32 classes, const Fault &fault) {
    const T zero = number<T>(0.0f), one = number<T>(1.0f);
    for (u64 row = (u64)blockIdx.x * blockDim.y + threadIdx.y; row < rows; row += (u64)gridDim.x * blockDim.y) {
        // A negative label is a huge one.
        u32 label = (u32)labels[row];
        for (u64 c = threadIdx.x; c < classes; c += blockDim.x) y[row * classes + c] = c == label ? one : zero;
        if (threadIdx.x == 0 && label >= min(classes, 1u << 31)) raise_fault(fault, (u32)row, label);
    }
}

#define ONE_HOT(T, DTYPE)                                                                                               \
    extern "C" __global__ void one_hot_##DTYPE(const int *__restrict__ labels, T *__restrict__ y, u64 rows, u32 classes,\
                                               Fault fault) {                                                           \
        one_hot(labels, y, rows, classes, fault);                                                                       \
    }

ONE_HOT(float, f32)
ONE_HOT(bf16, bf16)
ONE_HOT(int, i32)
ONE_HOT(u8, u8)
