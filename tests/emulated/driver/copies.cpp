// libcuda: memory of the device and pinned memory of the host, copies between them, and fills.
#include "live.h"
#include "memory.h"
#include "queue.h"
#include <cstdlib>
#include <cstring>
#include <map>

using namespace emulated;
using memory::at;
using memory::holds;

namespace {

// Host memory from cuMemAllocHost: where it begins, and its bytes.
std::map<uint64_t, size_t> &pinned = *new std::map<uint64_t, size_t>;

bool is_pinned(const void *host, size_t bytes) {
    uint64_t address = reinterpret_cast<uint64_t>(host);
    auto after = pinned.upper_bound(address);
    if (after == pinned.begin()) return false;
    auto &[start, size] = *--after;
    return address - start + bytes <= size;
}

// An op on device memory that may be gone by the time it runs.
Op op(const char *name, std::function<void()> run, std::initializer_list<std::pair<uint64_t, size_t>> places) {
    std::vector<std::pair<uint64_t, size_t>> needed(places);
    return {name, false, [=] {
                for (auto &[address, bytes] : needed) {
                    if (holds(address, bytes)) continue;
                    complain(std::string(name) + ": its memory was freed before it ran");
                    return int(ILLEGAL_ADDRESS);
                }
                run();
                return int(SUCCESS);
            }, {}};
}

int to_device(uint64_t to, const void *from, size_t bytes, void *handle) {
    auto stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (bytes == 0) return SUCCESS;
    if (!from || !holds(to, bytes)) return INVALID_VALUE;
    if (is_pinned(from, bytes)) {
        return enqueue(stream, op("memcpy_htod", [=] { std::memcpy(at<void>(to), from, bytes); }, {{to, bytes}}));
    }
    // From memory that may be paged out the driver takes its own copy before it returns.
    if (int code = waits_in_capture(stream)) return code;
    auto first = static_cast<const char *>(from);
    auto taken = std::make_shared<std::vector<char>>(first, first + bytes);
    return enqueue(stream, op("memcpy_htod", [=] { std::memcpy(at<void>(to), taken->data(), bytes); }, {{to, bytes}}));
}

int to_host(void *to, uint64_t from, size_t bytes, void *handle) {
    auto stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (bytes == 0) return SUCCESS;
    if (!to || !holds(from, bytes)) return INVALID_VALUE;
    bool later = is_pinned(to, bytes);
    if (!later)
        if (int code = waits_in_capture(stream)) return code;
    int code = enqueue(stream, op("memcpy_dtoh", [=] { std::memcpy(to, at<void>(from), bytes); }, {{from, bytes}}));
    return code || later ? code : finish(stream);
}

int on_device(uint64_t to, uint64_t from, size_t bytes, void *handle) {
    auto stream = stream_of(handle);
    if (!stream) return INVALID_HANDLE;
    if (bytes == 0) return SUCCESS;
    if (!holds(to, bytes) || !holds(from, bytes)) return INVALID_VALUE;
    auto copy = [=] { std::memmove(at<void>(to), at<void>(from), bytes); };
    return enqueue(stream, op("memcpy_dtod", copy, {{to, bytes}, {from, bytes}}));
}

template <class T> int fill(uint64_t to, T value, size_t count, void *handle) {
    auto stream = stream_of(handle);
    size_t bytes = count * sizeof(T);
    if (!stream) return INVALID_HANDLE;
    if (count == 0) return SUCCESS;
    if (to % sizeof(T) != 0 || !holds(to, bytes)) return INVALID_VALUE;
    return enqueue(stream, op("memset", [=] {
                                  for (size_t i = 0; i < count; ++i) at<T>(to)[i] = value;
                              }, {{to, bytes}}));
}

// The forms that wait.
template <class Copy> int and_wait(Copy copy) {
    if (int code = unsafe_in_capture()) return code;
    if (int code = copy()) return code;
    return finish(stream_of(nullptr));
}

int allocate_host(void **made, size_t bytes) {
    if (bytes == 0) return INVALID_VALUE;
    if (int code = unsafe_in_capture()) return code;
    *made = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*made) return OUT_OF_MEMORY;
    std::memset(*made, 0xff, bytes);
    return pinned[reinterpret_cast<uint64_t>(*made)] = bytes, SUCCESS;
}

} // namespace

