// The kernels that were compiled in.
#pragma once
#include "../shim/kernel.h"
#include <string>

namespace emulated {

// By the name that NVRTC knows it by; null where there is none.
const shim::File *find_file(const std::string &name);

void forget_modules();
size_t live_modules();

} // namespace emulated
