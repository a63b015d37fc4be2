// Rows of a table by number, in units of as many bytes as the host could pick.

template <class T>
__device__ __forceinline__ void gather(const T *table, const int *index, T *y, u32 rows, const Divisor &width, u32 units,
                                       u32 first, const Fault &fault) {
    u32 step = (u32)index_step();
    for (u32 i = (u32)first_index(); i < units; i += step) {
        u32 place = quotient(i, width), column = i - place * width.by;
        u32 row = (u32)index[place];
        // A negative number is a huge one.
        if (row < rows) y[i] = table[(u64)row * width.by + column];
        else if (column == 0) raise_fault(fault, first + place, row);
    }
}

// `index` and `y` begin at place `first` of the op's.
#define GATHER(T, BYTES)                                                                                                \
    extern "C" __global__ void gather_rows_##BYTES(const T *__restrict__ table, const int *__restrict__ index,          \
                                                   T *__restrict__ y, u32 rows, Divisor width, u32 units, u32 first,    \
                                                   Fault fault) {                                                       \
        gather(table, index, y, rows, width, units, first, fault);                                                      \
    }

GATHER(u8, 1)
GATHER(u16, 2)
GATHER(u32, 4)
GATHER(u64, 8)
GATHER(Wide, 16)

// For rows without elements.
extern "C" __global__ void gather_rows_check(const int *index, u32 rows, u32 count, Fault fault) {
    u32 step = (u32)index_step();
    for (u64 i = first_index(); i < count; i += step)
        if ((u32)index[i] >= rows) raise_fault(fault, (u32)i, (u32)index[i]);
}

// ---- backward: each row of the table takes what belongs to it, in the order of the index ----------------------------------

const u32 COLUMNS = 128, MOST_ROWS = 16, TILE = 1024;

// A block has `each` rows and a thread for each of their columns; it goes through the whole index for them. Sums are double.
// Numbers are below `limit`; a table may have more rows than that, which are 0.
template <class T>
__device__ __forceinline__ void gather_rows_backward(const int *index, const T *dy, T *dtable, u64 rows, u32 limit, u32 each,
                                                     u64 count, u64 width, const Fault &fault) {
    __shared__ int tile[TILE];
    __shared__ double totals[MOST_ROWS][COLUMNS];
    for (u64 first = (u64)blockIdx.x * each; first < rows; first += (u64)gridDim.x * each) {
        for (u64 left = (u64)blockIdx.y * COLUMNS; left < width; left += (u64)gridDim.y * COLUMNS) {
            u64 column = left + threadIdx.x;
            for (u32 row = 0; row < each; ++row) totals[row][threadIdx.x] = 0.0;
            for (u64 from = 0; from < count; from += TILE) {
                u32 here = (u32)(count - from < TILE ? count - from : TILE);
                __syncthreads();
                for (u32 i = threadIdx.x; i < here; i += COLUMNS) {
                    tile[i] = index[from + i];
                    if (first == 0 && left == 0 && (u32)tile[i] >= limit) raise_fault(fault, (u32)(from + i), (u32)tile[i]);
                }
                __syncthreads();
                if (column >= width) continue;
                for (u32 i = 0; i < here; ++i) {
                    u32 row = (u32)tile[i] - (u32)first;
                    if (row < each) totals[row][threadIdx.x] += widen(dy[(from + i) * width + column]);
                }
            }
            for (u32 row = 0; row < each && first + row < rows; ++row)
                if (column < width) dtable[(first + row) * width + column] = narrow<T>((float)totals[row][threadIdx.x]);
        }
    }
}

#define GATHER_BACKWARD(T, DTYPE)                                                                                       \
    extern "C" __global__ void __launch_bounds__(128)                                                                   \
        gather_rows_backward_##DTYPE(const int *__restrict__ index, const T *__restrict__ dy, T *__restrict__ dtable,   \
                                     u64 rows, u32 limit, u32 each, u64 count, u64 width, Fault fault) {                \
        gather_rows_backward(index, dy, dtable, rows, limit, each, count, width, fault);                                \
    }

GATHER_BACKWARD(float, f32)
GATHER_BACKWARD(bf16, bf16)
