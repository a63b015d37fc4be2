// The optimizers' steps: two launches for all parameters. The first looks at every gradient, reports what is not finite,
// and leaves behind what the second needs: the scalars of each segment, worked out in double from the learning rate and
// the counts on the device, and the means of rows. The second updates, unless something failed, and counts the step.
//
// A block takes a chunk: elements of one segment, whole rows where rows have a mean.

const u32 THREADS = 256, WARPS = THREADS / WARP_SIZE;

// A parameter that takes part. `means` is where the means of its rows begin; `row` is 1 without them.
struct Segment {
    float *parameter;
    const float *gradient;
    // Of its first element in the states.
    u64 offset;
    u64 len, row, means;
    double rate_scale, weight_decay;
    // In the whole table, of which absent and frozen ones are part.
    u64 index;
};

struct Chunk {
    // Of those that take part.
    u64 segment;
    u64 first, len;
};

// What an optimizer is set to; each reads what it knows.
struct Settings {
    double momentum, square_momentum, eps, alpha;
    u32 k, rectify, dampening, nesterov;
};

struct Scalars {
    float decay, momentum, gradient, square_momentum, square, factor, debias, eps, alpha;
    u32 adaptive, lookahead, nesterov;
};

struct Step {
    const float *rate;
    // One count a segment of the whole table, and last that of calls.
    int *steps;
    float *states[3];
    const Segment *segments;
    const Chunk *chunks;
    Scalars *scalars;
    float *means;
    u64 chunk_count, calls;
};

__device__ __forceinline__ int count_after(int count) { return count < 0x7fffffff ? count + 1 : count; }

// x^n for n >= 0.
__device__ inline double power(double x, int n) {
    double result = 1.0;
    for (; n > 0; n /= 2, x *= x)
        if (n % 2 == 1) result *= x;
    return result;
}

// ---- the optimizers: scalars once a segment, then elements ------------------------------------------------------------

// The values of one element; states beyond an optimizer's own are not touched.
struct Element {
    float p, g, states[3];
};

struct Sgd {
    static const u32 STATES = 1;

    static __device__ Scalars scalars(const Settings &s, double rate, double weight_decay, int, int) {
        Scalars k = {};
        k.momentum = (float)s.momentum, k.gradient = (float)(s.dampening ? 1.0 - s.momentum : 1.0);
        k.decay = (float)(1.0 - rate * weight_decay), k.factor = (float)-rate;
        k.nesterov = s.nesterov;
        return k;
    }

    static __device__ __forceinline__ void update(const Scalars &k, Element &e) {
        float b = fmaf(e.states[0], k.momentum, k.gradient * e.g);
        float direction = k.nesterov ? fmaf(b, k.momentum, e.g) : b;
        e.states[0] = b;
        e.p = fmaf(e.p, k.decay, k.factor * direction);
    }
};

// 0 where b is 0, as with eps 0 where every gradient so far was 0.
__device__ __forceinline__ float quotient(float a, float b) { return b == 0.0f ? 0.0f : a / b; }

// From a the share alpha of the way to b; at 0 and 1 it is one of them, whatever the other is.
__device__ __forceinline__ float towards(float a, float b, float alpha) {
    return alpha == 0.0f ? a : alpha == 1.0f ? b : fmaf(b - a, alpha, a);
}

struct Adamw {
    static const u32 STATES = 2;

    static __device__ Scalars scalars(const Settings &s, double rate, double weight_decay, int t, int) {
        Scalars k = {};
        k.decay = (float)(1.0 - rate * weight_decay), k.gradient = (float)(1.0 - s.momentum);
        k.square_momentum = (float)s.square_momentum, k.square = (float)(1.0 - s.square_momentum);
        k.factor = (float)(-rate / (1.0 - power(s.momentum, t)));
        k.debias = (float)sqrt(1.0 - power(s.square_momentum, t)), k.eps = (float)s.eps;
        return k;
    }

    static __device__ __forceinline__ void update(const Scalars &k, Element &e) {
        float a = fmaf(e.g - e.states[0], k.gradient, e.states[0]);
        float v = fmaf(e.states[1], k.square_momentum, k.square * e.g * e.g);
        e.states[0] = a, e.states[1] = v;
        e.p = fmaf(e.p, k.decay, quotient(k.factor * a, sqrtf(v) / k.debias + k.eps));
    }
};

