// libcublasLt: products of matrices, and of batches of them, by their definition in float.
#include "cudnn.h"
#include "memory.h"
#include "numbers.h"

using namespace emulated;

namespace {

// cublasStatus_t
enum : int { OK = 0, ALLOC_FAILED = 3, INVALID = 7, EXECUTION_FAILED = 13, UNSUPPORTED = 15 };
const Codes codes{EXECUTION_FAILED, false}, of_memory{ALLOC_FAILED, false};

struct Handle {};
struct Layout {
    bool bf16;
    int64_t rows, columns, leading;
    bool by_rows = false;
    int batch = 1;
    int64_t batch_stride = 0;

    int64_t at(int64_t row, int64_t column) const { return by_rows ? row * leading + column : column * leading + row; }
    size_t bytes() const {
        int64_t last = at(rows - 1, columns - 1) + (batch - 1) * batch_stride;
        return rows == 0 || columns == 0 || batch == 0 ? 0 : size_t(last + 1) * (bf16 ? 2 : 4);
    }
    bool is_valid() const { return leading >= (by_rows ? columns : rows); }
};
struct Description {
    int transposed_a = 0, transposed_b = 0, epilogue = 1, pointer_mode = 0;
};
struct Preference {
    size_t workspace = 0;
};
// What a heuristic tells; the first 64 bytes are the algorithm.
struct Found {
    uint64_t algorithm[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};
const uint64_t ALGORITHM = 0x656d756c61746564;
const size_t WORKSPACE = 4096; // what the algorithm takes where it may

Table<Handle> &handles = *new Table<Handle>;
Table<Layout> &layouts = *new Table<Layout>;
Table<Description> &descriptions = *new Table<Description>;
Table<Preference> &preferences = *new Table<Preference>;

struct Product {
    Layout a, b, c, d;
    Description how;
    int64_t m() const { return d.rows; }
    int64_t n() const { return d.columns; }
    int64_t k() const { return how.transposed_a ? a.rows : a.columns; }
};

// 0, or why there is no such product.
int read(Product &product, void *how, void *a, void *b, void *c, void *d) {
    auto description = descriptions.find(how);
    auto left = layouts.find(a), right = layouts.find(b), add = layouts.find(c), to = layouts.find(d);
    if (!description || !left || !right || !add || !to) return INVALID;
    product = {*left, *right, *add, *to, *description};
    auto &p = product;
    bool shapes = (p.how.transposed_a ? p.a.columns : p.a.rows) == p.m() &&
                  (p.how.transposed_b ? p.b.rows : p.b.columns) == p.n() &&
                  (p.how.transposed_b ? p.b.columns : p.b.rows) == p.k() && p.c.rows == p.m() && p.c.columns == p.n();
    bool batches = p.a.batch == p.d.batch && p.b.batch == p.d.batch && p.c.batch == p.d.batch;
    bool valid = p.a.is_valid() && p.b.is_valid() && p.c.is_valid() && p.d.is_valid();
    if (!shapes || !batches || !valid) return INVALID;
    bool supported = p.how.epilogue == 1 && p.how.pointer_mode == 0 && p.a.bf16 == p.b.bf16 && p.c.bf16 == p.d.bf16;
    return supported ? OK : UNSUPPORTED;
}

void multiply(const Product &p, float alpha, float beta, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    int64_t m = p.m(), n = p.n(), k = p.k();
    std::vector<float> left(m * k), right(k * n);
    for (int batch = 0; batch < p.d.batch; ++batch) {
        for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < k; ++j) {
                int64_t at = p.how.transposed_a ? p.a.at(j, i) : p.a.at(i, j);
                left[i * k + j] = load(a, p.a.bf16, batch * p.a.batch_stride + at);
            }
        for (int64_t i = 0; i < k; ++i)
            for (int64_t j = 0; j < n; ++j) {
                int64_t at = p.how.transposed_b ? p.b.at(j, i) : p.b.at(i, j);
                right[i * n + j] = load(b, p.b.bf16, batch * p.b.batch_stride + at);
            }
        std::vector<float> row(n);
        for (int64_t i = 0; i < m; ++i) {
            std::fill(row.begin(), row.end(), 0.0f);
            for (int64_t l = 0; l < k; ++l)
                for (int64_t j = 0; j < n; ++j) row[j] += left[i * k + l] * right[l * n + j];
            for (int64_t j = 0; j < n; ++j) {
                float before = beta == 0 ? 0 : beta * load(c, p.c.bf16, batch * p.c.batch_stride + p.c.at(i, j));
                store(d, p.d.bf16, batch * p.d.batch_stride + p.d.at(i, j), alpha * row[j] + before);
            }
        }
    }
}

// Copies an attribute's value where its size is right.
template <class T> int take(T &to, const void *from, size_t bytes) {
    if (bytes != sizeof(T)) return INVALID;
    return std::memcpy(&to, from, bytes), OK;
}

template <class T> int destroy(const char *name, Table<T> &table, void *handle) {
    return call(name, codes, Needs::NOTHING, [&]() -> int { return table.remove(handle) ? OK : INVALID; });
}

} // namespace

