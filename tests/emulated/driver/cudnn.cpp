// libcudnn 9, its older API: descriptors, the search for algorithms, convolution and its gradients.
//
// All algorithms compute the same, by the definition. They differ in what a caller has to keep apart: time, workspace,
// whether they give the same bits again, and whether they are there at all. The workspace is checked and scribbled over.
#include "cudnn.h"
#include "memory.h"

using namespace emulated;

namespace {

// cudnnStatus_t
enum : int { OK = 0, BAD_PARAM = 2000, NOT_SUPPORTED = 3000, INTERNAL = 4000, EXECUTION_FAILED = 5000 };
const Codes codes{EXECUTION_FAILED, false}, of_memory{INTERNAL, false};

struct Handle {
    void *stream = nullptr;
};
Table<Handle> &handles = *new Table<Handle>;
Table<Tensor> &tensors = *new Table<Tensor>, &filters = *new Table<Tensor>;
Table<Convolution> &convolutions = *new Table<Convolution>;

// What cudnnFindConvolution…AlgorithmEx tells of an algorithm; the three passes have one layout.
struct Found {
    int algorithm, status;
    float milliseconds;
    size_t workspace;
    int deterministic, math;
    int reserved[3];
};
static_assert(sizeof(Found) == 48 && offsetof(Found, workspace) == 16, "as cuDNN lays it out");

// The numbers of the algorithms that are told of, of which the last is not supported; and those that add in any order.
const int ALGORITHMS = 4;
bool is_deterministic(Pass pass, int algorithm) {
    if (pass == Pass::FORWARD) return true;
    return pass == Pass::DATA ? algorithm != 0 : algorithm != 0 && algorithm != 3;
}
bool is_supported(Pass pass, int algorithm) {
    return algorithm >= 0 && (pass == Pass::FORWARD ? algorithm != 3 : algorithm != 2) && algorithm < 8;
}
size_t workspace_of(const Problem &problem, int algorithm) {
    return algorithm == 0 ? 0 : size_t(algorithm) * 1024 + problem.w.bytes();
}

// Sizes alone, as the memory is packed: NCHW (0) or NHWC (1).
bool set(Tensor &t, int dtype, int format, const int (&size)[4]) {
    if ((dtype != 0 && dtype != 9) || (format != 0 && format != 1)) return false;
    for (int axis = 0; axis < 4; ++axis)
        if ((t.size[axis] = size[axis]) <= 0) return false;
    t.bf16 = dtype == 9;
    int64_t n = t.size[1] * t.size[2] * t.size[3], c = t.size[1], h = t.size[2], w = t.size[3];
    int64_t strides[2][4] = {{n, h * w, w, 1}, {n, 1, w * c, c}};
    std::copy_n(strides[format], 4, t.stride);
    return true;
}

bool read(Problem &problem, void *x, void *w, void *y, void *how) {
    auto from = tensors.find(x), by = filters.find(w), to = tensors.find(y);
    auto convolution = convolutions.find(how);
    if (!from || !by || !to || !convolution) return false;
    problem = {*from, *by, *to, *convolution};
    return problem.is_valid();
}

// One call of a convolution, on the handle's stream.
int run(Pass pass, void *handle, const Problem &problem, int algorithm, const void *alpha, const void *beta, uint64_t x,
        uint64_t w, uint64_t y, uint64_t workspace, size_t bytes) {
    auto library = handles.find(handle);
    if (!library) return BAD_PARAM;
    if (!is_supported(pass, algorithm)) return NOT_SUPPORTED;
    size_t needed = workspace_of(problem, algorithm);
    if (bytes < needed || (needed > 0 && !memory::holds(workspace, needed))) return BAD_PARAM;
    auto stream = stream_of(library->stream);
    if (!stream) return BAD_PARAM;
    const char *names[] = {"cudnn_forward", "cudnn_backward_data", "cudnn_backward_filter"};
    std::string name = names[int(pass)];
    float scale = *static_cast<const float *>(alpha), keep = *static_cast<const float *>(beta);
    auto op = [=] {
        bool there = memory::holds(x, problem.x.bytes()) && memory::holds(w, problem.w.bytes()) &&
                     memory::holds(y, problem.y.bytes()) && (needed == 0 || memory::holds(workspace, needed));
        if (!there) return complain(name + ": its tensors are not in device memory"), int(ILLEGAL_ADDRESS);
        std::fill_n(memory::at<unsigned char>(workspace), needed, 0xa5);
        convolve(pass, problem, scale, keep, x, w, y);
        return int(SUCCESS);
    };
    return enqueue(stream, {name, true, op, {}}) == SUCCESS ? OK : EXECUTION_FAILED;
}

// The search waits for the device, and leaves in the output whatever it came to.
int search(Pass pass, void *handle, const Problem &problem, uint64_t output, size_t output_bytes, int asked, int *told,
           void *results, uint64_t workspace, size_t workspace_bytes) {
    auto library = handles.find(handle);
    auto stream = library ? stream_of(library->stream) : nullptr;
    if (!stream || asked < 1 || !memory::holds(output, output_bytes)) return BAD_PARAM;
    if (workspace_bytes > 0 && !memory::holds(workspace, workspace_bytes)) return BAD_PARAM;
    if (waits_in_capture(stream) || unsafe_in_capture() || finish(stream)) return EXECUTION_FAILED;
    std::fill_n(memory::at<unsigned char>(output), output_bytes, 0x7f);
    std::fill_n(memory::at<unsigned char>(workspace), workspace_bytes, 0xa5);
    std::vector<Found> found;
    for (int algorithm = 0; algorithm < ALGORITHMS; ++algorithm) {
        size_t needed = workspace_of(problem, algorithm);
        bool works = is_supported(pass, algorithm) && needed <= workspace_bytes;
        float milliseconds = works ? 0.01f + float(draw() % 1000) / 1000 : -1;
        int status = works ? OK : NOT_SUPPORTED;
        found.push_back({algorithm, status, milliseconds, needed, is_deterministic(pass, algorithm), 0, {0, 0, 0}});
    }
    std::sort(found.begin(), found.end(), [](const Found &a, const Found &b) {
        return (a.status == OK) != (b.status == OK) ? a.status == OK : a.milliseconds < b.milliseconds;
    });
    *told = std::min(asked, ALGORITHMS);
    std::copy_n(found.begin(), *told, static_cast<Found *>(results));
    return OK;
}

template <class T> int make(const char *name, Table<T> &table, void **made) {
    return call(name, of_memory, Needs::NOTHING, [&] { return *made = table.add(std::make_shared<T>()), int(OK); });
}
template <class T> int destroy(const char *name, Table<T> &table, void *handle) {
    return call(name, codes, Needs::NOTHING, [&]() -> int { return table.remove(handle) ? OK : BAD_PARAM; });
}

int count_of_algorithms(const char *name, void *handle, int *count) {
    return call(name, codes, Needs::NOTHING,
                [=]() -> int { return handles.find(handle) ? (*count = ALGORITHMS, OK) : BAD_PARAM; });
}

int size_of_workspace(const char *name, Pass pass, void *handle, void *x, void *w, void *y, void *how, int algorithm,
                      size_t *bytes) {
    return call(name, codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!handles.find(handle) || !read(problem, x, w, y, how)) return BAD_PARAM;
        if (!is_supported(pass, algorithm)) return NOT_SUPPORTED;
        return *bytes = workspace_of(problem, algorithm), OK;
    });
}

} // namespace

