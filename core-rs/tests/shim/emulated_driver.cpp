// A stand-in for libcuda that holds the kernels of one file, run by cuda_shim.h: the functions that we call through
// cudarc and no more, done at once, with device memory from malloc. It shows that the host code asks for the right things
// in a current context and on its own stream; it says nothing about speed, nor about waits that are missing.
#include <cstdlib>
#include <dlfcn.h>
#include <string>

extern "C" {
static char context, stream, module;
static thread_local void *current;
using Launcher = int (*)(const unsigned *, const unsigned *, unsigned, int, void **);

static int in_context() { return current == &context ? 0 : 201; }
static int on_stream(void *given) { return given == &stream ? in_context() : 400; }

int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, ordinal == 0 ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int) { return std::strncpy(name, "emulated", size), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = 1 << 30, 0; }
// Compute capability 9.0 is attributes 75 and 76; nothing else is there.
int cuDeviceGetAttribute(int *value, int attribute, int) { return *value = attribute == 75 ? 9 : 0, 0; }
int cuDevicePrimaryCtxRetain(void **given, int) { return *given = &context, 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxGetCurrent(void **given) { return *given = current, 0; }
int cuCtxSetCurrent(void *given) { return current = given, 0; }
int cuCtxSynchronize() { return in_context(); }
int cuStreamCreate(void **given, unsigned) { return *given = &stream, in_context(); }
int cuStreamDestroy_v2(void *) { return 0; }
int cuStreamSynchronize(void *given) { return on_stream(given); }
int cuMemAlloc_v2(void **memory, size_t bytes) {
    if (bytes > size_t(1) << 30) return 2;
    *memory = std::malloc(bytes);
    std::memset(*memory, 0xff, bytes); // NaN
    return in_context();
}
int cuMemFree_v2(void *memory) { return std::free(memory), in_context(); }
int cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t bytes, void *given) {
    return std::memcpy(to, from, bytes), on_stream(given);
}
int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, void *given) {
    return std::memcpy(to, from, bytes), on_stream(given);
}
int cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t bytes, void *given) {
    return std::memmove(to, from, bytes), on_stream(given);
}
int cuModuleLoadData(void **given, const void *image) {
    *given = &module;
    return std::memcmp(image, "\177ELF", 4) == 0 ? in_context() : 200;
}
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(void **function, void *given, const char *name) {
    Dl_info self;
    dladdr(&module, &self);
    *function = dlsym(dlopen(self.dli_fname, RTLD_NOW), (std::string("launch_") + name).c_str());
    return given == &module && *function ? 0 : 500;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *given, void **arguments, void **) {
    unsigned grid[] = {gx, gy, gz}, threads[] = {bx, by, bz};
    int status = reinterpret_cast<Launcher>(function)(grid, threads, shared, 0, arguments);
    return status ? status : on_stream(given);
}
int cuGetErrorName(int error, const char **text) {
    return *text = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR", 0;
}
int cuGetErrorString(int, const char **text) { return *text = "an emulated error", 0; }

// The same file stands in for libcudnn.
size_t cudnnGetVersion() { return 91002; }
}
