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
