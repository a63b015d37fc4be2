#include "execute.h"
#include "memory.h"
#include "../shim/block.h"
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <ucontext.h>

namespace emulated {

namespace {

sigjmp_buf fault;
volatile sig_atomic_t running = 0;
const void *volatile fault_address;
struct sigaction before;

[[noreturn]] void leave() { siglongjmp(fault, 1); }

// Goes on in leave() once the handler has returned, which is what gives the thread its access rights back (the kernel
// takes the memory protection keys away from a handler, and V8 needs its own).
void leave_after(void *context) {
#if defined(__x86_64__)
    auto &registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    registers[REG_RSP] = (registers[REG_RSP] & ~greg_t(15)) - 8;
    registers[REG_RIP] = reinterpret_cast<greg_t>(leave);
#else
    (void)context;
    leave();
#endif
}

// An address that the op may not touch: back to execute(). One of the program's, which a kernel found in memory, is
// opened, and the kernel goes on. Faults of other threads are not ours.
std::thread::id &runner = *new std::thread::id;
void on_fault(int signal, siginfo_t *info, void *more) {
    if (running && std::this_thread::get_id() == runner) {
        if (memory::open(info->si_addr)) return;
        fault_address = info->si_addr;
        return leave_after(more);
    }
    if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, more);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) before.sa_handler(signal);
    else sigaction(signal, &before, nullptr); // it comes again, and ends the process
}

struct Catch {
    Catch() {
        runner = std::this_thread::get_id();
        struct sigaction action = {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
        sigaction(SIGSEGV, &action, &before);
        running = 1;
    }
    ~Catch() {
        running = 0;
        sigaction(SIGSEGV, &before, nullptr);
        memory::close_again();
    }
};

} // namespace

int execute(Op &op) {
    int code;
    {
        Catch faults;
        if (sigsetjmp(fault, 0) == 0) {
            code = op.run();
        } else {
            shim::forget_fibers();
            char text[32];
            std::snprintf(text, sizeof text, "%p", const_cast<const void *>(fault_address));
            complain(op.name + ": touched " + text + ", which is no device memory");
            code = ILLEGAL_ADDRESS;
        }
    }
    if (op.counts_as_launch) {
        ++counts.launches;
        ++counts.by_launch[op.name];
    }
    if (code != SUCCESS) return code;
    std::string broken = memory::broken_guard();
    if (broken.empty()) return SUCCESS;
    complain(op.name + ": wrote " + broken);
    return ILLEGAL_ADDRESS;
}

} // namespace emulated
