// Streams: what they were given and have not done yet, and the order in which the device does it.
//
// Nothing runs until somebody waits or asks. Then an op of a stream that the seed picks runs, and another, until what was
// waited for is done; so work of streams that nothing orders runs in any order, and what nobody waited for has not
// happened.
#pragma once
#include "calls.h"
#include <deque>
#include <functional>
#include <thread>
#include <vector>

namespace emulated {

struct Stream;
struct Capture;

// When a stream has done so many ops.
struct Moment {
    std::shared_ptr<Stream> stream;
    uint64_t number;
    bool is_past() const;
};

struct Op {
    std::string name;
    bool counts_as_launch;
    std::function<int()> run; // a CUresult
    std::vector<Moment> after;
};

struct Stream {
    bool blocking; // takes turns with the legacy stream
    std::deque<Op> pending;
    uint64_t given = 0, done = 0;
    std::shared_ptr<Capture> capture;
};

// A capture under way.
struct Capture {
    Stream *origin;
    int mode; // 0 global, 1 this thread, 2 relaxed
    std::thread::id thread;
    bool invalid = false;
    std::vector<Op> ops; // in the order in which they were given, which keeps every dependency
    std::vector<std::shared_ptr<Stream>> streams;
};

struct Event {
    bool timed;
    std::shared_ptr<Moment> moment;   // of its last record, if any
    std::weak_ptr<Capture> captured;  // where that was in a capture
    bool in_capture = false;
    double milliseconds = 0;
};

struct Graph {
    std::vector<Op> ops;
};

extern Table<Stream> &streams;
extern Table<Event> &events;
extern Table<Graph> &graphs, &executables;

// Of a handle; null and 1 are the legacy stream.
std::shared_ptr<Stream> stream_of(void *handle);

// Hands an op to a stream, or to its capture: a CUresult.
int enqueue(const std::shared_ptr<Stream> &stream, Op op);

// Runs until it holds: a CUresult.
int run_until(const std::function<bool()> &holds);
int finish(const std::shared_ptr<Stream> &stream);
int finish_all();
// Runs one op if any can.
bool run_one();

// For calls that wait or allocate: 0, or the error where a capture forbids them, which spoils it.
int unsafe_in_capture();
// For calls that wait for a stream.
int waits_in_capture(const std::shared_ptr<Stream> &stream);
// For calls that wait for everything.
int waits_in_any_capture();

// Forgets everything that was to run.
void drop_all();

} // namespace emulated