size_t emulated::live_cublaslt_descriptors() {
    return handles.live.size() + layouts.live.size() + descriptions.live.size() + preferences.live.size();
}

EXPORTS_BEGIN
size_t cublasLtGetVersion() { return 130000; }

int cublasLtCreate(void **made) {
    return call("cublasLtCreate", of_memory, Needs::CONTEXT,
                [=] { return *made = handles.add(std::make_shared<Handle>()), int(OK); });
}
int cublasLtDestroy(void *handle) { return destroy("cublasLtDestroy", handles, handle); }

int cublasLtMatmulDescCreate(void **made, int compute, int scale) {
    return call("cublasLtMatmulDescCreate", of_memory, Needs::NOTHING, [=]() -> int {
        // CUBLAS_COMPUTE_32F and its kinds, with factors in f32.
        bool known = (compute == 68 || compute == 69 || compute == 77) && scale == 0;
        return known ? (*made = descriptions.add(std::make_shared<Description>()), OK) : UNSUPPORTED;
    });
}
int cublasLtMatmulDescDestroy(void *handle) { return destroy("cublasLtMatmulDescDestroy", descriptions, handle); }

int cublasLtMatmulDescSetAttribute(void *handle, int attribute, const void *from, size_t bytes) {
    return call("cublasLtMatmulDescSetAttribute", codes, Needs::NOTHING, [=]() -> int {
        auto description = descriptions.find(handle);
        if (!description) return INVALID;
        switch (attribute) {
        case 2: return take(description->pointer_mode, from, bytes);
        case 3: return take(description->transposed_a, from, bytes);
        case 4: return take(description->transposed_b, from, bytes);
        case 7: return take(description->epilogue, from, bytes);
        default: return UNSUPPORTED;
        }
    });
}

int cublasLtMatrixLayoutCreate(void **made, int dtype, uint64_t rows, uint64_t columns, int64_t leading) {
    return call("cublasLtMatrixLayoutCreate", of_memory, Needs::NOTHING, [=]() -> int {
        if (dtype != 0 && dtype != 14) return UNSUPPORTED;
        Layout layout{dtype == 14, int64_t(rows), int64_t(columns), leading};
        return *made = layouts.add(std::make_shared<Layout>(layout)), OK;
    });
}
int cublasLtMatrixLayoutDestroy(void *handle) { return destroy("cublasLtMatrixLayoutDestroy", layouts, handle); }

