// libcuda: modules, their kernels, and launches.
#include "kernels.h"
#include "memory.h"
#include "queue.h"
#include "../shim/block.h"
#include <cstring>

using namespace emulated;

namespace {

struct Module {
    std::string file;
    std::map<std::string, void *> functions; // handles given out
};

struct Function {
    const shim::Kernel *kernel;
    unsigned most_shared = shim::SHARED;
};

// Filled before main(), by the kernel files' exports.
std::vector<shim::Kernel> &kernels() {
    static auto &all = *new std::vector<shim::Kernel>;
    return all;
}
std::vector<shim::File> &files() {
    static auto &all = *new std::vector<shim::File>;
    return all;
}

Table<Module> &modules = *new Table<Module>;
Table<Function> &functions = *new Table<Function>;

const char CUBIN[] = "\177ELF";

// The device's own addresses in place of the program's, in the bytes of an argument.
void translate(std::vector<unsigned char> &value) {
    for (size_t i = 0; i + sizeof(uint64_t) <= value.size(); i += sizeof(uint64_t)) {
        uint64_t word;
        std::memcpy(&word, value.data() + i, sizeof word);
        if (!memory::was_given_out(word)) continue;
        word += memory::shift;
        std::memcpy(value.data() + i, &word, sizeof word);
    }
}

int launch(void *handle, shim::Dim3 grid, shim::Dim3 block, unsigned shared, void *stream_handle, void **given) {
    auto function = functions.find(handle);
    auto stream = stream_of(stream_handle);
    if (!function || !stream) return INVALID_HANDLE;
    auto &kernel = *function->kernel;
    uint64_t threads = uint64_t(block.x) * block.y * block.z;
    bool fits = threads >= 1 && threads <= shim::MOST_THREADS && threads <= kernel.most_threads && block.z <= 64 &&
                uint64_t(grid.x) * grid.y * grid.z > 0 && grid.x <= 0x7fffffff && grid.y <= 65535 && grid.z <= 65535 &&
                shared <= function->most_shared;
    if (!fits || (kernel.count > 0 && !given)) {
        complain(std::string(kernel.name) + ": a launch that CUDA refuses");
        return INVALID_VALUE;
    }
    // Their values of now, one behind the other.
    auto values = std::make_shared<std::vector<std::vector<unsigned char>>>();
    for (unsigned i = 0; i < kernel.count; ++i) {
        auto first = static_cast<const unsigned char *>(given[i]);
        values->emplace_back(first, first + kernel.sizes[i]);
        if (kernel.point[i]) translate(values->back());
    }
    auto run = [=, &kernel] {
        std::vector<void *> arguments;
        for (auto &value : *values) arguments.push_back(value.data());
        // Threads in the other direction than in the launch before, blocks as it comes.
        reverse_threads = !reverse_threads;
        shim::Launch launch{grid, block, shared, bool(draw() & 1), reverse_threads, kernel.body, arguments.data()};
        const char *error = shim::run(launch);
        if (!error) return int(SUCCESS);
        complain(std::string(kernel.name) + ": " + error);
        return int(LAUNCH_FAILED);
    };
    return enqueue(stream, {kernel.name, true, run, {}});
}

} // namespace

void shim::add(const Kernel &kernel) { kernels().push_back(kernel); }
void shim::add(const File &file) { files().push_back(file); }

const shim::File *emulated::find_file(const std::string &name) {
    for (auto &file : files())
        if (file.name == name) return &file;
    return nullptr;
}

void emulated::forget_modules() {
    modules.live.clear();
    functions.live.clear();
}

size_t emulated::live_modules() { return modules.live.size(); }

EXPORTS_BEGIN
int cuModuleLoadData(void **made, const void *image) {
    return call("cuModuleLoadData", OF_MEMORY, Needs::CONTEXT, [=]() -> int {
        if (int code = unsafe_in_capture()) return code;
        auto text = static_cast<const char *>(image);
        if (std::strncmp(text, CUBIN, sizeof CUBIN - 1) != 0) return INVALID_IMAGE;
        std::string file = text + sizeof CUBIN - 1;
        if (!find_file(file)) return INVALID_IMAGE;
        return *made = modules.add(std::make_shared<Module>(Module{file, {}})), SUCCESS;
    });
}

int cuModuleUnload(void *handle) {
    return call("cuModuleUnload", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto module = modules.find(handle);
        if (!module) return INVALID_HANDLE;
        if (int code = unsafe_in_capture()) return code;
        for (auto &[_, function] : module->functions) functions.remove(function);
        return modules.remove(handle), SUCCESS;
    });
}

int cuModuleGetFunction(void **found, void *handle, const char *name) {
    return call("cuModuleGetFunction", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto module = modules.find(handle);
        if (!module) return INVALID_HANDLE;
        for (auto &kernel : kernels()) {
            if (kernel.file != module->file || std::strcmp(kernel.name, name) != 0) continue;
            auto &function = module->functions[name];
            if (!function) function = functions.add(std::make_shared<Function>(Function{&kernel}));
            return *found = function, SUCCESS;
        }
        return NOT_FOUND;
    });
}

// CUfunction_attribute: 0 is the most threads a block, 8 the most dynamic shared memory.
int cuFuncSetAttribute(void *handle, int attribute, int value) {
    return call("cuFuncSetAttribute", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto function = functions.find(handle);
        if (!function) return INVALID_HANDLE;
        if (attribute == 9) return SUCCESS; // the preferred share of shared memory
        if (attribute != 8 || value < 0 || unsigned(value) > shim::MOST_SHARED) return INVALID_VALUE;
        return function->most_shared = unsigned(value), SUCCESS;
    });
}

int cuFuncGetAttribute(int *value, int attribute, void *handle) {
    return call("cuFuncGetAttribute", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto function = functions.find(handle);
        if (!function) return INVALID_HANDLE;
        *value = attribute == 0 ? int(function->kernel->most_threads) : attribute == 8 ? int(function->most_shared) : 0;
        return SUCCESS;
    });
}

int cuFuncGetParamInfo(void *handle, size_t index, size_t *offset, size_t *bytes) {
    return call("cuFuncGetParamInfo", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto function = functions.find(handle);
        if (!function) return INVALID_HANDLE;
        auto &kernel = *function->kernel;
        if (index >= kernel.count) return INVALID_VALUE;
        *offset = 0;
        for (size_t i = 0;; ++i) {
            *offset = (*offset + kernel.alignments[i] - 1) / kernel.alignments[i] * kernel.alignments[i];
            if (i == index) break;
            *offset += kernel.sizes[i];
        }
        return *bytes = kernel.sizes[index], SUCCESS;
    });
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
    return call("cuLaunchKernel", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        if (extra) return INVALID_VALUE;
        return launch(function, {gx, gy, gz}, {bx, by, bz}, shared, stream, arguments);
    });
}
EXPORTS_END
