// libcuda: the device, its context, and the names of errors.
#include "context.h"
#include "kernels.h"
#include "live.h"
#include "memory.h"
#include "queue.h"
#include "../shim/block.h"
#include <cstring>

using namespace emulated;

namespace {

bool initialized = false;
int retained = 0;
// The handle of the primary context; a new one each time that it is made anew.
void *primary = nullptr;
thread_local void *current = nullptr;

const Codes &codes = OF_DRIVER;

bool is_device(int device) { return device >= 0 && device < controls.devices; }

// CUdevice_attribute
int attribute(int which) {
    switch (which) {
    case 1: return shim::MOST_THREADS;  // a block's threads
    case 2: case 3: return 1024;        // along x, y
    case 4: return 64;                  // along z
    case 5: return 0x7fffffff;          // a grid's blocks along x
    case 6: case 7: return 65535;       // along y, z
    case 8: return shim::SHARED;
    case 10: return shim::WARP;
    case 12: return 65536;              // registers a block
    case 16: return 4;                  // multiprocessors
    case 38: return 50 << 20;           // second-level cache
    case 39: return 2048;               // threads of a multiprocessor
    case 75: return 9;                  // compute capability
    case 81: return shim::MOST_SHARED + 1024;
    case 97: return shim::MOST_SHARED;
    default: return 0;
    }
}

struct Named {
    int code;
    const char *name, *text;
};
const Named ERRORS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "the capture was not initiated in this stream"},
    {CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
    {CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread"},
    {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const Named *named(int code) {
    for (auto &error : ERRORS)
        if (error.code == code) return &error;
    return nullptr;
}

// What a context owns goes with it.
void destroy_context() {
    for (auto &[kind, count] : live_objects())
        if (count > 0) counts.leaked[kind] += count;
    drop_all();
    memory::release_all();
    release_pinned();
    forget_modules();
    streams.live.clear(), events.live.clear(), graphs.live.clear(), executables.live.clear();
    primary = nullptr;
}

} // namespace

bool context::is_initialized() { return initialized; }
bool context::is_current() { return current && current == primary; }

EXPORTS_BEGIN
int cuInit(unsigned flags) {
    return call("cuInit", {NO_DEVICE, true}, Needs::NOTHING, [=] {
        if (flags != 0) return int(INVALID_VALUE);
        if (controls.devices == 0) return int(NO_DEVICE);
        initialized = true;
        return int(SUCCESS);
    });
}

int cuDriverGetVersion(int *version) { return *version = controls.driver_version, SUCCESS; }

int cuDeviceGetCount(int *count) {
    return call("cuDeviceGetCount", codes, Needs::INIT, [=] { return *count = controls.devices, SUCCESS; });
}

int cuDeviceGet(int *device, int ordinal) {
    return call("cuDeviceGet", codes, Needs::INIT,
                [=] { return is_device(ordinal) ? (*device = ordinal, SUCCESS) : INVALID_DEVICE; });
}

int cuDeviceGetName(char *name, int size, int device) {
    return call("cuDeviceGetName", codes, Needs::INIT, [=] {
        if (!is_device(device)) return INVALID_DEVICE;
        std::strncpy(name, "emulated GPU (no hardware)", size - 1);
        return name[size - 1] = 0, SUCCESS;
    });
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    return call("cuDeviceTotalMem_v2", codes, Needs::INIT,
                [=] { return is_device(device) ? (*bytes = memory::capacity, SUCCESS) : INVALID_DEVICE; });
}

int cuDeviceGetAttribute(int *value, int which, int device) {
    return call("cuDeviceGetAttribute", codes, Needs::INIT,
                [=] { return is_device(device) ? (*value = attribute(which), SUCCESS) : INVALID_DEVICE; });
}

int cuDevicePrimaryCtxRetain(void **made, int device) {
    return call("cuDevicePrimaryCtxRetain", OF_MEMORY, Needs::INIT, [=] {
        if (!is_device(device)) return INVALID_DEVICE;
        if (retained++ == 0) primary = reinterpret_cast<void *>(next_handle());
        return *made = primary, SUCCESS;
    });
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    return call("cuDevicePrimaryCtxRelease_v2", codes, Needs::INIT, [=] {
        if (!is_device(device)) return INVALID_DEVICE;
        if (retained == 0) return INVALID_CONTEXT;
        if (--retained == 0) destroy_context();
        return SUCCESS;
    });
}

int cuCtxGetCurrent(void **found) {
    return call("cuCtxGetCurrent", codes, Needs::INIT, [=] { return *found = current, SUCCESS; });
}

int cuCtxSetCurrent(void *given) {
    return call("cuCtxSetCurrent", codes, Needs::INIT, [=] {
        if (given && given != primary) return INVALID_CONTEXT;
        return current = given, SUCCESS;
    });
}

int cuCtxSynchronize() {
    return call("cuCtxSynchronize", codes, Needs::CONTEXT, [] {
        if (int code = waits_in_any_capture()) return code;
        return finish_all();
    });
}

int cuGetErrorName(int code, const char **text) {
    auto found = named(code);
    return *text = found ? found->name : nullptr, found ? SUCCESS : INVALID_VALUE;
}

int cuGetErrorString(int code, const char **text) {
    auto found = named(code);
    return *text = found ? found->text : nullptr, found ? SUCCESS : INVALID_VALUE;
}
EXPORTS_END
