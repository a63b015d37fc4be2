#include "memory.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>

namespace emulated::memory {

size_t capacity = size_t(2) << 30;

namespace {

const size_t RESERVED = size_t(1) << 36, GUARD = 256, STEP = size_t(4) << 20;
const unsigned char POISON = 0xff;

struct Block {
    size_t bytes; // as asked for
    size_t whole; // with both guards
};

struct Range {
    unsigned char *base = nullptr;
    size_t used = 0;                  // bytes from the base that were ever given out
    size_t backed = 0;                // bytes from the base with memory behind them
    int key = -1;                     // that locks them; -1 where the processor has no such keys
    std::map<uint64_t, Block> live;   // by the address given out
    std::map<uint64_t, size_t> freed; // by where its first guard began: bytes
    size_t bytes = 0;
    int open = 0;
};

Range &range() {
    static Range &range = *new Range;
    if (range.base) return range;
    void *made = mmap(nullptr, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
        std::fprintf(stderr, "emulated driver: cannot reserve addresses for device memory\n");
        std::abort();
    }
    range.base = static_cast<unsigned char *>(made);
    range.key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    return range;
}

// A protection key is opened for this thread alone, by one instruction; without keys every page changes its protection.
void set_open(bool open) {
    if (range().key >= 0) pkey_set(range().key, open ? 0 : PKEY_DISABLE_ACCESS);
    else if (range().backed > 0) mprotect(range().base, range().backed, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

// Puts memory behind everything that was given out; while the range is open.
void back() {
    while (range().backed < range().used) {
        unsigned char *from = range().base + range().backed;
        int done = range().key >= 0 ? pkey_mprotect(from, STEP, PROT_READ | PROT_WRITE, range().key)
                                    : mprotect(from, STEP, PROT_READ | PROT_WRITE);
        if (done != 0) std::abort();
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
    uint64_t found = reinterpret_cast<uint64_t>(range().base) + range().used;
    range().used += whole;
    back();
    std::memset(at<void>(found), POISON, whole);
    return found;
}

} // namespace

Access::Access() {
    if (range().open++ == 0) set_open(true);
}

Access::~Access() {
    if (--range().open == 0) set_open(false);
}

uint64_t allocate(size_t bytes) {
    if (bytes > capacity || range().bytes + bytes > capacity) return 0;
    Access access;
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
    Access access;
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

bool in_range(const void *address) {
    auto at = static_cast<const unsigned char *>(address);
    return at >= range().base && at < range().base + RESERVED;
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
