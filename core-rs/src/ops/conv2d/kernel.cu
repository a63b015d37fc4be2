// Convolution and its gradients, NHWC; mod.rs has the formula.

struct Sizes {
    u32 n, h, w, c, out, kh, kw, stride_h, stride_w, pad_h, pad_w, groups, oh, ow;
};

// Takes the last coordinate off an index: returns it, and leaves the rest.
__device__ __forceinline__ u32 take(u64 &index, u32 size) {
    u64 rest = index / size;
    u32 last = (u32)(index - rest * size);
    index = rest;
    return last;
}

// ---- the plain kernels: any shape, any place in memory ------------------------------------------------------------------

template <class T> __device__ void direct_forward(const T *image, const T *weight, T *result, const Sizes &s) {
    u32 group_c = s.c / s.groups, group_out = s.out / s.groups;
    u64 count = (u64)s.n * s.oh * s.ow * s.out;
    for (u64 i = first_index(); i < count; i += index_step()) {
        u64 rest = i;
        u32 o = take(rest, s.out), ox = take(rest, s.ow), oy = take(rest, s.oh);
        const T *pixels = image + rest * s.h * s.w * s.c + o / group_out * group_c;
        const T *filter = weight + (u64)o * s.kh * s.kw * group_c;
        float sum = 0.0f;
        for (u32 ky = 0; ky < s.kh; ++ky) {
            u32 y = oy * s.stride_h + ky - s.pad_h; // above the image it wraps round, and is too large
            if (y >= s.h) continue;
            for (u32 kx = 0; kx < s.kw; ++kx) {
                u32 x = ox * s.stride_w + kx - s.pad_w;
                if (x >= s.w) continue;
                const T *pixel = pixels + ((u64)y * s.w + x) * s.c, *tap = filter + ((u64)ky * s.kw + kx) * group_c;
                for (u32 c = 0; c < group_c; ++c) sum += widen(pixel[c]) * widen(tap[c]);
            }
        }
        result[i] = narrow<T>(sum);
    }
}

// A gather, so that the sum has one order.
template <class T> __device__ void direct_input(const T *d_result, const T *weight, T *d_image, const Sizes &s) {
    u32 group_c = s.c / s.groups, group_out = s.out / s.groups;
    u64 count = (u64)s.n * s.h * s.w * s.c, filter = (u64)s.kh * s.kw * group_c;
    for (u64 i = first_index(); i < count; i += index_step()) {
        u64 rest = i;
        u32 c = take(rest, s.c), x = take(rest, s.w), y = take(rest, s.h), first = c / group_c * group_out;
        float sum = 0.0f;
        for (u32 ky = 0; ky < s.kh; ++ky) {
            u32 above = y + s.pad_h - ky, oy = above / s.stride_h;
            if (y + s.pad_h < ky || above % s.stride_h != 0 || oy >= s.oh) continue;
            for (u32 kx = 0; kx < s.kw; ++kx) {
                u32 before = x + s.pad_w - kx, ox = before / s.stride_w;
                if (x + s.pad_w < kx || before % s.stride_w != 0 || ox >= s.ow) continue;
                const T *pixel = d_result + ((rest * s.oh + oy) * s.ow + ox) * s.out + first;
                const T *tap = weight + first * filter + ((u64)ky * s.kw + kx) * group_c + c % group_c;
                for (u32 o = 0; o < group_out; ++o) sum += widen(pixel[o]) * widen(tap[o * filter]);
            }
        }
        d_image[i] = narrow<T>(sum);
    }
}

// A warp for each value, whose lanes take pixels in turn and are summed in a fixed order.
template <class T> __device__ void direct_weight(const T *image, const T *d_result, T *d_weight, const Sizes &s) {
    u32 group_c = s.c / s.groups, group_out = s.out / s.groups, lane = threadIdx.x % WARP_SIZE;
    u64 i = first_index() / WARP_SIZE, rest = i, pixels = (u64)s.n * s.oh * s.ow;
    if (i >= (u64)s.out * s.kh * s.kw * group_c) return;
    u32 c = take(rest, group_c), kx = take(rest, s.kw), ky = take(rest, s.kh), o = (u32)rest;
    float sum = 0.0f;
    for (u64 pixel = lane; pixel < pixels; pixel += WARP_SIZE) {
        u64 image_of = pixel;
        u32 ox = take(image_of, s.ow), oy = take(image_of, s.oh);
        u32 y = oy * s.stride_h + ky - s.pad_h, x = ox * s.stride_w + kx - s.pad_w;
        if (y >= s.h || x >= s.w) continue;
        const T *from = image + ((image_of * s.h + y) * s.w + x) * s.c + o / group_out * group_c + c;
        sum += widen(*from) * widen(d_result[pixel * s.out + o]);
    }
    sum = warp_sum(sum);
    if (lane == 0) d_weight[i] = narrow<T>(sum);
}

#define DIRECT(T, DTYPE)                                                                                             \
    extern "C" __global__ void conv2d_direct_forward_##DTYPE(const T *image, const T *weight, T *result, Sizes s) { \
        direct_forward(image, weight, result, s);                                                                   \
    }                                                                                                               \
    extern "C" __global__ void conv2d_direct_input_##DTYPE(const T *d_result, const T *weight, T *d_image,          \
                                                           Sizes s) {                                               \
        direct_input(d_result, weight, d_image, s);                                                                 \
    }                                                                                                               \
    extern "C" __global__ void conv2d_direct_weight_##DTYPE(const T *image, const T *d_result, T *d_weight,         \
                                                            Sizes s) {                                              \
        direct_weight(image, d_result, d_weight, s);                                                                \
    }

DIRECT(float, f32)
DIRECT(bf16, bf16)
