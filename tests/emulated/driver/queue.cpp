#include "queue.h"
#include "execute.h"
#include <set>

namespace emulated {

Table<Stream> &streams = *new Table<Stream>;
Table<Event> &events = *new Table<Event>;
Table<Graph> &graphs = *new Table<Graph>, &executables = *new Table<Graph>;

namespace {

std::shared_ptr<Stream> &legacy() {
    static auto &stream = *new std::shared_ptr<Stream>(std::make_shared<Stream>(Stream{true, {}, 0, 0, nullptr}));
    return stream;
}

// Streams with work, destroyed ones too.
std::vector<std::shared_ptr<Stream>> &busy = *new std::vector<std::shared_ptr<Stream>>;

// Captures under way.
std::set<std::shared_ptr<Capture>> captures() {
    std::set<std::shared_ptr<Capture>> found;
    for (auto &[_, stream] : streams.live)
        if (stream->capture) found.insert(stream->capture);
    return found;
}

bool can_run(const Stream &stream) {
    for (auto &moment : stream.pending.front().after)
        if (!moment.is_past()) return false;
    return true;
}

} // namespace

bool Moment::is_past() const { return stream->done >= number; }

std::shared_ptr<Stream> stream_of(void *handle) {
    return reinterpret_cast<uint64_t>(handle) <= 1 ? legacy() : streams.find(handle);
}

int enqueue(const std::shared_ptr<Stream> &stream, Op op) {
    if (auto &capture = stream->capture) {
        if (capture->invalid) return CAPTURE_INVALIDATED;
        op.after.clear();
        capture->ops.push_back(std::move(op));
        return SUCCESS;
    }
    if (stream == legacy()) {
        for (auto &[_, other] : streams.live) {
            if (!other->blocking) continue;
            if (other->capture) return other->capture->invalid = true, CAPTURE_IMPLICIT;
            op.after.push_back({other, other->given});
        }
    } else if (stream->blocking) {
        op.after.push_back({legacy(), legacy()->given});
    }
    if (stream->pending.empty()) busy.push_back(stream);
    stream->pending.push_back(std::move(op));
    ++stream->given;
    return SUCCESS;
}

bool run_one() {
    std::vector<size_t> ready;
    for (size_t i = 0; i < busy.size(); ++i)
        if (can_run(*busy[i])) ready.push_back(i);
    if (ready.empty()) return false;
    size_t place = ready[ready.size() == 1 ? 0 : draw() % ready.size()];
    auto stream = busy[place];
    Op op = std::move(stream->pending.front());
    stream->pending.pop_front();
    if (stream->pending.empty()) busy.erase(busy.begin() + place);
    int code = execute(op);
    ++stream->done;
    if (code != SUCCESS) {
        sticky = code;
        drop_all();
    }
    return true;
}

int run_until(const std::function<bool()> &holds) {
    if (holds()) return sticky;
    while (!holds() && !sticky) {
        if (run_one()) continue;
        complain("streams wait for each other");
        sticky = LAUNCH_FAILED;
        drop_all();
    }
    return sticky;
}

int finish(const std::shared_ptr<Stream> &stream) {
    // The legacy stream has done its work when blocking streams have done what came before.
    if (stream == legacy()) {
        std::vector<Moment> moments{{legacy(), legacy()->given}};
        for (auto &[_, other] : streams.live)
            if (other->blocking) moments.push_back({other, other->given});
        return run_until([&] {
            for (auto &moment : moments)
                if (!moment.is_past()) return false;
            return true;
        });
    }
    Moment moment{stream, stream->given};
    return run_until([&] { return moment.is_past(); });
}

int finish_all() {
    return run_until([] { return busy.empty(); });
}

void drop_all() {
    for (auto &stream : busy) {
        stream->pending.clear();
        stream->done = stream->given;
    }
    busy.clear();
}

int unsafe_in_capture() {
    for (auto &capture : captures()) {
        bool forbids = capture->mode == 0 || (capture->mode == 1 && capture->thread == std::this_thread::get_id());
        if (!forbids) continue;
        capture->invalid = true;
        return CAPTURE_UNSUPPORTED;
    }
    return SUCCESS;
}

int waits_in_capture(const std::shared_ptr<Stream> &stream) {
    if (stream->capture) return stream->capture->invalid = true, CAPTURE_UNSUPPORTED;
    if (stream != legacy()) return SUCCESS;
    for (auto &[_, other] : streams.live)
        if (other->blocking && other->capture) return other->capture->invalid = true, CAPTURE_IMPLICIT;
    return SUCCESS;
}

int waits_in_any_capture() {
    for (auto &capture : captures()) return capture->invalid = true, CAPTURE_UNSUPPORTED;
    return SUCCESS;
}

} // namespace emulated