// States: average, average of squares, slow weights.
struct Ranger {
    static const u32 STATES = 3;

    static __device__ Scalars scalars(const Settings &s, double rate, double weight_decay, int t, int calls) {
        double debias = 1.0 - power(s.momentum, t), left = power(s.square_momentum, t);
        double limit = 2.0 / (1.0 - s.square_momentum) - 1.0, r = limit - 2.0 * t * left / (1.0 - left);
        bool adaptive = !s.rectify || r > 5.0;
        double rectification =
            s.rectify && adaptive ? sqrt((r - 4.0) * (r - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * r)) : 1.0;
        Scalars k = {};
        k.decay = (float)(1.0 - rate * weight_decay);
        k.momentum = (float)s.momentum, k.gradient = (float)(1.0 - s.momentum);
        k.square_momentum = (float)s.square_momentum, k.square = (float)(1.0 - s.square_momentum);
        k.eps = (float)s.eps, k.factor = (float)(-rate * rectification / debias);
        k.adaptive = adaptive, k.debias = (float)(1.0 - left);
        k.lookahead = s.k > 0 && (u32)calls % s.k == 0, k.alpha = (float)s.alpha;
        return k;
    }

    static __device__ __forceinline__ void update(const Scalars &k, Element &e) {
        float a = fmaf(e.states[0], k.momentum, k.gradient * e.g);
        float v = fmaf(e.states[1], k.square_momentum, k.square * e.g * e.g);
        e.states[0] = a, e.states[1] = v;
        float step = k.factor * a;
        if (k.adaptive) step = quotient(step, sqrtf(v / k.debias) + k.eps);
        e.p = fmaf(e.p, k.decay, step);
        if (k.lookahead) e.p = e.states[2] = towards(e.states[2], e.p, k.alpha);
    }
};

// Whether a state is read and written: the slow weights only where it is their turn.
template <class Rule> __device__ __forceinline__ bool takes(const Scalars &k, u32 state) {
    return state < Rule::STATES && (state < 2 || k.lookahead);
}

// ---- the first launch ---------------------------------------------------------------------------------------------------

// The sum of `g` over the threads that stride through it, and whether anything is not finite.
struct Look {
    float sum = 0.0f;
    bool bad = false;

    __device__ __forceinline__ void at(float g) {
        sum += g;
        bad |= !is_finite(g);
    }

    __device__ __forceinline__ void over(const float *g, u64 len, u32 thread, u32 threads) {
        u64 from = 0;
        if (aligned16(g)) {
            const Pack<float> *packs = reinterpret_cast<const Pack<float> *>(g);
#pragma unroll 4
            for (u64 i = thread; i < len / 4; i += threads) {
                Pack<float> pack = packs[i];
                for (u32 j = 0; j < 4; ++j) at(pack.at[j]);
            }
            from = len / 4 * 4;
        }
        for (u64 i = from + thread; i < len; i += threads) at(g[i]);
    }
};

template <class Rule> __device__ void look(const Settings &settings, const Step &step, const Fault &fault) {
    __shared__ float room[WARP_SIZE];
    float rate = *step.rate;
    if (blockIdx.x == 0 && threadIdx.x == 0 && !is_finite(rate)) raise_fault(fault, 0, __float_as_uint(rate));
    if (blockIdx.x >= step.chunk_count) return;
    Chunk chunk = step.chunks[blockIdx.x];
    Segment segment = step.segments[chunk.segment];
    if (chunk.first == 0 && threadIdx.x == 0) {
        int t = count_after(step.steps[segment.index]), calls = count_after(step.steps[step.calls]);
        step.scalars[chunk.segment] =
            Rule::scalars(settings, rate * segment.rate_scale, segment.weight_decay, t, calls);
    }
    const float *g = segment.gradient + chunk.first;
    float *means = step.means + segment.means + chunk.first / segment.row;
    u64 rows = chunk.len / segment.row;
    bool bad = false;
    if (segment.row == 1) {
        Look seen;
        seen.over(g, chunk.len, threadIdx.x, THREADS);
        bad = seen.bad;
    } else if (rows >= WARPS) {
        u32 lane = threadIdx.x % WARP_SIZE;
        for (u64 row = threadIdx.x / WARP_SIZE; row < rows; row += WARPS) {
            Look seen;
            seen.over(g + row * segment.row, segment.row, lane, WARP_SIZE);
            float sum = warp_sum(seen.sum);
            if (lane == 0) means[row] = sum / (float)segment.row;
            bad |= seen.bad;
        }
    } else {
        for (u64 row = 0; row < rows; ++row) {
            Look seen;
            seen.over(g + row * segment.row, segment.row, threadIdx.x, THREADS);
            float sum = block_sum(seen.sum, room);
            if (threadIdx.x == 0) means[row] = sum / (float)segment.row;
            bad |= seen.bad;
        }
    }
    if (bad) raise_fault(fault, (u32)segment.index + 1, 0);
}

