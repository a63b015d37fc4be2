// Device memory, mapped twice: at the addresses that the program gets and that nothing may touch, and at those by which
// the emulated device reads and writes it.
//
// An allocation lies between guards. What has no value yet, or none any more, is 0xff: NaN as a float, a large number
// as an index.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace emulated::memory {

extern size_t capacity; // bytes

// The address, a multiple of 256; 0 where memory is out. Throws a text where freed memory was written.
uint64_t allocate(size_t bytes);
bool release(uint64_t address);

// Whether a live allocation holds all these bytes.
bool holds(uint64_t address, size_t bytes);
// Whether it lies in what allocations have had so far.
bool was_given_out(uint64_t address);

// For a kernel that follows a pointer which it found in memory: opens the program's addresses around this one. False
// where there is no device memory.
bool open(const void *address);
// Once the kernel is done.
void close_again();

// Which allocation was written beyond its ends, in words; empty where none was.
std::string broken_guard();

size_t live_bytes();
size_t live_allocations();
void release_all();

// Where the program's addresses begin, and how far from each of them the device's own is.
extern uint64_t first, shift;

// By which the device reads and writes what the program knows by this address.
template <class T> T *at(uint64_t address) { return reinterpret_cast<T *>(address + shift); }

} // namespace emulated::memory
