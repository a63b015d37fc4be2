#include "block.h"
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <vector>

namespace shim {

Dim3 thread_index, block_index, block_size, grid_size;

namespace {

// Stacks that lie a power of two apart would fight for the same lines of the cache.
const size_t STACK = 128 * 1024 + 576, GUARD = 256;
alignas(256) unsigned char shared_room[MOST_SHARED + GUARD];

struct Fiber {
    Context context;
    Dim3 thread;
    unsigned warp, lane;
    const Barrier *waits = nullptr;
    unsigned round = 0;
};

struct Warp {
    Barrier barrier;
    // Two, so that a lane may come to the next exchange while others still read this one.
    uint64_t values[2][WARP];
};

// The block under way.
const Launch *launch;
unsigned count, next_thread;
Barrier all;
Warp warps[MOST_WARPS];
const char *error;

std::vector<std::unique_ptr<Fiber>> &fibers = *new std::vector<std::unique_ptr<Fiber>>;
unsigned fibers_used;
Fiber *current;
Context scheduler;

char *stacks() {
    static char *const room = [] {
        void *made = mmap(nullptr, STACK * MOST_THREADS, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return static_cast<char *>(made);
    }();
    return room;
}

// Takes threads that have not started, one after the other; where one waits, another fiber goes on with the next.
void run_threads() {
    Fiber *self = current;
    while (next_thread < count) {
        unsigned id = launch->reverse_threads ? count - 1 - next_thread : next_thread;
        ++next_thread;
        if (block_size.x == count) self->thread = {id, 0, 0};
        else self->thread = {id % block_size.x, id / block_size.x % block_size.y, id / block_size.x / block_size.y};
        self->warp = id / WARP, self->lane = id % WARP;
        thread_index = self->thread;
        launch->body(launch->arguments);
        all.leave();
        warps[self->warp].barrier.leave();
    }
}

void fiber_main() {
    for (;;) {
        run_threads();
        switch_to(current->context, scheduler);
    }
}

void start_fiber() {
    if (fibers_used == fibers.size()) {
        fibers.push_back(std::make_unique<Fiber>());
        prepare(fibers.back()->context, stacks() + STACK * fibers_used, STACK, fiber_main);
    }
    current = fibers[fibers_used++].get();
    switch_to(scheduler, current->context);
}

void fail(const char *what) {
    error = what;
    switch_to(current->context, scheduler);
}

void wait(Barrier &barrier, int line) {
    if (barrier.arrived > 0 && barrier.line != line) fail("threads wait at different barriers");
    barrier.line = line;
    unsigned round = barrier.round;
    ++barrier.arrived;
    barrier.release_if_full();
    if (barrier.round != round) return;
    Fiber *self = current;
    self->waits = &barrier, self->round = round;
    switch_to(self->context, scheduler);
    self->waits = nullptr;
    thread_index = self->thread;
}

bool is_poisoned(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; ++i)
        if (bytes[i] != 0xff) return false;
    return true;
}

void run_block() {
    all = Barrier{};
    all.members = count;
    for (unsigned warp = 0; warp * WARP < count; ++warp) {
        warps[warp].barrier = Barrier{};
        warps[warp].barrier.members = count - warp * WARP < WARP ? count - warp * WARP : WARP;
    }
    // NaN: shared memory has no values of its own. What lies behind it may not change.
    std::memset(shared_room, 0xff, launch->shared + GUARD);
    next_thread = fibers_used = 0;
    while (next_thread < count && !error) start_fiber();
    for (bool waiting = true; waiting && !error;) {
        bool moved = waiting = false;
        for (unsigned i = 0; i < fibers_used && !error; ++i) {
            Fiber *fiber = fibers[i].get();
            if (!fiber->waits) continue;
            waiting = true;
            if (fiber->waits->round == fiber->round) continue;
            moved = true, current = fiber;
            switch_to(scheduler, fiber->context);
        }
        if (waiting && !moved) error = "threads wait for each other at different barriers";
    }
    if (!error && !is_poisoned(shared_room + launch->shared, GUARD)) error = "a write beyond its shared memory";
}

} // namespace

unsigned char *const dynamic_shared = shared_room;

const char *run(const Launch &given) {
    launch = &given, error = nullptr;
    block_size = given.block, grid_size = given.grid;
    count = given.block.x * given.block.y * given.block.z;
    uint64_t blocks = uint64_t(given.grid.x) * given.grid.y * given.grid.z;
    for (uint64_t step = 0; step < blocks && !error; ++step) {
        uint64_t id = given.reverse_blocks ? blocks - 1 - step : step;
        block_index = {unsigned(id % given.grid.x), unsigned(id / given.grid.x % given.grid.y),
                       unsigned(id / given.grid.x / given.grid.y)};
        run_block();
    }
    if (error) forget_fibers();
    return error;
}

void forget_fibers() {
    fibers.clear();
    fibers_used = 0;
}

void sync_threads(int line) { wait(all, line); }

unsigned sync_count(bool predicate, int line) {
    unsigned slot = all.round & 1;
    all.tally[slot] += predicate;
    wait(all, line);
    return all.tally[slot];
}

void sync_warp(unsigned mask, int line) {
    if (mask != 0xffffffffu) fail("a warp's barrier has to name all lanes");
    wait(warps[current->warp].barrier, line);
}

const uint64_t *exchange(unsigned mask, uint64_t value, int line) {
    if (mask != 0xffffffffu) fail("a shuffle has to name all lanes");
    Warp &warp = warps[current->warp];
    uint64_t *values = warp.values[warp.barrier.round & 1];
    values[current->lane] = value;
    wait(warp.barrier, line);
    return values;
}

unsigned lane() { return current->lane; }

unsigned lanes() { return count - current->warp * WARP < WARP ? count - current->warp * WARP : WARP; }

} // namespace shim