int cublasLtMatrixLayoutSetAttribute(void *handle, int attribute, const void *from, size_t bytes) {
    return call("cublasLtMatrixLayoutSetAttribute", codes, Needs::NOTHING, [=]() -> int {
        auto layout = layouts.find(handle);
        if (!layout) return INVALID;
        int order = 0;
        switch (attribute) {
        case 1:
            if (take(order, from, bytes) != OK) return INVALID;
            if (order != 0 && order != 1) return UNSUPPORTED;
            return layout->by_rows = order == 1, OK;
        case 2: return take(layout->rows, from, bytes);
        case 3: return take(layout->columns, from, bytes);
        case 4: return take(layout->leading, from, bytes);
        case 5: return take(layout->batch, from, bytes);
        case 6: return take(layout->batch_stride, from, bytes);
        default: return UNSUPPORTED;
        }
    });
}

int cublasLtMatmulPreferenceCreate(void **made) {
    return call("cublasLtMatmulPreferenceCreate", of_memory, Needs::NOTHING,
                [=] { return *made = preferences.add(std::make_shared<Preference>()), int(OK); });
}
int cublasLtMatmulPreferenceDestroy(void *handle) {
    return destroy("cublasLtMatmulPreferenceDestroy", preferences, handle);
}
int cublasLtMatmulPreferenceSetAttribute(void *handle, int attribute, const void *from, size_t bytes) {
    return call("cublasLtMatmulPreferenceSetAttribute", codes, Needs::NOTHING, [=]() -> int {
        auto preference = preferences.find(handle);
        if (!preference) return INVALID;
        return attribute == 1 ? take(preference->workspace, from, bytes) : OK;
    });
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, void *how, void *a, void *b, void *c, void *d, void *preference,
                                   int asked, void *results, int *told) {
    return call("cublasLtMatmulAlgoGetHeuristic", codes, Needs::NOTHING, [=]() -> int {
        auto wish = preferences.find(preference);
        Product product;
        *told = 0;
        if (!handles.find(handle) || !wish || asked < 1) return INVALID;
        if (int status = read(product, how, a, b, c, d)) return status;
        Found found{{ALGORITHM}, wish->workspace < WORKSPACE ? 0 : WORKSPACE, OK, 1, {0, 0, 0, 0}};
        found.algorithm[1] = found.workspace;
        return std::memcpy(results, &found, sizeof found), *told = 1, OK;
    });
}

int cublasLtMatmul(void *handle, void *how, const void *alpha, uint64_t a, void *a_layout, uint64_t b, void *b_layout,
                   const void *beta, uint64_t c, void *c_layout, uint64_t d, void *d_layout, const uint64_t *algorithm,
                   uint64_t workspace, size_t bytes, void *stream_handle) {
    return call("cublasLtMatmul", codes, Needs::CONTEXT, [=]() -> int {
        Product product;
        auto stream = stream_of(stream_handle);
        if (!handles.find(handle) || !stream) return INVALID;
        if (int status = read(product, how, a_layout, b_layout, c_layout, d_layout)) return status;
        size_t needed = 0;
        if (algorithm) {
            if (algorithm[0] != ALGORITHM) return INVALID;
            needed = algorithm[1];
        }
        if (bytes < needed || (needed > 0 && !memory::holds(workspace, needed))) return INVALID;
        float scale = *static_cast<const float *>(alpha), keep = *static_cast<const float *>(beta);
        auto op = [=] {
            auto &p = product;
            bool there = memory::holds(a, p.a.bytes()) && memory::holds(b, p.b.bytes()) &&
                         memory::holds(d, p.d.bytes()) && (keep == 0 || memory::holds(c, p.c.bytes())) &&
                         (needed == 0 || memory::holds(workspace, needed));
            if (!there) return complain("cublaslt_matmul: its matrices are not in device memory"), int(ILLEGAL_ADDRESS);
            std::fill_n(memory::at<unsigned char>(workspace), needed, 0xa5);
            multiply(p, scale, keep, a, b, c, d);
            return int(SUCCESS);
        };
        return enqueue(stream, {"cublaslt_matmul", true, op, {}}) == SUCCESS ? OK : EXECUTION_FAILED;
    });
}
EXPORTS_END
