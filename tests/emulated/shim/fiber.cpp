#include "fiber.h"
#include <cstdint>

#if defined(__x86_64__)

// Saves what a called function has to leave as it is, changes stacks, and takes it back from there.
asm(R"(
    .text
    .hidden shim_switch
    .globl shim_switch
    .type shim_switch, @function
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size shim_switch, .-shim_switch
)");

extern "C" __attribute__((visibility("hidden"))) void shim_switch(void **from, void *to);

void shim::prepare(Context &context, char *stack, size_t bytes, void (*entry)()) {
    auto top = reinterpret_cast<void **>((reinterpret_cast<uintptr_t>(stack) + bytes) & ~uintptr_t(15));
    *--top = nullptr; // the return address of `entry`, which also aligns its stack as a call would
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    context.stack_pointer = top;
}

void shim::switch_to(Context &from, Context &to) {
    shim_switch(&from.stack_pointer, to.stack_pointer);
}

#else

void shim::prepare(Context &context, char *stack, size_t bytes, void (*entry)()) {
    getcontext(&context.of_system);
    context.of_system.uc_stack.ss_sp = stack;
    context.of_system.uc_stack.ss_size = bytes;
    makecontext(&context.of_system, entry, 0);
}

void shim::switch_to(Context &from, Context &to) {
    swapcontext(&from.of_system, &to.of_system);
}

#endif
