// Handles and descriptors of cuDNN and cuBLASLt.
#pragma once
#include "queue.h"

namespace emulated {

// A tensor or a filter: sizes and strides of n (or k), c, h, w.
struct Tensor {
    bool bf16 = false;
    int64_t size[4] = {0, 0, 0, 0}, stride[4] = {0, 0, 0, 0};
    int64_t count() const { return size[0] * size[1] * size[2] * size[3]; }
    // From the first value to the last.
    size_t bytes() const;
};

struct Convolution {
    int pad[2], stride[2], dilation[2];
    bool flipped; // a convolution, not a cross-correlation
    int groups = 1;
};

// What a convolution is given, whatever it computes; `x`, `w`, `y` in the order of the forward.
struct Problem {
    Tensor x, w, y;
    Convolution how;
    bool is_valid() const;
};

enum class Pass { FORWARD, DATA, FILTER };

// Computes `to` = alpha · result + beta · `to` in float, from the two others.
void convolve(Pass pass, const Problem &problem, float alpha, float beta, uint64_t x, uint64_t w, uint64_t y);

size_t live_descriptors();
size_t live_cublaslt_descriptors();

} // namespace emulated
