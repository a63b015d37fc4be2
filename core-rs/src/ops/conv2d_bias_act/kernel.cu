// What follows a convolution: y = activation(y + bias + residual), NHWC, in place; mod.rs has the formula.
//
// One thread makes N neighbouring channels of one pixel. Sizes are below 2^31.

struct Sizes {
    // Of y.
    u32 n, h, w, c;
    u32 activation;
    // Whether 16 bytes of channels move at a time.
    u32 wide;
};

// `bias` and `residual` are null where there is none.
template <u32 N, class T>
__device__ void all_pixels(const Sizes &s, const float *bias, const T *residual, T *y) {
    for (u32 n = blockIdx.z; n < s.n; n += gridDim.z)
        for (u32 row = blockIdx.y; row < s.h; row += gridDim.y)
            for (u32 column = blockIdx.x * blockDim.y + threadIdx.y; column < s.w; column += gridDim.x * blockDim.y)
                for (u32 c = threadIdx.x * N; c < s.c; c += blockDim.x * N) {
                    i64 at = (((i64)n * s.h + row) * s.w + column) * s.c + c;
                    float z[N], more[N];
                    load(y + at, z);
                    if (bias)
                        for (u32 i = 0; i < N; ++i) z[i] += bias[c + i];
                    if (residual) {
                        load(residual + at, more);
                        for (u32 i = 0; i < N; ++i) z[i] += more[i];
                    }
                    activate_all(s.activation, z);
                    store(y + at, z);
                }
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void conv2d_bias_act_##DTYPE(const float *bias, const T *residual, T *y, Sizes s) {        \
        if (s.wide) all_pixels<Pack<T>::SIZE>(s, bias, residual, y);                                                 \
        else all_pixels<1>(s, bias, residual, y);                                                                    \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
