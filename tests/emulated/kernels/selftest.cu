// Kernels of the emulated driver's own tests: what the shim offers, and some that are wrong on purpose.

// Each block turns its part of x around, through shared memory.
extern "C" __global__ void turn_around(const float *x, float *y) {
    __shared__ float tile[64];
    tile[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

// The sum of each block's part of x: shuffles within warps, dynamic shared memory between them.
extern "C" __global__ void __launch_bounds__(256) sum_blocks(const float *x, float *y, unsigned n) {
    extern __shared__ float partial[];
    float value = 0.0f;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += x[i];
    for (unsigned bits = 16; bits > 0; bits /= 2) value += __shfl_xor_sync(0xffffffffu, value, bits);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x > 0) return;
    float total = 0.0f;
    for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += partial[warp];
    y[blockIdx.x] = total;
}

// Shuffles, votes and counts of one block of two warps: 8 values a thread.
extern "C" __global__ void lanes(float *y) {
    unsigned i = threadIdx.x, all = 0xffffffffu;
    float own = (float)i;
    float *out = y + 8 * i;
    out[0] = __shfl_sync(all, own, 5);
    out[1] = __shfl_up_sync(all, own, 1);
    out[2] = __shfl_down_sync(all, own, 2);
    out[3] = __shfl_xor_sync(all, own, 3, 8);
    out[4] = (float)__popc(__ballot_sync(all, i % 3 == 0));
    out[5] = (float)__syncthreads_count(i < 10);
    out[6] = (float)__syncthreads_or(i == 63);
    out[7] = (float)__all_sync(all, i < 32);
}

// y = x + 1, as often as it is launched on itself.
extern "C" __global__ void add_one(const float *x, float *y, unsigned n) {
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = x[i] + 1.0f;
}

// Wrong: no barrier between writing and reading.
extern "C" __global__ void racy(const float *x, float *y) {
    extern __shared__ float tile[];
    tile[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

// Wrong: the halves of the block wait at different barriers.
extern "C" __global__ void divergent(float *y) {
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
        y[threadIdx.x] = 1.0f;
    } else {
        __syncthreads();
        y[threadIdx.x] = -1.0f;
    }
}

// Wrong: writes where it is told to, `at` floats from y.
extern "C" __global__ void stray(float *y, long long at) { y[at] = 1.0f; }

// Wrong where it was given no shared memory.
extern "C" __global__ void beyond_shared(float *y) {
    extern __shared__ float tile[];
    tile[threadIdx.x] = 1.0f;
    y[threadIdx.x] = tile[threadIdx.x];
}

// y = what lies where a pointer in memory says.
extern "C" __global__ void follow(const float *const *place, float *y) { y[threadIdx.x] = (*place)[threadIdx.x]; }
