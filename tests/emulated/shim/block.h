// Runs the blocks of a kernel one after the other, and their threads too, on the calling thread: each thread of a block
// is a fiber that runs until it ends or waits at a barrier. What is undefined on a GPU fails here: threads of a block
// that wait at different barriers, shared memory written beyond what the launch asked for.
//
// One kernel runs at a time in the process (the driver holds its lock), so all state is plain globals.
#pragma once
#include "fiber.h"
#include <cstdint>

namespace shim {

struct Dim3 {
    unsigned x, y, z;
};

const unsigned WARP = 32, MOST_THREADS = 1024, MOST_WARPS = MOST_THREADS / WARP;
// Without and with cuFuncSetAttribute, in bytes.
const unsigned SHARED = 48 * 1024, MOST_SHARED = 227 * 1024;

// What kernels see of themselves.
extern Dim3 thread_index, block_index, block_size, grid_size;

// Dynamic shared memory.
extern unsigned char *const dynamic_shared;

// Where threads wait for each other; those that have ended are waited for no longer.
struct Barrier {
    unsigned members = 0, arrived = 0, round = 0;
    int line = 0;
    // Of this round and the one before, as its threads may still have to read it.
    unsigned tally[2] = {0, 0};

    void release_if_full() {
        if (arrived == 0 || arrived != members) return;
        arrived = 0, ++round;
        tally[round & 1] = 0;
    }
    void leave() {
        --members;
        release_if_full();
    }
};

// Kernel, launch, and the order of blocks and of the threads of a block.
struct Launch {
    Dim3 grid, block;
    unsigned shared;
    bool reverse_blocks, reverse_threads;
    void (*body)(void **arguments);
    void **arguments;
};

// Null, or what went wrong.
const char *run(const Launch &launch);

// After a kernel that left by longjmp: its fibers are in no state to go on.
void forget_fibers();

// The calls of a kernel; `line` tells one barrier from another.
void sync_threads(int line);
unsigned sync_count(bool predicate, int line);
void sync_warp(unsigned mask, int line);
// Waits for the warp with a value of up to 8 bytes, and gives the place of all lanes' values.
const uint64_t *exchange(unsigned mask, uint64_t value, int line);
unsigned lane();
// Lanes that the warp has, 32 but for the last one of a block.
unsigned lanes();

} // namespace shim
