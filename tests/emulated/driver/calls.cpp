#include "calls.h"
#include "context.h"
#include <cstdio>

namespace emulated {

Controls controls;
Counts &counts = *new Counts;
uint64_t seed = 1;
bool reverse_threads = false;
int sticky = 0;

std::recursive_mutex &lock() {
    static std::recursive_mutex &mutex = *new std::recursive_mutex;
    return mutex;
}

// splitmix64
uint64_t draw() {
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t next_handle() {
    static uint64_t last = 0x4000'0000'0000;
    return last += 16;
}

int refused(const char *name, const Codes &codes, Needs needs) {
    ++counts.calls;
    ++counts.by_call[name];
    bool counted = controls.fail_name.empty() || controls.fail_name == name;
    uint64_t made = controls.fail_name.empty() ? counts.calls : counts.by_call[name];
    if (counted && controls.fail_at == made) {
        int code = controls.fail_with && codes.driver ? controls.fail_with : codes.failed;
        if (controls.fail_forever) sticky = controls.fail_with ? controls.fail_with : LAUNCH_FAILED;
        return code;
    }
    if (needs == Needs::NOTHING) return SUCCESS;
    if (sticky) return codes.driver ? sticky : codes.failed;
    if (!context::is_initialized()) return codes.driver ? NOT_INITIALIZED : codes.failed;
    if (needs == Needs::CONTEXT && !context::is_current()) return codes.driver ? INVALID_CONTEXT : codes.failed;
    return SUCCESS;
}

void complain(const std::string &what) {
    std::fprintf(stderr, "emulated driver: %s\n", what.c_str());
    std::fflush(stderr);
}

} // namespace emulated
