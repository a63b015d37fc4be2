// Batches of cut, resized, mirrored and erased images; mod.rs has the definition, src/image/resize.rs the resize. One
// kernel draws what happens to each image, the next makes the pixels. Both compute in the CPU's arithmetic: f64 without
// fused multiply-add, integers for the resize; only the noise is f32.

struct Rect {
    u32 top, left, height, width;
};

const u32 MOST_BOXES = 16, ATTEMPTS = 10, CHOICES = 2, NOISE = 3, MOST_SIDE = 65535;
const u32 CENTRE = 0, RANDOM = 1;

// What happens to one image.
struct Plan {
    // Its pixels' first byte; its number, for the noise; pixels in a row of it.
    u64 offset;
    u32 number, row;
    // Of the image.
    Rect window;
    u32 mirrored, valid;
    // Of the result, `boxes` of them.
    Rect erased[MOST_BOXES];
    u32 boxes, unused;
};

struct Sizes {
    u64 pixel_bytes;
    double min_scale;
    // Logarithms of the smallest ratio and aspect, and how far it is to those of the largest.
    double ratios[2], aspects[2];
    u32 images, n, size, mode;
    u32 key0, key1;
    // Shares of 2^24.
    u32 flip, erase;
    u32 most_boxes, unused;
};

// One of 0..n.
__device__ u32 below(u32 u, u32 n) { return (u32)((u64)u * n >> 32); }

// The upper 24 bits as a number in 0..1, exact.
__device__ double share_of(u32 u) { return (double)(u >> 8) / 16777216.0; }

__device__ double log_uniform(u32 u, const double (&ends)[2]) {
    return exp(__dadd_rn(ends[0], __dmul_rn(ends[1], share_of(u))));
}

__device__ Rect resized_window(const Sizes &s, u32 number, u32 h, u32 w) {
    double whole = (double)((u64)w * h);
    for (u32 attempt = 1; attempt <= ATTEMPTS; ++attempt) {
        Random4 u = philox(s.key0, s.key1, number, attempt, CHOICES, 0);
        double share = __dadd_rn(s.min_scale, __dmul_rn(1.0 - s.min_scale, share_of(u.at[0])));
        double area = __dmul_rn(share, whole), ratio = log_uniform(u.at[1], s.ratios);
        u32 width = max((u32)rint(sqrt(__dmul_rn(area, ratio))), 1u), height = max((u32)rint(sqrt(area / ratio)), 1u);
        if (width <= w && height <= h)
            return {below(u.at[3], h - height + 1), below(u.at[2], w - width + 1), height, width};
    }
    double ratio = (double)w / (double)h, smallest = 3.0 / 4.0, largest = 4.0 / 3.0;
    u32 width = w, height = h;
    if (ratio < smallest) height = (u32)((double)w / smallest);
    else if (ratio > largest) width = (u32)__dmul_rn((double)h, largest);
    return {(h - height) / 2, (w - width) / 2, height, width};
}

// Where a box lies along an axis, from its exact length.
__device__ void span(u32 size, double exact, u32 u, u32 &start, u32 &length) {
    length = (u32)rint(sqrt(exact));
    start = below(u, (length < size ? size - length : 0) + 1);
    length = min(length, size - start);
}

__device__ Rect erased_box(const Sizes &s, u32 number, u32 b, u32 boxes) {
    Random4 u = philox(s.key0, s.key1, number, 16 + b, CHOICES, 0);
    double area = __dmul_rn(__dmul_rn(0.3, share_of(u.at[0])), (double)((u64)s.size * s.size)) / (double)boxes;
    double aspect = log_uniform(u.at[1], s.aspects);
    Rect box;
    span(s.size, __dmul_rn(area, aspect), u.at[2], box.top, box.height);
    span(s.size, area / aspect, u.at[3], box.left, box.width);
    return box;
}

