// What is there of each kind.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace emulated {

std::map<std::string, uint64_t> live_objects();

// Pinned memory of the host: its bytes, and its end.
size_t pinned_bytes();
void release_pinned();

} // namespace emulated
