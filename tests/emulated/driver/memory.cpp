#include "memory.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace emulated::memory {

size_t capacity = size_t(2) << 30;
uint64_t first = 0, shift = 0;

namespace {

const size_t RESERVED = size_t(1) << 36, GUARD = 256, STEP = size_t(4) << 20;
const unsigned char POISON = 0xff;
// Where the range is asked for: the upper half of an address there is no plausible size, which a structure among a
// kernel's arguments may hold behind another one.
const uint64_t WISHED = 0x6b5a'0000'0000;

struct Block {
    size_t bytes; // as asked for
    size_t whole; // with both guards
};

struct Range {
    unsigned char *base = nullptr;    // as the host knows it
    size_t used = 0;                  // bytes from the base that were ever given out
    size_t backed = 0;                // bytes from the base with memory behind them
    std::map<uint64_t, Block> live;   // by the address given out
    std::map<uint64_t, size_t> freed; // by where its first guard began: bytes
    size_t bytes = 0;
    size_t open_from = RESERVED, open_to = 0; // around all that open() opened
};

[[noreturn]] void give_up(const char *what) {
    std::fprintf(stderr, "emulated driver: cannot %s\n", what);
    std::abort();
}

Range &range() {
    static Range &range = *new Range;
    if (range.base) return range;
    int file = memfd_create("emulated device memory", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, off_t(RESERVED)) != 0) give_up("make device memory");
    auto map = [&](uint64_t wished) {
        void *made = mmap(reinterpret_cast<void *>(wished), RESERVED, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0);
        if (made == MAP_FAILED) give_up("reserve addresses for device memory");
        return static_cast<unsigned char *>(made);
    };
    range.base = map(WISHED);
    unsigned char *own = map(0);
    close(file); // the mappings hold it
    first = reinterpret_cast<uint64_t>(range.base);
    shift = reinterpret_cast<uint64_t>(own) - first;
    return range;
}

// Puts memory behind everything that was given out.
void back() {
    while (range().backed < range().used) {
        if (mprotect(at<void>(first + range().backed), STEP, PROT_READ | PROT_WRITE) != 0) give_up("back device memory");
        range().backed += STEP;
    }
}

bool is_poisoned(const unsigned char *bytes, size_t size) {
    return size == 0 || (bytes[0] == POISON && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

std::string hexadecimal(uint64_t address) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
    return text;
}

// Where a block of `whole` bytes begins: the first freed place that is large enough, or the end.
uint64_t place(size_t whole) {
    for (auto &[start, size] : range().freed) {
        if (size < whole) continue;
        uint64_t found = start;
        size_t left = size - whole;
        range().freed.erase(found);
        if (left > 0) range().freed[found + whole] = left;
        if (!is_poisoned(at<unsigned char>(found), whole))
            throw "memory at " + hexadecimal(found) + " was written after it was freed";
        return found;
    }
    if (range().used + whole > RESERVED) return 0;
    uint64_t found = first + range().used;
    range().used += whole;
    back();
    std::memset(at<void>(found), POISON, whole);
    return found;
}

} // namespace

uint64_t allocate(size_t bytes) {
    if (bytes > capacity || range().bytes + bytes > capacity) return 0;
    size_t whole = (bytes + 255) / 256 * 256 + 2 * GUARD;
    uint64_t start = place(whole);
    if (start == 0) return 0;
    range().live[start + GUARD] = {bytes, whole};
    range().bytes += bytes;
    return start + GUARD;
}

bool release(uint64_t address) {
    auto found = range().live.find(address);
    if (found == range().live.end()) return false;
    auto [bytes, whole] = found->second;
    uint64_t start = address - GUARD;
    std::memset(at<void>(start), POISON, whole);
    range().bytes -= bytes;
    range().live.erase(found);
    // One with its free neighbours.
    auto &freed = range().freed;
    auto after = freed.find(start + whole);
    if (after != freed.end()) whole += after->second, freed.erase(after);
    auto before = freed.lower_bound(start);
    if (before != freed.begin() && (--before)->first + before->second == start) before->second += whole;
    else freed[start] = whole;
    return true;
}

bool holds(uint64_t address, size_t bytes) {
    auto after = range().live.upper_bound(address);
    if (after == range().live.begin()) return false;
    auto &[start, block] = *--after;
    return address - start <= block.bytes && bytes <= block.bytes - (address - start);
}

bool was_given_out(uint64_t address) { return address >= first && address - first <= range().used; }

bool open(const void *address) {
    uint64_t wanted = reinterpret_cast<uint64_t>(address);
    if (wanted < first || wanted - first >= range().backed) return false;
    size_t from = (wanted - first) / STEP * STEP;
    if (mprotect(range().base + from, STEP, PROT_READ | PROT_WRITE) != 0) return false;
    range().open_from = std::min(range().open_from, from);
    range().open_to = std::max(range().open_to, from + STEP);
    return true;
}

void close_again() {
    auto &from = range().open_from, &to = range().open_to;
    if (from >= to) return;
    if (mprotect(range().base + from, to - from, PROT_NONE) != 0) give_up("close device memory");
    from = RESERVED, to = 0;
}

std::string broken_guard() {
    for (auto &[address, block] : range().live) {
        uint64_t end = address + block.bytes;
        bool before = is_poisoned(at<unsigned char>(address - GUARD), GUARD);
        bool after = is_poisoned(at<unsigned char>(end), address - GUARD + block.whole - end);
        if (before && after) continue;
        return std::string(before ? "behind" : "before") + " the " + std::to_string(block.bytes) + " bytes at " +
               hexadecimal(address);
    }
    return "";
}

size_t live_bytes() { return range().bytes; }
size_t live_allocations() { return range().live.size(); }

void release_all() {
    while (!range().live.empty()) release(range().live.begin()->first);
}

} // namespace emulated::memory
