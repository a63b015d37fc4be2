// Runs CUDA kernels on the CPU, for tests: the .cu files compile as C++17 with this header before them.
//
// Blocks run one after the other, and their threads too, on the calling thread: each thread of a block is a fiber that
// runs until it ends or waits at a barrier. The order of blocks and threads is the caller's choice, so that a kernel that
// depends on it, for want of a __syncthreads(), gives itself away. Kernels may use threadIdx, blockIdx, blockDim, gridDim,
// __shared__ arrays, __syncthreads(), __syncwarp() and shuffles of whole warps; dynamic shared memory is declared as
// `extern __shared__ float shared_memory[];`. What is undefined on a GPU fails here: threads of a block that wait at
// different barriers, or a launch that is too large.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>
#include <ucontext.h>

namespace shim {

struct Dim3 {
    unsigned x, y, z;
};

const unsigned WARP = 32, MOST_THREADS = 1024, MOST_SHARED = 48 * 1024;
const size_t STACK = 64 * 1024;

// Where threads wait for each other; those that have ended are waited for no longer.
struct Barrier {
    unsigned members = 0, arrived = 0, round = 0;
    int line = 0;

    void release_if_full() {
        if (arrived > 0 && arrived == members) arrived = 0, ++round;
    }
    void leave() {
        --members;
        release_if_full();
    }
};

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[STACK]};
    Dim3 thread;
    unsigned warp, lane;
    const Barrier *waits = nullptr;
    unsigned round = 0;
};

// One block under way.
struct Block {
    Dim3 index, threads, grid;
    bool reverse;
    void (*body)(void *);
    void *argument;
    unsigned count = 0, next = 0;
    Barrier all, warps[MOST_THREADS / WARP];
    alignas(16) unsigned char lanes[MOST_THREADS / WARP][WARP][16];
    std::vector<std::unique_ptr<Fiber>> fibers;
    Fiber *current = nullptr;
    ucontext_t scheduler;
    const char *error = nullptr;

    // From a fiber: gives the block up.
    void fail(const char *what) {
        error = what;
        setcontext(&scheduler);
    }
    void run();
    void run_threads();
    void wait(Barrier &barrier, int line);
};

inline thread_local Block *block;
inline thread_local const char *last_error = "";

// The body of a fiber: takes threads that have not started, one after the other, until one of them has to wait.
inline void Block::run_threads() {
    Fiber *self = current;
    while (next < count) {
        unsigned id = reverse ? count - 1 - next : next;
        ++next;
        self->thread = {id % threads.x, id / threads.x % threads.y, id / threads.x / threads.y};
        self->warp = id / WARP, self->lane = id % WARP;
        body(argument);
        all.leave();
        warps[self->warp].leave();
    }
    swapcontext(&self->context, &scheduler);
}

inline void Block::wait(Barrier &barrier, int line) {
    if (barrier.arrived > 0 && barrier.line != line) fail("threads wait at different barriers");
    barrier.line = line;
    unsigned round = barrier.round;
    ++barrier.arrived;
    barrier.release_if_full();
    if (barrier.round != round) return;
    Fiber *self = current;
    self->waits = &barrier, self->round = round;
    swapcontext(&self->context, &scheduler);
    self->waits = nullptr;
}

inline void Block::run() {
    count = threads.x * threads.y * threads.z;
    all.members = count;
    for (unsigned id = 0; id < count; ++id) ++warps[id / WARP].members;
    while (next < count && !error) {
        fibers.push_back(std::make_unique<Fiber>());
        current = fibers.back().get();
        getcontext(&current->context);
        current->context.uc_stack.ss_sp = current->stack.get();
        current->context.uc_stack.ss_size = STACK;
        makecontext(&current->context, [] { block->run_threads(); }, 0);
        swapcontext(&scheduler, &current->context);
    }
    for (bool waiting = true; waiting && !error;) {
        bool moved = waiting = false;
        for (auto &fiber : fibers) {
            if (!fiber->waits || error) continue;
            waiting = true;
            if (fiber->waits->round == fiber->round) continue;
            moved = true, current = fiber.get();
            swapcontext(&scheduler, &current->context);
        }
        if (waiting && !moved) error = "threads wait for each other at different barriers";
    }
}

