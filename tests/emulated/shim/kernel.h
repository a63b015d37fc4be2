// The kernels of the emulated driver: what it has to know of a compiled kernel file.
#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

namespace shim {

struct Kernel {
    // As NVRTC knows the file: "blur_pool/kernel.cu".
    const char *file, *name;
    // Of __launch_bounds__.
    unsigned most_threads;
    // Of its arguments, in bytes.
    unsigned count;
    const size_t *sizes, *alignments;
    // Which of them are pointers, or structures that may hold some.
    const bool *point;
    // Calls it once; a pointer to each argument.
    void (*body)(void **arguments);
};

// A kernel file as it was compiled: its own text's length and hash.
struct File {
    const char *name;
    size_t length;
    unsigned hash;
};

void add(const Kernel &kernel);
void add(const File &file);

template <auto KERNEL> struct Export;
template <class... A, void (*KERNEL)(A...)> struct Export<KERNEL> {
    static constexpr size_t sizes[sizeof...(A) + 1] = {sizeof(A)..., 0};
    static constexpr size_t alignments[sizeof...(A) + 1] = {alignof(A)..., 0};
    static constexpr bool point[sizeof...(A) + 1] = {(std::is_pointer_v<A> || std::is_class_v<A>)..., false};
    template <size_t... I> static void call(void **arguments, std::index_sequence<I...>) {
        KERNEL(*static_cast<A *>(arguments[I])...);
    }
    static void body(void **arguments) { call(arguments, std::index_sequence_for<A...>()); }
    static bool add(const char *file, const char *name, unsigned most_threads) {
        shim::add(Kernel{file, name, most_threads, sizeof...(A), sizes, alignments, point, body});
        return true;
    }
};

} // namespace shim

// Behind a kernel file: makes one of its kernels known, with the number of threads that it is compiled for.
#define SHIM_EXPORT(file, kernel, most_threads)                                                                     \
    static const bool exported_##kernel = shim::Export<kernel>::add(file, #kernel, most_threads);