size_t emulated::live_descriptors() {
    return handles.live.size() + tensors.live.size() + filters.live.size() + convolutions.live.size() +
           live_cublaslt_descriptors();
}

EXPORTS_BEGIN
size_t cudnnGetVersion() { return controls.cudnn_version; }

const char *cudnnGetErrorString(int status) {
    switch (status) {
    case OK: return "CUDNN_STATUS_SUCCESS";
    case BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case INTERNAL: return "CUDNN_STATUS_INTERNAL_ERROR";
    case EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "CUDNN_UNKNOWN_STATUS";
    }
}

int cudnnCreate(void **made) {
    return call("cudnnCreate", of_memory, Needs::CONTEXT,
                [=] { return *made = handles.add(std::make_shared<Handle>()), int(OK); });
}
int cudnnDestroy(void *handle) { return destroy("cudnnDestroy", handles, handle); }

int cudnnSetStream(void *handle, void *stream) {
    return call("cudnnSetStream", codes, Needs::CONTEXT, [=]() -> int {
        auto library = handles.find(handle);
        if (!library || !stream_of(stream)) return BAD_PARAM;
        return library->stream = stream, OK;
    });
}

int cudnnCreateTensorDescriptor(void **made) { return make("cudnnCreateTensorDescriptor", tensors, made); }
int cudnnDestroyTensorDescriptor(void *given) { return destroy("cudnnDestroyTensorDescriptor", tensors, given); }
int cudnnCreateFilterDescriptor(void **made) { return make("cudnnCreateFilterDescriptor", filters, made); }
int cudnnDestroyFilterDescriptor(void *given) { return destroy("cudnnDestroyFilterDescriptor", filters, given); }
int cudnnCreateConvolutionDescriptor(void **made) {
    return make("cudnnCreateConvolutionDescriptor", convolutions, made);
}
int cudnnDestroyConvolutionDescriptor(void *given) {
    return destroy("cudnnDestroyConvolutionDescriptor", convolutions, given);
}

