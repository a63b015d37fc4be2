// Device memory: one reserved range of addresses that nothing may touch but what the emulated device runs.
//
// An allocation lies between guards. What has no value yet, or none any more, is 0xff: NaN as a float, a large number
// as an index.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace emulated::memory {

// While one of these is there, its thread can read and write the range.
struct Access {
    Access();
    ~Access();
    Access(const Access &) = delete;
};

extern size_t capacity; // bytes

// The address, a multiple of 256; 0 where memory is out. Throws a text where freed memory was written.
uint64_t allocate(size_t bytes);
bool release(uint64_t address);

// Whether a live allocation holds all these bytes.
bool holds(uint64_t address, size_t bytes);
bool in_range(const void *address);

// Which allocation was written beyond its ends, in words; empty where none was.
std::string broken_guard();

size_t live_bytes();
size_t live_allocations();
void release_all();

template <class T> T *at(uint64_t address) { return reinterpret_cast<T *>(address); }

} // namespace emulated::memory