// ---- the second launch --------------------------------------------------------------------------------------------------

// Elements i to i + N of a chunk whose first is element `at` of the states.
template <class Rule, u32 N>
__device__ __forceinline__ void elements(const Scalars &k, const Step &step, const Segment &segment, const Chunk &chunk,
                                         const float *means, u32 i) {
    float p[N], g[N], states[3][N];
    u64 in_segment = chunk.first + i, at = segment.offset + in_segment;
    load<N>(segment.parameter + in_segment, p);
    load<N>(segment.gradient + in_segment, g);
    for (u32 s = 0; s < Rule::STATES; ++s)
        if (takes<Rule>(k, s)) load<N>(step.states[s] + at, states[s]);
    if (segment.row > 1) {
        u32 row = (u32)segment.row;
        bool same = row % N == 0;
        float mean = means[i / row];
#pragma unroll
        for (u32 n = 0; n < N; ++n) g[n] -= same ? mean : means[(i + n) / row];
    }
#pragma unroll
    for (u32 n = 0; n < N; ++n) {
        Element e = {p[n], g[n], {}};
        for (u32 s = 0; s < Rule::STATES; ++s)
            if (takes<Rule>(k, s)) e.states[s] = states[s][n];
        Rule::update(k, e);
        p[n] = e.p;
        for (u32 s = 0; s < Rule::STATES; ++s)
            if (takes<Rule>(k, s)) states[s][n] = e.states[s];
    }
    store<N>(segment.parameter + in_segment, p);
    for (u32 s = 0; s < Rule::STATES; ++s)
        if (takes<Rule>(k, s)) store<N>(step.states[s] + at, states[s]);
}

template <class Rule> __device__ void update(const Step &step, const Fault &fault) {
    if (has_failed(fault)) return;
    if (blockIdx.x == 0 && threadIdx.x == 0) step.steps[step.calls] = count_after(step.steps[step.calls]);
    if (blockIdx.x >= step.chunk_count) return;
    Chunk chunk = step.chunks[blockIdx.x];
    Segment segment = step.segments[chunk.segment];
    Scalars k = step.scalars[chunk.segment];
    if (chunk.first == 0 && threadIdx.x == 0) step.steps[segment.index] = count_after(step.steps[segment.index]);
    const float *means = step.means + segment.means + chunk.first / segment.row;
    bool aligned = aligned16(segment.parameter + chunk.first) && aligned16(segment.gradient + chunk.first);
    for (u32 s = 0; s < Rule::STATES; ++s)
        if (takes<Rule>(k, s)) aligned = aligned && aligned16(step.states[s] + segment.offset + chunk.first);
    u32 len = (u32)chunk.len, packed = aligned ? len / 4 * 4 : 0;
#pragma unroll 2
    for (u32 i = threadIdx.x * 4; i < packed; i += THREADS * 4) elements<Rule, 4>(k, step, segment, chunk, means, i);
    for (u32 i = packed + threadIdx.x; i < len; i += THREADS) elements<Rule, 1>(k, step, segment, chunk, means, i);
}

#define KERNELS(NAME, RULE)                                                                                          \
    extern "C" __global__ void __launch_bounds__(256) NAME##_look_f32(Settings settings, Step step, Fault fault) {   \
        look<RULE>(settings, step, fault);                                                                           \
    }                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256) NAME##_update_f32(Step step, Fault fault) {                    \
        update<RULE>(step, fault);                                                                                   \
    }

KERNELS(sgd, Sgd)
KERNELS(adamw, Adamw)
KERNELS(ranger, Ranger)