int cudnnSetTensor4dDescriptor(void *handle, int format, int dtype, int n, int c, int h, int w) {
    return call("cudnnSetTensor4dDescriptor", codes, Needs::NOTHING, [=]() -> int {
        auto tensor = tensors.find(handle);
        return tensor && set(*tensor, dtype, format, {n, c, h, w}) ? OK : BAD_PARAM;
    });
}

int cudnnSetTensor4dDescriptorEx(void *handle, int dtype, int n, int c, int h, int w, int ns, int cs, int hs, int ws) {
    return call("cudnnSetTensor4dDescriptorEx", codes, Needs::NOTHING, [=]() -> int {
        auto tensor = tensors.find(handle);
        if (!tensor || !set(*tensor, dtype, 0, {n, c, h, w})) return BAD_PARAM;
        int strides[] = {ns, cs, hs, ws};
        return std::copy_n(strides, 4, tensor->stride), OK;
    });
}

int cudnnSetFilter4dDescriptor(void *handle, int dtype, int format, int k, int c, int h, int w) {
    return call("cudnnSetFilter4dDescriptor", codes, Needs::NOTHING, [=]() -> int {
        auto filter = filters.find(handle);
        return filter && set(*filter, dtype, format, {k, c, h, w}) ? OK : BAD_PARAM;
    });
}

int cudnnSetConvolution2dDescriptor(void *handle, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h,
                                    int dilation_w, int mode, int compute) {
    return call("cudnnSetConvolution2dDescriptor", codes, Needs::NOTHING, [=]() -> int {
        auto how = convolutions.find(handle);
        bool good = how && pad_h >= 0 && pad_w >= 0 && stride_h > 0 && stride_w > 0 && dilation_h > 0 &&
                    dilation_w > 0 && (mode == 0 || mode == 1) && compute == 0;
        if (!good) return BAD_PARAM;
        int groups = how->groups;
        *how = {{pad_h, pad_w}, {stride_h, stride_w}, {dilation_h, dilation_w}, mode == 0, groups};
        return OK;
    });
}

int cudnnSetConvolutionGroupCount(void *handle, int groups) {
    return call("cudnnSetConvolutionGroupCount", codes, Needs::NOTHING, [=]() -> int {
        auto how = convolutions.find(handle);
        return how && groups > 0 ? (how->groups = groups, OK) : BAD_PARAM;
    });
}

int cudnnSetConvolutionMathType(void *handle, int) {
    return call("cudnnSetConvolutionMathType", codes, Needs::NOTHING,
                [=]() -> int { return convolutions.find(handle) ? OK : BAD_PARAM; });
}

int cudnnGetConvolutionForwardAlgorithmMaxCount(void *handle, int *count) {
    return count_of_algorithms("cudnnGetConvolutionForwardAlgorithmMaxCount", handle, count);
}
int cudnnGetConvolutionBackwardDataAlgorithmMaxCount(void *handle, int *count) {
    return count_of_algorithms("cudnnGetConvolutionBackwardDataAlgorithmMaxCount", handle, count);
}
int cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(void *handle, int *count) {
    return count_of_algorithms("cudnnGetConvolutionBackwardFilterAlgorithmMaxCount", handle, count);
}

