// Convolution and its gradients by their definition, in float, one value after the other.
#include "cudnn.h"
#include "numbers.h"

namespace emulated {

namespace {

// A tensor's values, packed with its axes in the order n, h, w, c.
std::vector<float> packed(const Tensor &t, uint64_t from) {
    std::vector<float> values(t.count());
    size_t at = 0;
    for (int64_t n = 0; n < t.size[0]; ++n)
        for (int64_t h = 0; h < t.size[2]; ++h)
            for (int64_t w = 0; w < t.size[3]; ++w)
                for (int64_t c = 0; c < t.size[1]; ++c, ++at)
                    values[at] = load(from, t.bf16, n * t.stride[0] + c * t.stride[1] + h * t.stride[2] + w * t.stride[3]);
    return values;
}

void write(const Tensor &t, uint64_t to, const std::vector<float> &values, float alpha, float beta) {
    size_t at = 0;
    for (int64_t n = 0; n < t.size[0]; ++n)
        for (int64_t h = 0; h < t.size[2]; ++h)
            for (int64_t w = 0; w < t.size[3]; ++w)
                for (int64_t c = 0; c < t.size[1]; ++c, ++at) {
                    int64_t place = n * t.stride[0] + c * t.stride[1] + h * t.stride[2] + w * t.stride[3];
                    float before = beta == 0 ? 0 : beta * load(to, t.bf16, place);
                    store(to, t.bf16, place, alpha * values[at] + before);
                }
}

} // namespace

size_t Tensor::bytes() const {
    int64_t last = 0;
    for (int axis = 0; axis < 4; ++axis) last += (size[axis] - 1) * stride[axis];
    return count() == 0 ? 0 : size_t(last + 1) * (bf16 ? 2 : 4);
}

bool Problem::is_valid() const {
    bool fits = how.groups > 0 && x.size[0] == y.size[0] && w.size[0] == y.size[1] &&
                x.size[1] == w.size[1] * how.groups && w.size[0] % how.groups == 0 && x.bf16 == w.bf16 &&
                x.bf16 == y.bf16;
    for (int axis = 0; axis < 2 && fits; ++axis) {
        int64_t reach = (w.size[2 + axis] - 1) * how.dilation[axis] + 1;
        fits = y.size[2 + axis] == (x.size[2 + axis] + 2 * how.pad[axis] - reach) / how.stride[axis] + 1;
    }
    return fits;
}

void convolve(Pass pass, const Problem &p, float alpha, float beta, uint64_t x, uint64_t w, uint64_t y) {
    int64_t H = p.x.size[2], W = p.x.size[3], C = p.x.size[1], K = p.w.size[0], R = p.w.size[2], S = p.w.size[3];
    int64_t P = p.y.size[2], Q = p.y.size[3], group_in = p.w.size[1], group_out = K / p.how.groups;
    auto values = [](bool made, const Tensor &t, uint64_t from) {
        return made ? std::vector<float>(t.count(), 0.0f) : packed(t, from);
    };
    auto image = values(pass == Pass::DATA, p.x, x);
    auto filter = values(pass == Pass::FILTER, p.w, w);
    auto result = values(pass == Pass::FORWARD, p.y, y);
    for (int64_t n = 0; n < p.x.size[0]; ++n)
        for (int64_t oh = 0; oh < P; ++oh)
            for (int64_t ow = 0; ow < Q; ++ow)
                for (int64_t k = 0; k < K; ++k) {
                    float *out = &result[((n * P + oh) * Q + ow) * K + k];
                    for (int64_t r = 0; r < R; ++r) {
                        int64_t ih = oh * p.how.stride[0] - p.how.pad[0] + r * p.how.dilation[0];
                        if (ih < 0 || ih >= H) continue;
                        for (int64_t s = 0; s < S; ++s) {
                            int64_t iw = ow * p.how.stride[1] - p.how.pad[1] + s * p.how.dilation[1];
                            if (iw < 0 || iw >= W) continue;
                            int64_t fr = p.how.flipped ? R - 1 - r : r, fs = p.how.flipped ? S - 1 - s : s;
                            float *in = &image[((n * H + ih) * W + iw) * C + k / group_out * group_in];
                            float *by = &filter[((k * R + fr) * S + fs) * group_in];
                            float sum = 0, slope = *out;
                            switch (pass) {
                            case Pass::FORWARD:
                                for (int64_t c = 0; c < group_in; ++c) sum += in[c] * by[c];
                                *out += sum;
                                break;
                            case Pass::DATA:
                                for (int64_t c = 0; c < group_in; ++c) in[c] += slope * by[c];
                                break;
                            case Pass::FILTER:
                                for (int64_t c = 0; c < group_in; ++c) by[c] += slope * in[c];
                                break;
                            }
                        }
                    }
                }
    if (pass == Pass::FORWARD) write(p.y, y, result, alpha, beta);
    if (pass == Pass::DATA) write(p.x, x, image, alpha, beta);
    if (pass == Pass::FILTER) write(p.w, w, filter, alpha, beta);
}

} // namespace emulated