// A thread an image. `outside` tells of a number that is no row of the table, `apart` of a row that points elsewhere.
extern "C" __global__ void crop_batch_plan(const int *table, const int *index, Plan *plans, Sizes s, Fault outside,
                                           Fault apart) {
    for (u64 i = first_index(); i < s.n; i += index_step()) {
        Plan plan = {};
        // A negative number is a huge one.
        u32 number = (u32)index[i];
        if (number >= s.images) {
            raise_fault(outside, (u32)i, number);
            plans[i] = plan;
            continue;
        }
        const u32 *place = (const u32 *)table + (u64)number * 4;
        u64 offset = (u64)place[0] << 32 | place[1];
        u32 h = place[2], w = place[3];
        // A side that is too large is neither multiplied nor told in full.
        bool sides = h >= 1 && h <= MOST_SIDE && w >= 1 && w <= MOST_SIDE;
        if (!sides || offset > s.pixel_bytes || (u64)h * w * 3 > s.pixel_bytes - offset) {
            raise_fault(apart, number, min(h, 0xffffu) << 16 | min(w, 0xffffu));
            plans[i] = plan;
            continue;
        }
        Random4 u = philox(s.key0, s.key1, number, 0, CHOICES, 0);
        u32 m = min(h, w);
        plan.offset = offset, plan.number = number, plan.row = w, plan.valid = 1;
        if (s.mode == CENTRE) plan.window = {(h - m) / 2, (w - m) / 2, m, m};
        else if (s.mode == RANDOM) plan.window = {below(u.at[0], h - m + 1), h > w ? 0 : below(u.at[0], w - m + 1), m, m};
        else plan.window = resized_window(s, number, h, w);
        plan.mirrored = u.at[1] >> 8 < s.flip;
        plan.boxes = u.at[2] >> 8 < s.erase ? 1 + below(u.at[3], s.most_boxes) : 0;
        for (u32 b = 0; b < plan.boxes; ++b) plan.erased[b] = erased_box(s, number, b, plan.boxes);
        plans[i] = plan;
    }
}

const u32 FRACTION = 22;
const int HALF = 1 << (FRACTION - 1);

// The weights that are kept; those of a reduction by more than about ten are computed when they are needed.
const u32 KEPT = 24;

// How one output sample is made of input samples along an axis.
struct Sample {
    double center, inverse, sum;
    u32 first, count;
    int weights[KEPT];
};

// The weight of the i-th input sample, exact.
__device__ double triangle(const Sample &sample, u32 i) {
    double distance = __dmul_rn((double)i + (double)sample.first - sample.center + 0.5, sample.inverse);
    return max(1.0 - fabs(distance), 0.0);
}

// The same in 22-bit fixed point.
__device__ int fixed(const Sample &sample, u32 i) {
    return (int)__dadd_rn(__dmul_rn(triangle(sample, i) / sample.sum, (double)(1 << FRACTION)), 0.5);
}

__device__ int weight(const Sample &sample, u32 i) { return i < KEPT ? sample.weights[i] : fixed(sample, i); }

// PIL's `precompute_coeffs` for output sample `at`.
__device__ void prepare(Sample &sample, u32 input, u32 output, u32 at) {
    double scale = (double)input / (double)output, support = max(scale, 1.0);
    sample.center = __dmul_rn((double)at + 0.5, scale);
    sample.inverse = 1.0 / support;
    sample.first = (u32)max(sample.center - support + 0.5, 0.0);
    sample.count = min((u32)(sample.center + support + 0.5), input) - sample.first;
    sample.sum = 0.0;
    for (u32 i = 0; i < sample.count; ++i) sample.sum += triangle(sample, i);
    for (u32 i = 0; i < min(sample.count, KEPT); ++i) sample.weights[i] = fixed(sample, i);
}

__device__ int cut_off(int sum) { return min(max(sum >> FRACTION, 0), 255); }