EXPORTS_BEGIN
int cuMemAlloc_v2(uint64_t *made, size_t bytes) {
    return call("cuMemAlloc_v2", OF_MEMORY, Needs::CONTEXT, [=]() -> int {
        if (bytes == 0) return INVALID_VALUE;
        if (int code = unsafe_in_capture()) return code;
        try {
            *made = memory::allocate(bytes);
        } catch (const std::string &what) {
            complain(what);
            return sticky = ILLEGAL_ADDRESS;
        }
        return *made ? SUCCESS : OUT_OF_MEMORY;
    });
}

int cuMemFree_v2(uint64_t address) {
    return call("cuMemFree_v2", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        if (address == 0) return SUCCESS;
        if (int code = unsafe_in_capture()) return code;
        if (int code = finish_all()) return code;
        return memory::release(address) ? SUCCESS : INVALID_VALUE;
    });
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
    return call("cuMemGetInfo_v2", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        *total = memory::capacity;
        *free = memory::capacity - std::min(memory::capacity, memory::live_bytes());
        return SUCCESS;
    });
}

int cuMemAllocHost_v2(void **made, size_t bytes) {
    return call("cuMemAllocHost_v2", OF_MEMORY, Needs::CONTEXT, [=] { return allocate_host(made, bytes); });
}

int cuMemHostAlloc(void **made, size_t bytes, unsigned) {
    return call("cuMemHostAlloc", OF_MEMORY, Needs::CONTEXT, [=] { return allocate_host(made, bytes); });
}

int cuMemFreeHost(void *host) {
    return call("cuMemFreeHost", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        if (int code = unsafe_in_capture()) return code;
        if (!pinned.count(reinterpret_cast<uint64_t>(host))) return INVALID_VALUE;
        if (int code = finish_all()) return code;
        pinned.erase(reinterpret_cast<uint64_t>(host));
        std::free(host);
        return SUCCESS;
    });
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    return call("cuMemcpyHtoDAsync_v2", OF_DRIVER, Needs::CONTEXT, [=] { return to_device(to, from, bytes, stream); });
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    return call("cuMemcpyDtoHAsync_v2", OF_DRIVER, Needs::CONTEXT, [=] { return to_host(to, from, bytes, stream); });
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
    return call("cuMemcpyDtoDAsync_v2", OF_DRIVER, Needs::CONTEXT, [=] { return on_device(to, from, bytes, stream); });
}

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
    return call("cuMemcpyHtoD_v2", OF_DRIVER, Needs::CONTEXT,
                [=] { return and_wait([=] { return to_device(to, from, bytes, nullptr); }); });
}

int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
    return call("cuMemcpyDtoH_v2", OF_DRIVER, Needs::CONTEXT,
                [=] { return and_wait([=] { return to_host(to, from, bytes, nullptr); }); });
}

int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
    return call("cuMemcpyDtoD_v2", OF_DRIVER, Needs::CONTEXT,
                [=] { return and_wait([=] { return on_device(to, from, bytes, nullptr); }); });
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t count, void *stream) {
    return call("cuMemsetD8Async", OF_DRIVER, Needs::CONTEXT, [=] { return fill(to, value, count, stream); });
}

int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void *stream) {
    return call("cuMemsetD32Async", OF_DRIVER, Needs::CONTEXT, [=] { return fill(to, value, count, stream); });
}
EXPORTS_END

size_t emulated::pinned_bytes() {
    size_t bytes = 0;
    for (auto &[_, size] : pinned) bytes += size;
    return bytes;
}

void emulated::release_pinned() {
    for (auto &[address, _] : pinned) std::free(reinterpret_cast<void *>(address));
    pinned.clear();
}