int cudnnGetConvolutionForwardWorkspaceSize(void *handle, void *x, void *w, void *how, void *y, int algorithm,
                                            size_t *bytes) {
    return size_of_workspace("cudnnGetConvolutionForwardWorkspaceSize", Pass::FORWARD, handle, x, w, y, how, algorithm,
                             bytes);
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(void *handle, void *w, void *dy, void *how, void *dx, int algorithm,
                                                 size_t *bytes) {
    return size_of_workspace("cudnnGetConvolutionBackwardDataWorkspaceSize", Pass::DATA, handle, dx, w, dy, how,
                             algorithm, bytes);
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(void *handle, void *x, void *dy, void *how, void *dw, int algorithm,
                                                   size_t *bytes) {
    return size_of_workspace("cudnnGetConvolutionBackwardFilterWorkspaceSize", Pass::FILTER, handle, x, dw, dy, how,
                             algorithm, bytes);
}

int cudnnFindConvolutionForwardAlgorithmEx(void *handle, void *x_shape, uint64_t, void *w_shape, uint64_t, void *how,
                                           void *y_shape, uint64_t y, int asked, int *told, void *results,
                                           uint64_t workspace, size_t bytes) {
    return call("cudnnFindConvolutionForwardAlgorithmEx", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, x_shape, w_shape, y_shape, how)) return BAD_PARAM;
        return search(Pass::FORWARD, handle, problem, y, problem.y.bytes(), asked, told, results, workspace, bytes);
    });
}
int cudnnFindConvolutionBackwardDataAlgorithmEx(void *handle, void *w_shape, uint64_t, void *dy_shape, uint64_t,
                                                void *how, void *dx_shape, uint64_t dx, int asked, int *told,
                                                void *results, uint64_t workspace, size_t bytes) {
    return call("cudnnFindConvolutionBackwardDataAlgorithmEx", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, dx_shape, w_shape, dy_shape, how)) return BAD_PARAM;
        return search(Pass::DATA, handle, problem, dx, problem.x.bytes(), asked, told, results, workspace, bytes);
    });
}
int cudnnFindConvolutionBackwardFilterAlgorithmEx(void *handle, void *x_shape, uint64_t, void *dy_shape, uint64_t,
                                                  void *how, void *dw_shape, uint64_t dw, int asked, int *told,
                                                  void *results, uint64_t workspace, size_t bytes) {
    return call("cudnnFindConvolutionBackwardFilterAlgorithmEx", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, x_shape, dw_shape, dy_shape, how)) return BAD_PARAM;
        return search(Pass::FILTER, handle, problem, dw, problem.w.bytes(), asked, told, results, workspace, bytes);
    });
}

int cudnnConvolutionForward(void *handle, const void *alpha, void *x_shape, uint64_t x, void *w_shape, uint64_t w,
                            void *how, int algorithm, uint64_t workspace, size_t bytes, const void *beta, void *y_shape,
                            uint64_t y) {
    return call("cudnnConvolutionForward", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, x_shape, w_shape, y_shape, how)) return BAD_PARAM;
        return run(Pass::FORWARD, handle, problem, algorithm, alpha, beta, x, w, y, workspace, bytes);
    });
}
int cudnnConvolutionBackwardData(void *handle, const void *alpha, void *w_shape, uint64_t w, void *dy_shape, uint64_t dy,
                                 void *how, int algorithm, uint64_t workspace, size_t bytes, const void *beta,
                                 void *dx_shape, uint64_t dx) {
    return call("cudnnConvolutionBackwardData", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, dx_shape, w_shape, dy_shape, how)) return BAD_PARAM;
        return run(Pass::DATA, handle, problem, algorithm, alpha, beta, dx, w, dy, workspace, bytes);
    });
}
int cudnnConvolutionBackwardFilter(void *handle, const void *alpha, void *x_shape, uint64_t x, void *dy_shape,
                                   uint64_t dy, void *how, int algorithm, uint64_t workspace, size_t bytes,
                                   const void *beta, void *dw_shape, uint64_t dw) {
    return call("cudnnConvolutionBackwardFilter", codes, Needs::CONTEXT, [=]() -> int {
        Problem problem;
        if (!read(problem, x_shape, dw_shape, dy_shape, how)) return BAD_PARAM;
        return run(Pass::FILTER, handle, problem, algorithm, alpha, beta, x, dw, dy, workspace, bytes);
    });
}
EXPORTS_END