// A pixel by two passes, both rounded to 8 bits: along `inner`, then along `outer`; steps in bytes.
__device__ void resampled(const u8 *window, const Sample &outer, u64 outer_step, const Sample &inner, u64 inner_step,
                          int (&value)[3]) {
    int sum[3] = {HALF, HALF, HALF};
    for (u32 i = 0; i < outer.count; ++i) {
        int line[3] = {HALF, HALF, HALF};
        const u8 *from = window + (outer.first + i) * outer_step + inner.first * inner_step;
        for (u32 j = 0; j < inner.count; ++j) {
            int share = weight(inner, j);
            for (u32 k = 0; k < 3; ++k) line[k] += from[j * inner_step + k] * share;
        }
        int share = weight(outer, i);
        for (u32 k = 0; k < 3; ++k) sum[k] += cut_off(line[k]) * share;
    }
    for (u32 k = 0; k < 3; ++k) value[k] = cut_off(sum[k]);
}

// Element `element` of a box of noise, by Box and Muller.
__device__ float noise(const Sizes &s, const Plan &plan, u32 box, u32 element) {
    Random4 u = philox(s.key0, s.key1, plan.number, element / 4, NOISE, box);
    u32 pair = element % 4 / 2 * 2;
    // In (0, 1], so that the logarithm is finite.
    float radius = sqrtf(-2.0f * logf((float)((u.at[pair] >> 8) + 1) * (1.0f / 16777216.0f)));
    float angle = 2.0f * unit(u.at[pair + 1]);
    return radius * (element % 2 ? sinpif(angle) : cospif(angle));
}

const u32 ACROSS = 32, DOWN = 8;

// A block makes DOWN rows of ACROSS pixels of one image after the other, a thread a pixel.
extern "C" __global__ void __launch_bounds__(256) crop_batch(const u8 *pixels, const Plan *plans, float *y, Sizes s) {
    __shared__ Sample columns[ACROSS];
    __shared__ Sample rows[DOWN];
    u32 column = blockIdx.x * ACROSS + threadIdx.x, row = blockIdx.y * DOWN + threadIdx.y;
    u32 thread = threadIdx.y * ACROSS + threadIdx.x;
    for (u32 image = blockIdx.z; image < s.n; image += gridDim.z) {
        const Plan &plan = plans[image];
        if (!plan.valid) continue;
        Rect window = plan.window;
        bool resize = window.height != s.size || window.width != s.size;
        if (resize) {
            __syncthreads();
            u32 at = thread < ACROSS ? blockIdx.x * ACROSS + thread : blockIdx.y * DOWN + thread - ACROSS;
            if (thread < ACROSS + DOWN && at < s.size) {
                bool across = thread < ACROSS;
                u32 sample = across && plan.mirrored ? s.size - 1 - at : at;
                prepare(across ? columns[thread] : rows[thread - ACROSS], across ? window.width : window.height, s.size, sample);
            }
            __syncthreads();
        }
        if (row >= s.size || column >= s.size) continue;
        u64 step = (u64)plan.row * 3;
        const u8 *from = pixels + plan.offset + window.top * step + window.left * 3;
        int value[3];
        if (!resize) {
            from += row * step + (plan.mirrored ? s.size - 1 - column : column) * 3;
            for (u32 k = 0; k < 3; ++k) value[k] = from[k];
        } else {
            const Sample &across = columns[threadIdx.x], &down = rows[threadIdx.y];
            // Pillow 13 goes down first where that shortens the image by far the most.
            u32 narrower = window.width > s.size ? window.width - s.size : 0;
            bool down_first = window.height > s.size && window.height - s.size > 2 * narrower;
            if (down_first) resampled(from, across, 3, down, step, value);
            else resampled(from, down, step, across, 3, value);
        }
        float result[3];
        for (u32 k = 0; k < 3; ++k) result[k] = (float)value[k] / 255.0f;
        // The last box covers the others.
        for (u32 b = plan.boxes; b-- > 0;) {
            Rect box = plan.erased[b];
            if (row - box.top >= box.height || column - box.left >= box.width) continue;
            u32 element = ((row - box.top) * box.width + column - box.left) * 3;
            for (u32 k = 0; k < 3; ++k) result[k] = noise(s, plan, b, element + k);
            break;
        }
        float *to = y + (((u64)image * s.size + row) * s.size + column) * 3;
        for (u32 k = 0; k < 3; ++k) to[k] = result[k];
    }
}
