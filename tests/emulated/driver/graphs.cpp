// libcuda: capture of streams, and graphs.
//
// A graph is the list of what the streams of a capture were given, in that order, which keeps every dependency. A launch
// hands the list to one stream.
#include "queue.h"

using namespace emulated;

EXPORTS_BEGIN
int cuStreamBeginCapture_v2(void *handle, int mode) {
    return call("cuStreamBeginCapture_v2", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = stream_of(handle);
        if (!stream) return INVALID_HANDLE;
        if (mode < 0 || mode > 2 || stream->capture) return INVALID_VALUE;
        if (stream == stream_of(nullptr)) return CAPTURE_UNSUPPORTED;
        auto capture = std::make_shared<Capture>();
        capture->origin = stream.get(), capture->mode = mode, capture->thread = std::this_thread::get_id();
        capture->streams.push_back(stream);
        stream->capture = capture;
        return SUCCESS;
    });
}

int cuStreamEndCapture(void *handle, void **graph) {
    return call("cuStreamEndCapture", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = stream_of(handle);
        if (!stream) return INVALID_HANDLE;
        auto capture = stream->capture;
        *graph = nullptr;
        if (!capture) return INVALID_VALUE;
        if (capture->origin != stream.get()) return capture->invalid = true, CAPTURE_UNMATCHED;
        if (capture->mode != 2 && capture->thread != std::this_thread::get_id()) return CAPTURE_WRONG_THREAD;
        for (auto &each : capture->streams) each->capture = nullptr;
        if (capture->invalid) return CAPTURE_INVALIDATED;
        *graph = graphs.add(std::make_shared<Graph>(Graph{std::move(capture->ops)}));
        return SUCCESS;
    });
}

int cuStreamIsCapturing(void *handle, int *status) {
    return call("cuStreamIsCapturing", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto stream = stream_of(handle);
        if (!stream) return INVALID_HANDLE;
        return *status = !stream->capture ? 0 : stream->capture->invalid ? 2 : 1, SUCCESS;
    });
}

int cuGraphGetNodes(void *handle, void **nodes, size_t *count) {
    return call("cuGraphGetNodes", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto graph = graphs.find(handle);
        if (!graph || nodes) return INVALID_VALUE; // it has no handles of nodes
        return *count = graph->ops.size(), SUCCESS;
    });
}

int cuGraphInstantiateWithFlags(void **made, void *handle, unsigned long long) {
    return call("cuGraphInstantiateWithFlags", OF_MEMORY, Needs::CONTEXT, [=]() -> int {
        auto graph = graphs.find(handle);
        if (!graph) return INVALID_VALUE;
        return *made = executables.add(std::make_shared<Graph>(*graph)), SUCCESS;
    });
}

int cuGraphUpload(void *handle, void *stream) {
    return call("cuGraphUpload", OF_DRIVER, Needs::CONTEXT,
                [=]() -> int { return executables.find(handle) && stream_of(stream) ? SUCCESS : INVALID_VALUE; });
}

int cuGraphLaunch(void *handle, void *stream_handle) {
    return call("cuGraphLaunch", OF_DRIVER, Needs::CONTEXT, [=]() -> int {
        auto graph = executables.find(handle);
        auto stream = stream_of(stream_handle);
        if (!graph || !stream) return INVALID_HANDLE;
        for (auto &op : graph->ops)
            if (int code = enqueue(stream, op)) return code;
        return SUCCESS;
    });
}

int cuGraphExecDestroy(void *handle) {
    return call("cuGraphExecDestroy", OF_DRIVER, Needs::CONTEXT,
                [=]() -> int { return executables.remove(handle) ? SUCCESS : INVALID_VALUE; });
}

int cuGraphDestroy(void *handle) {
    return call("cuGraphDestroy", OF_DRIVER, Needs::CONTEXT,
                [=]() -> int { return graphs.remove(handle) ? SUCCESS : INVALID_VALUE; });
}
EXPORTS_END
