// Kernels that use what the shim offers, and two that are wrong on purpose.

// Each block turns its part of x around, through shared memory.
extern "C" __global__ void turn_around(const float *x, float *y) {
    __shared__ float tile[64];
    tile[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

// The sum of each block's part of x: shuffles within warps, dynamic shared memory between them.
extern "C" __global__ void __launch_bounds__(256) sum(const float *x, float *y, unsigned n) {
    extern __shared__ float shared_memory[];
    float value = 0.0f;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += x[i];
    for (unsigned bits = 16; bits > 0; bits /= 2) value += __shfl_xor_sync(0xffffffffu, value, bits);
    if (threadIdx.x % 32 == 0) shared_memory[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x > 0) return;
    float total = 0.0f;
    for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += shared_memory[warp];
    y[blockIdx.x] = total;
}

// Wrong: no barrier between writing and reading.
extern "C" __global__ void racy(const float *x, float *y) {
    extern __shared__ float shared_memory[];
    shared_memory[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = shared_memory[blockDim.x - 1 - threadIdx.x];
}

// Wrong: the halves of the block wait at different barriers.
extern "C" __global__ void divergent(const float *x, float *y) {
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
        y[threadIdx.x] = x[threadIdx.x];
    } else {
        __syncthreads();
        y[threadIdx.x] = -x[threadIdx.x];
    }
}
