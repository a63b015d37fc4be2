// What tests ask of the emulated driver and tell it: emu_…, and the environment LIBTRAIN_EMU_… for child processes.
#include "cudnn.h"
#include "kernels.h"
#include "live.h"
#include "memory.h"
#include "queue.h"
#include <cstdlib>
#include <cstring>

using namespace emulated;

namespace {

using Held = std::lock_guard<std::recursive_mutex>;

uint64_t variable(const char *name, uint64_t otherwise) {
    const char *text = std::getenv((std::string("LIBTRAIN_EMU_") + name).c_str());
    return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// FAIL=3 the third call, FAIL_CODE=2 with this CUresult, FAIL_FOREVER=1 and all after it.
const bool read = [] {
    seed = variable("SEED", seed), reverse_threads = seed & 1;
    controls.fail_at = variable("FAIL", 0);
    controls.fail_with = int(variable("FAIL_CODE", 0));
    controls.fail_forever = variable("FAIL_FOREVER", 0);
    controls.devices = int(variable("DEVICES", controls.devices));
    controls.driver_version = int(variable("DRIVER", controls.driver_version));
    controls.cudnn_version = variable("CUDNN", controls.cudnn_version);
    controls.nvrtc_fails = variable("NVRTC_FAILS", 0);
    memory::capacity = variable("CAPACITY", memory::capacity);
    return true;
}();

// "name count" lines into a buffer, as many as fit; the bytes that all take.
unsigned lines(const std::map<std::string, uint64_t> &counts, char *to, unsigned size) {
    std::string text;
    for (auto &[name, count] : counts) text += name + " " + std::to_string(count) + "\n";
    std::memcpy(to, text.data(), std::min<size_t>(size, text.size()));
    return unsigned(text.size());
}

} // namespace

std::map<std::string, uint64_t> emulated::live_objects() {
    return {{"bytes", memory::live_bytes()},
            {"allocations", memory::live_allocations()},
            {"pinned_bytes", pinned_bytes()},
            {"streams", streams.live.size()},
            {"events", events.live.size()},
            {"modules", live_modules()},
            {"graphs", graphs.live.size()},
            {"executable_graphs", executables.live.size()},
            {"descriptors", live_descriptors()}};
}

EXPORTS_BEGIN
void emu_seed(uint64_t value) {
    Held held(lock());
    seed = value, reverse_threads = value & 1;
}

// The n-th call from now fails, with a CUresult or (0) its own; 0 for none. `forever`: and all after it.
void emu_fail(uint64_t next, int code, int forever) {
    Held held(lock());
    controls.fail_at = next == 0 ? 0 : counts.calls + next;
    controls.fail_with = code, controls.fail_forever = forever, controls.fail_name.clear();
}

// The same of the calls of one function.
void emu_fail_function(const char *name, uint64_t next, int code, int forever) {
    Held held(lock());
    emu_fail(next, code, forever);
    controls.fail_name = name;
    controls.fail_at = counts.by_call[name] + next;
}

// Forgets counts, an error that would stay, and what was to fail.
void emu_reset() {
    Held held(lock());
    counts = {}, controls.fail_at = 0, sticky = 0;
}

void emu_devices(int count) { controls.devices = count; }
void emu_driver_version(int version) { controls.driver_version = version; }
void emu_cudnn_version(uint64_t version) { controls.cudnn_version = version; }
void emu_nvrtc_fails(int fails) { controls.nvrtc_fails = fails; }
void emu_capacity(uint64_t bytes) {
    Held held(lock());
    memory::capacity = bytes;
}

uint64_t emu_calls() { return counts.calls; }
uint64_t emu_launches() { return counts.launches; }

unsigned emu_launch_counts(char *to, unsigned size) {
    Held held(lock());
    return lines(counts.by_launch, to, size);
}

unsigned emu_call_counts(char *to, unsigned size) {
    Held held(lock());
    return lines(counts.by_call, to, size);
}

unsigned emu_live(char *to, unsigned size) {
    Held held(lock());
    return lines(live_objects(), to, size);
}

unsigned emu_leaked(char *to, unsigned size) {
    Held held(lock());
    return lines(counts.leaked, to, size);
}

// For tests of the driver itself: the address of a buffer of the caller, and a byte that the host reads.
uint64_t emu_address(const void *buffer) { return reinterpret_cast<uint64_t>(buffer); }
int emu_peek(uint64_t address) { return *reinterpret_cast<volatile unsigned char *>(address); }
EXPORTS_END
