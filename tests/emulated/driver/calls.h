// What every call of the emulated libraries goes through: one lock, a count, failures that a test asked for, and the
// errors that CUDA never forgets.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace emulated {

// CUresult
enum : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_ISOLATION = 905,
    CAPTURE_IMPLICIT = 906,
    CAPTURED_EVENT = 907,
    CAPTURE_WRONG_THREAD = 908,
    UNKNOWN = 999,
};

// What a test can set.
struct Controls {
    uint64_t fail_at = 0; // the number of the call that fails; 0 for none
    std::string fail_name; // only calls of this function count; empty for all
    int fail_with = 0;    // 0: as that call fails by itself
    bool fail_forever = false;
    int devices = 1;
    int driver_version = 13000;
    size_t cudnn_version = 92100;
    bool nvrtc_fails = false;
};
extern Controls controls;

// What happened so far.
struct Counts {
    uint64_t calls = 0, launches = 0;
    std::map<std::string, uint64_t> by_call, by_launch;
    // What was still there when its context was destroyed.
    std::map<std::string, uint64_t> leaked;
};
extern Counts &counts;

// Random numbers from the seed.
extern uint64_t seed;
uint64_t draw();
// The direction of a block's threads in the last launch.
extern bool reverse_threads;

// An error that all later calls give; 0 while there is none.
extern int sticky;

std::recursive_mutex &lock();

// What a call needs before it looks at its arguments.
enum class Needs { NOTHING, INIT, CONTEXT };

// How the library of a call says what went wrong outside of it.
struct Codes {
    int failed;  // what it gives where a test asks it to fail
    bool driver; // whether it gives codes of the driver
};
const Codes OF_DRIVER{LAUNCH_FAILED, true}, OF_MEMORY{OUT_OF_MEMORY, true};

// 0, or what the call returns before it does anything.
int refused(const char *call, const Codes &codes, Needs needs);

template <class Body> int call(const char *name, const Codes &codes, Needs needs, Body body) {
    std::lock_guard<std::recursive_mutex> held(lock());
    if (int code = refused(name, codes, needs)) return code;
    return body();
}

// Says on stderr what only a debugger would show on a GPU.
void complain(const std::string &what);

// The objects behind handles. Handles are numbers that are never used again, so a stale one is always found out.
uint64_t next_handle();
template <class T> struct Table {
    std::map<uint64_t, std::shared_ptr<T>> live;
    std::shared_ptr<T> find(const void *handle) const {
        auto found = live.find(reinterpret_cast<uint64_t>(handle));
        return found == live.end() ? nullptr : found->second;
    }
    void *add(std::shared_ptr<T> object) {
        uint64_t handle = next_handle();
        live[handle] = std::move(object);
        return reinterpret_cast<void *>(handle);
    }
    bool remove(const void *handle) { return live.erase(reinterpret_cast<uint64_t>(handle)) > 0; }
};

} // namespace emulated

// Around the functions of a library; all else is hidden, so that kernels reach the shim's globals without a table.
#define EXPORTS_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define EXPORTS_END } _Pragma("GCC visibility pop")
