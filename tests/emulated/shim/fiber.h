// Threads of execution with a stack of their own that switch where they say so.
#pragma once
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace shim {

// Where a fiber goes on. On x86-64 a switch is a dozen instructions; swapcontext() asks the kernel for the signal mask.
struct Context {
#if defined(__x86_64__)
    void *stack_pointer = nullptr;
#else
    ucontext_t of_system;
#endif
};

// Makes a context that calls `entry` on its own stack; `entry` never returns.
void prepare(Context &context, char *stack, size_t bytes, void (*entry)());

// Leaves the running context, to be gone on with in `from`.
void switch_to(Context &from, Context &to);

} // namespace shim
