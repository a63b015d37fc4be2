// libnvrtc: "compiles" to the name of a kernel file that g++ compiled into this library, if the text is that file's.
#include "calls.h"
#include "kernels.h"
#include <cstring>

using namespace emulated;

namespace {

// nvrtcResult
enum : int { OK = 0, PROGRAM_CREATION_FAILURE = 2, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };
const Codes codes{COMPILATION, false};

struct Program {
    std::string name, text, log, cubin;
};
Table<Program> &programs = *new Table<Program>;

// FNV-1a, as tests/emulated/build.ts has it.
uint32_t hash(const char *bytes, size_t count) {
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < count; ++i) hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x01000193;
    return hash;
}

// What is wrong with the program; empty where nothing is.
std::string problem(const Program &program) {
    if (controls.nvrtc_fails) return "error: a test asked for this failure";
    auto file = find_file(program.name);
    if (!file) return "error: the emulated driver has no " + program.name;
    size_t size = program.text.size();
    bool same = size >= file->length && hash(program.text.data() + size - file->length, file->length) == file->hash;
    return same ? "" : "error: the emulated driver was built from another text of " + program.name;
}

} // namespace

EXPORTS_BEGIN
// No real one: kernels kept on disk go by it, and the real driver could not load these.
int nvrtcVersion(int *major, int *minor) { return *major = 13, *minor = 99, OK; }

const char *nvrtcGetErrorString(int code) {
    return code == OK ? "NVRTC_SUCCESS" : code == COMPILATION ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR";
}

int nvrtcCreateProgram(void **made, const char *text, const char *name, int, const char *const *, const char *const *) {
    return call("nvrtcCreateProgram", {PROGRAM_CREATION_FAILURE, false}, Needs::NOTHING, [=]() -> int {
        *made = programs.add(std::make_shared<Program>(Program{name ? name : "default_program", text, "", ""}));
        return OK;
    });
}

int nvrtcCompileProgram(void *handle, int count, const char *const *options) {
    return call("nvrtcCompileProgram", codes, Needs::NOTHING, [=]() -> int {
        auto program = programs.find(handle);
        if (!program) return INVALID_PROGRAM;
        for (int i = 0; i < count; ++i) {
            std::string option = options[i];
            bool known = option.rfind("--gpu-architecture=sm_90", 0) == 0 || option == "--std=c++17" ||
                         option.rfind("--fmad=", 0) == 0;
            if (known) continue;
            program->log = "error: the emulated driver does not know the option " + option;
            return INVALID_OPTION;
        }
        program->log = problem(*program);
        if (!program->log.empty()) return COMPILATION;
        program->cubin = "\177ELF" + program->name + '\0';
        return OK;
    });
}

int nvrtcGetCUBINSize(void *handle, size_t *bytes) {
    return call("nvrtcGetCUBINSize", codes, Needs::NOTHING, [=]() -> int {
        auto program = programs.find(handle);
        if (!program || program->cubin.empty()) return INVALID_PROGRAM;
        return *bytes = program->cubin.size(), OK;
    });
}

int nvrtcGetCUBIN(void *handle, char *cubin) {
    return call("nvrtcGetCUBIN", codes, Needs::NOTHING, [=]() -> int {
        auto program = programs.find(handle);
        if (!program || program->cubin.empty()) return INVALID_PROGRAM;
        return std::memcpy(cubin, program->cubin.data(), program->cubin.size()), OK;
    });
}

int nvrtcGetProgramLogSize(void *handle, size_t *bytes) {
    auto program = programs.find(handle);
    return program ? (*bytes = program->log.size() + 1, OK) : INVALID_PROGRAM;
}

int nvrtcGetProgramLog(void *handle, char *log) {
    auto program = programs.find(handle);
    return program ? (std::memcpy(log, program->log.c_str(), program->log.size() + 1), OK) : INVALID_PROGRAM;
}

int nvrtcDestroyProgram(void **handle) {
    return call("nvrtcDestroyProgram", codes, Needs::NOTHING, [=]() -> int {
        return programs.remove(*handle) ? (*handle = nullptr, OK) : INVALID_PROGRAM;
    });
}
EXPORTS_END
