// Transposes where the last axes of x and y differ: a block moves tiles of 32 x 32 values through shared memory, so that
// reads follow the last axis of x and writes that of y.

const u32 TILE = 32;

// Strides are in elements; src/ops/transpose/cuda.rs has its twin. A row follows the last axis of x, a column that of y.
struct Tiles {
    u32 count;
    // Tiles along the last axis of x, and along the last axis of y.
    Divisor across, down;
    u32 width, height;
    // Of the last axis of y in x, and of the last axis of x in y.
    u64 x_stride, y_stride;
    // The other axes, with the strides of x and y.
    Axes outer;
};

template <class T> __device__ __forceinline__ void transpose(const T *x, T *y, const Tiles &tiles) {
    // One more, so that a column of it lies in 32 different banks.
    __shared__ T room[TILE][TILE + 1];
    for (u32 tile = blockIdx.x; tile < tiles.count; tile += gridDim.x) {
        u32 rest = quotient(tile, tiles.across), outer = quotient(rest, tiles.down);
        u32 column = (tile - rest * tiles.across.by) * TILE, row = (rest - outer * tiles.down.by) * TILE;
        Offsets at = offsets_at(tiles.outer, outer);
        for (u32 i = threadIdx.y; i < TILE; i += blockDim.y)
            if (row + i < tiles.height && column + threadIdx.x < tiles.width)
                room[i][threadIdx.x] = x[at.of[0] + (row + i) * tiles.x_stride + column + threadIdx.x];
        __syncthreads();
        for (u32 i = threadIdx.y; i < TILE; i += blockDim.y)
            if (column + i < tiles.width && row + threadIdx.x < tiles.height)
                y[at.of[1] + (column + i) * tiles.y_stride + row + threadIdx.x] = room[threadIdx.x][i];
        __syncthreads();
    }
}

#define TRANSPOSE(T, BYTES)                                                                                             \
    extern "C" __global__ void __launch_bounds__(256)                                                                   \
        transpose_##BYTES(const T *__restrict__ x, T *__restrict__ y, Tiles tiles) {                                    \
        transpose(x, y, tiles);                                                                                         \
    }

TRANSPOSE(u8, 1)
TRANSPOSE(u16, 2)
TRANSPOSE(u32, 4)
TRANSPOSE(u64, 8)