// Puts a value in this lane's place and takes the one of lane `from`; its own where there is no such lane.
template <class T> T shuffle(unsigned mask, T value, unsigned from, int line) {
    static_assert(sizeof(T) <= 16, "a lane's place holds 16 bytes");
    if (mask != 0xffffffffu) block->fail("a shuffle has to name all lanes");
    Fiber *self = block->current;
    auto &lanes = block->lanes[self->warp];
    std::memcpy(lanes[self->lane], &value, sizeof(T));
    block->wait(block->warps[self->warp], line);
    if (from < std::min(WARP, block->count - self->warp * WARP)) std::memcpy(&value, lanes[from], sizeof(T));
    block->wait(block->warps[self->warp], -line);
    return value;
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A *>(arguments[I])...);
}

void poison_shared();

// Runs a kernel as cuLaunchKernel would: 0, or 1 with `last_error` set.
template <class... A>
int launch(void (*kernel)(A...), const unsigned *grid, const unsigned *threads, unsigned shared, int reverse,
           void **arguments) {
    unsigned long long size = 1ull * threads[0] * threads[1] * threads[2], blocks = 1ull * grid[0] * grid[1] * grid[2];
    bool too_large = size > MOST_THREADS || threads[2] > 64 || shared > MOST_SHARED || grid[0] > 0x7fffffffu ||
                     grid[1] > 65535 || grid[2] > 65535;
    last_error = too_large || size == 0 || blocks == 0 ? "a launch that CUDA refuses" : "";
    auto body = [&] { call(kernel, arguments, std::index_sequence_for<A...>()); };
    for (unsigned long long step = 0; step < blocks && !*last_error; ++step) {
        unsigned long long id = reverse ? blocks - 1 - step : step;
        auto one = std::make_unique<Block>();
        one->index = {unsigned(id % grid[0]), unsigned(id / grid[0] % grid[1]), unsigned(id / grid[0] / grid[1])};
        one->threads = {threads[0], threads[1], threads[2]}, one->grid = {grid[0], grid[1], grid[2]};
        one->reverse = reverse, one->argument = &body;
        one->body = [](void *body_) { (*static_cast<decltype(body) *>(body_))(); };
        poison_shared();
        block = one.get();
        one->run();
        if (one->error) last_error = one->error;
    }
    block = nullptr;
    return *last_error ? 1 : 0;
}

} // namespace shim

extern "C" {
// Dynamic shared memory: as much as a launch may ask for.
inline thread_local float shared_memory[shim::MOST_SHARED / sizeof(float)];

const char *shim_error() {
    return shim::last_error;
}
}

inline void shim::poison_shared() {
    std::memset(shared_memory, 0xff, sizeof shared_memory); // NaN
}

using std::max;
using std::min;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ thread_local
#define threadIdx (shim::block->current->thread)
#define blockIdx (shim::block->index)
#define blockDim (shim::block->threads)
#define gridDim (shim::block->grid)
#define __syncthreads() shim::block->wait(shim::block->all, __LINE__)
#define __syncwarp() shim::block->wait(shim::block->warps[shim::block->current->warp], __LINE__)
#define __shfl_sync(mask, value, lane) shim::shuffle(mask, value, (lane) % 32, __LINE__)
#define __shfl_xor_sync(mask, value, bits) shim::shuffle(mask, value, shim::block->current->lane ^ (bits), __LINE__)
#define __shfl_down_sync(mask, value, by) shim::shuffle(mask, value, shim::block->current->lane + (by), __LINE__)
#define __shfl_up_sync(mask, value, by) shim::shuffle(mask, value, shim::block->current->lane - (by), __LINE__)

// Makes `launch_<kernel>`, which takes the arguments as cuLaunchKernel does: a pointer to each.
#define SHIM_EXPORT(kernel)                                                                                         \
    extern "C" int launch_##kernel(const unsigned *grid, const unsigned *threads, unsigned shared, int reverse,     \
                                   void **arguments) {                                                              \
        return shim::launch(kernel, grid, threads, shared, reverse, arguments);                                     \
    }
