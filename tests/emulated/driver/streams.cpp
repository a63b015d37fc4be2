// libcuda: streams and events.
#include "queue.h"
#include <chrono>
#include <utility>

using namespace emulated;

namespace {

int make_stream(void **made, unsigned flags) {
    if (flags > 1) return INVALID_VALUE;
    *made = streams.add(std::make_shared<Stream>(Stream{flags == 0, {}, 0, 0, nullptr}));
    return SUCCESS;
}

double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int record(void *event_handle, void *stream_handle) {
    auto stream = stream_of(stream_handle);
    auto event = events.find(event_handle);
    if (!stream || !event) return INVALID_HANDLE;
    if (stream->capture) {
        if (stream->capture->invalid) return CAPTURE_INVALIDATED;
        event->captured = stream->capture, event->in_capture = true;
        return SUCCESS;
    }
    event->in_capture = false;
    int code = enqueue(stream, {"event_record", false, [=] { return event->milliseconds = now(), int(SUCCESS); }, {}});
    event->moment = std::make_shared<Moment>(Moment{stream, stream->given});
    return code;
}

int wait_for_event(void *stream_handle, void *event_handle) {
    auto stream = stream_of(stream_handle);
    auto event = events.find(event_handle);
    if (!stream || !event) return INVALID_HANDLE;
    if (event->in_capture) {
        auto capture = event->captured.lock();
        if (!capture) return CAPTURED_EVENT;
        if (stream->capture && stream->capture != capture) return CAPTURE_ISOLATION;
        if (!stream->capture) {
            stream->capture = capture;
            capture->streams.push_back(stream);
        }
        return SUCCESS;
    }
    if (stream->capture) return stream->capture->invalid = true, CAPTURE_ISOLATION;
    if (!event->moment) return SUCCESS;
    return enqueue(stream, {"event_wait", false, [] { return int(SUCCESS); }, {*event->moment}});
}

// Whether its last record is done, after one op more has run.
int query(const std::shared_ptr<Event> &event) {
    if (!event) return INVALID_HANDLE;
    if (event->in_capture) return CAPTURED_EVENT;
    if (int code = unsafe_in_capture()) return code;
    auto done = [&] { return !event->moment || event->moment->is_past(); };
    if (done()) return SUCCESS;
    bool first = true;
    run_until([&] { return !std::exchange(first, false); });
    return sticky ? sticky : done() ? SUCCESS : NOT_READY;
}

} // namespace

EXPORTS_BEGIN
int cuStreamCreate(void **made, unsigned flags) {
    return call("cuStreamCreate", OF_MEMORY, Needs::CONTEXT, [=] { return make_stream(made, flags); });
}

int cuStreamCreateWithPriority(void **made, unsigned flags, int) {
    return call("cuStreamCreateWithPriority", OF_MEMORY, Needs::CONTEXT, [=] { return make_stream(made, flags); });
}

int cuStreamDestroy_v2(void *handle) {
    return call("cuStreamDestroy_v2", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = streams.find(handle);
        if (!stream) return INVALID_HANDLE;
        if (stream->capture) stream->capture->invalid = true;
        // What it was given still runs.
        return streams.remove(handle), SUCCESS;
    });
}

int cuStreamSynchronize(void *handle) {
    return call("cuStreamSynchronize", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = stream_of(handle);
        if (!stream) return INVALID_HANDLE;
        if (int code = waits_in_capture(stream)) return code;
        return finish(stream);
    });
}

int cuStreamQuery(void *handle) {
    return call("cuStreamQuery", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = stream_of(handle);
        if (!stream) return INVALID_HANDLE;
        if (int code = waits_in_capture(stream)) return code;
        if (stream->done == stream->given) return SUCCESS;
        bool first = true;
        run_until([&] { return !std::exchange(first, false); });
        return sticky ? sticky : stream->done == stream->given ? SUCCESS : NOT_READY;
    });
}

int cuStreamWaitEvent(void *stream, void *event, unsigned) {
    return call("cuStreamWaitEvent", OF_DRIVER, Needs::CONTEXT, [=] { return wait_for_event(stream, event); });
}

int cuEventCreate(void **made, unsigned flags) {
    return call("cuEventCreate", OF_MEMORY, Needs::CONTEXT, [=]() -> int {
        auto event = std::make_shared<Event>();
        event->timed = !(flags & 2);
        return *made = events.add(event), SUCCESS;
    });
}

int cuEventRecord(void *event, void *stream) {
    return call("cuEventRecord", OF_DRIVER, Needs::CONTEXT, [=] { return record(event, stream); });
}

int cuEventQuery(void *handle) {
    return call("cuEventQuery", OF_DRIVER, Needs::CONTEXT, [=] { return query(events.find(handle)); });
}

int cuEventSynchronize(void *handle) {
    return call("cuEventSynchronize", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto event = events.find(handle);
        if (!event) return INVALID_HANDLE;
        if (event->in_capture) return CAPTURED_EVENT;
        if (int code = unsafe_in_capture()) return code;
        return run_until([&] { return !event->moment || event->moment->is_past(); });
    });
}

int cuEventDestroy_v2(void *handle) {
    return call("cuEventDestroy_v2", OF_DRIVER, Needs::CONTEXT,
                [=]() -> int { return events.remove(handle) ? SUCCESS : INVALID_HANDLE; });
}

int cuEventElapsedTime_v2(float *milliseconds, void *start, void *end) {
    return call("cuEventElapsedTime_v2", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto from = events.find(start), to = events.find(end);
        if (!from || !to || !from->timed || !to->timed || !from->moment || !to->moment) return INVALID_HANDLE;
        if (!from->moment->is_past() || !to->moment->is_past()) return NOT_READY;
        return *milliseconds = float(to->milliseconds - from->milliseconds), SUCCESS;
    });
}

int cuEventElapsedTime(float *milliseconds, void *start, void *end) {
    return cuEventElapsedTime_v2(milliseconds, start, end);
}
EXPORTS_END
