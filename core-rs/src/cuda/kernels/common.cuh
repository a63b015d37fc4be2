// What every kernel file begins with. No CUDA header may be included: users' machines have none, and NVRTC needs none.
//
// Tensors are float or bf16; a kernel widens what it loads to float, computes and sums in float, and rounds once, where it
// stores. Element counts are 64-bit: a tensor may hold more than 2^32 values.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// The upper half of a float.
struct bf16 {
    u16 bits;
};

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

// Rounds to the nearest bf16, ties to even; NaN stays NaN.
__device__ __forceinline__ bf16 round_to_bf16(float x) {
    u32 bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return bf16{(u16)((bits >> 16) | 0x40u)};
    return bf16{(u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

template <class T> struct Rounded;
template <> struct Rounded<float> {
    static __device__ __forceinline__ float of(float x) { return x; }
};
template <> struct Rounded<bf16> {
    static __device__ __forceinline__ bf16 of(float x) { return round_to_bf16(x); }
};

// A float as T, for stores.
template <class T> __device__ __forceinline__ T narrow(float x) { return Rounded<T>::of(x); }

// 16 bytes that move in one access: 4 floats or 8 bf16.
template <class T> struct alignas(16) Pack {
    static const u32 SIZE = 16 / sizeof(T);
    T at[SIZE];
};

// Values of 8 bytes, for kernels whose code for 16 would be too long.
template <class T> struct Few {
    static const u32 SIZE = 8 / sizeof(T);
};

// 16 bytes that are only moved.
struct alignas(16) Wide {
    u64 at[2];
};

// N neighbouring values as floats. With N above 1 that is one access, and the address a multiple of its size.
template <u32 N, class T> struct alignas(N * sizeof(T)) Neighbours {
    T at[N];
};

template <u32 N, class T> __device__ __forceinline__ void load(const T *from, float (&to)[N]) {
    Neighbours<N, T> values = *reinterpret_cast<const Neighbours<N, T> *>(from);
#pragma unroll
    for (u32 i = 0; i < N; ++i) to[i] = widen(values.at[i]);
}

template <u32 N, class T> __device__ __forceinline__ void store(T *to, const float (&from)[N]) {
    Neighbours<N, T> values;
#pragma unroll
    for (u32 i = 0; i < N; ++i) values.at[i] = narrow<T>(from[i]);
    *reinterpret_cast<Neighbours<N, T> *>(to) = values;
}

__device__ __forceinline__ bool aligned16(const void *p) { return ((u64)p & 15) == 0; }

// This thread's first element and the distance to its next, in a grid of one axis.
__device__ __forceinline__ u64 first_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ u64 index_step() { return (u64)gridDim.x * blockDim.x; }

// ---- where elements lie ------------------------------------------------------------------------------------------------

// Division of numbers below 2^31 by a constant; src/cuda/axes.rs makes it.
struct Divisor {
    u32 by, multiplier, shift;
};

__device__ __forceinline__ u32 quotient(u32 n, const Divisor &divisor) {
    return ((u32)((u64)n * divisor.multiplier >> 32) + n) >> divisor.shift;
}

// Up to six axes, the last one first, that two tensors share, with the strides of each, 0 where it is broadcast.
struct Axes {
    u32 elements, rank;
    Divisor sizes[6];
    u64 strides[2][6];
};

struct Offsets {
    u64 of[2];
};

// Elements before the `index`th one, in each of the two.
__device__ __forceinline__ Offsets offsets_at(const Axes &axes, u32 index) {
    Offsets at = {{0, 0}};
    u32 last = axes.rank - 1;
    for (u32 axis = 0; axis < last; ++axis) {
        u32 rest = quotient(index, axes.sizes[axis]), here = index - rest * axes.sizes[axis].by;
        at.of[0] += here * axes.strides[0][axis];
        at.of[1] += here * axes.strides[1][axis];
        index = rest;
    }
    at.of[0] += index * axes.strides[0][last];
    at.of[1] += index * axes.strides[1][last];
    return at;
}

// ---- sums and maxima in a fixed order ---------------------------------------------------------------------------------

const u32 WARP_SIZE = 32, ALL_LANES = 0xffffffffu;

// NaN wins, as PyTorch has it.
__device__ __forceinline__ float larger(float a, float b) { return a > b || a != a ? a : b; }
__device__ __forceinline__ float smaller(float a, float b) { return a < b || a != a ? a : b; }

struct Plus {
    template <class T> static __device__ __forceinline__ T join(T a, T b) { return a + b; }
};

struct Larger {
    static __device__ __forceinline__ float join(float a, float b) { return larger(a, b); }
};

// What `Fold::join` makes of the values of a warp, in every lane. All 32 lanes have to call it.
template <class Fold, class T> __device__ __forceinline__ T warp_fold(T x) {
    for (u32 bits = WARP_SIZE / 2; bits > 0; bits /= 2) x = Fold::join(x, __shfl_xor_sync(ALL_LANES, x, bits));
    return x;
}

// The same over a block of up to 1,024 threads along x, in every thread; `room` is shared memory for 32 values. All threads
// of the block have to call it, in blocks of whole warps.
template <class Fold, class T> __device__ __forceinline__ T block_fold(T x, T *room) {
    x = warp_fold<Fold>(x);
    u32 warp = threadIdx.x / WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    __syncthreads();
    if (threadIdx.x % WARP_SIZE == 0) room[warp] = x;
    __syncthreads();
    T total = room[0];
    for (u32 i = 1; i < warps; ++i) total = Fold::join(total, room[i]);
    return total;
}

__device__ __forceinline__ float warp_sum(float x) { return warp_fold<Plus>(x); }
__device__ __forceinline__ float warp_max(float x) { return warp_fold<Larger>(x); }
__device__ __forceinline__ float block_sum(float x, float *room) { return block_fold<Plus>(x, room); }
__device__ __forceinline__ float block_max(float x, float *room) { return block_fold<Larger>(x, room); }

// Threads that share a row: a warp where rows are short, else the whole block. `room` is shared memory for 32 values.
template <bool BLOCK> struct Team {
    float *room;

    __device__ __forceinline__ u32 size() const { return BLOCK ? blockDim.x : WARP_SIZE; }
    __device__ __forceinline__ u32 thread() const { return BLOCK ? threadIdx.x : threadIdx.x % WARP_SIZE; }
    // The first row of this team and the distance to its next.
    __device__ __forceinline__ u64 first() const { return BLOCK ? blockIdx.x : first_index() / WARP_SIZE; }
    __device__ __forceinline__ u64 step() const { return BLOCK ? gridDim.x : index_step() / WARP_SIZE; }

    // Over the team, in each of its threads; all of them have to call it.
    __device__ __forceinline__ float sum(float x) const { return BLOCK ? block_sum(x, room) : warp_sum(x); }
    __device__ __forceinline__ float max(float x) const { return BLOCK ? block_max(x, room) : warp_max(x); }
};

// ---- activations, by their ABI codes ----------------------------------------------------------------------------------

const u32 NONE = 0, RELU = 1, MISH = 2, SILU = 3, GELU = 4, SIGMOID = 5, TANH = 6;

__device__ __forceinline__ float sigmoid_of(float x) {
    float e = expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// tanh(softplus(x)) = (w - 1) / (w + 1) with w = (1 + e^x)^2, written so that nothing cancels or overflows.
__device__ __forceinline__ float tanh_softplus(float x) {
    float e = expf(-fabsf(x));
    if (x < 0.0f) {
        float n = e * (e + 2.0f);
        return n / (n + 2.0f);
    }
    return (1.0f + 2.0f * e) / (1.0f + 2.0f * e + 2.0f * e * e);
}

__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(-0.70710678118654752f * x); }

// x times a share of it: no share is 0 of an infinite x too.
__device__ __forceinline__ float share_of(float x, float share) { return share == 0.0f ? 0.0f : x * share; }

__device__ __forceinline__ float activate(u32 code, float x) {
    switch (code) {
    case RELU: return x > 0.0f || x != x ? x : 0.0f;
    case MISH: return share_of(x, tanh_softplus(x));
    case SILU: return share_of(x, sigmoid_of(x));
    case GELU: return share_of(x, normal_cdf(x));
    case SIGMOID: return sigmoid_of(x);
    case TANH: return tanhf(x);
    default: return x;
    }
}

// The derivative at x.
__device__ __forceinline__ float activation_slope(u32 code, float x) {
    switch (code) {
    case RELU: return x <= 0.0f ? 0.0f : 1.0f;
    case MISH: {
        float t = tanh_softplus(x);
        return t + share_of(x, (1.0f - t * t) * sigmoid_of(x));
    }
    case SILU: {
        float s = sigmoid_of(x);
        return s + share_of(x, s * (1.0f - s));
    }
    case GELU: return normal_cdf(x) + share_of(x, expf(-0.5f * x * x) * 0.39894228040143268f);
    case SIGMOID: {
        float s = sigmoid_of(x);
        return s * (1.0f - s);
    }
    case TANH: {
        float t = tanhf(x);
        return 1.0f - t * t;
    }
    default: return 1.0f;
    }
}

// The gradient at x of an upstream one: what a ReLU stops is 0, were it infinite.
__device__ __forceinline__ float activation_back(u32 code, float x, float dy) {
    if (code == RELU) return x <= 0.0f ? 0.0f : dy;
    return activation_slope(code, x) * dy;
}

// One activation for all values, so that what is asked for each is asked once.
#define FOR_EACH_ACTIVATION(CASE) CASE(RELU) CASE(MISH) CASE(SILU) CASE(GELU) CASE(SIGMOID) CASE(TANH)

template <u32 N> __device__ __forceinline__ void activate_all(u32 code, float (&z)[N]) {
#define ACTIVATE(CODE)                                                                                               \
    case CODE:                                                                                                       \
        for (u32 n = 0; n < N; ++n) z[n] = activate(CODE, z[n]);                                                     \
        break;
    switch (code) { FOR_EACH_ACTIVATION(ACTIVATE) }
}

// Makes of each dy the gradient at z.
template <u32 N> __device__ __forceinline__ void times_slopes(u32 code, const float (&z)[N], float (&dy)[N]) {
#define TIMES_SLOPE(CODE)                                                                                            \
    case CODE:                                                                                                       \
        for (u32 n = 0; n < N; ++n) dy[n] = activation_back(CODE, z[n], dy[n]);                                      \
        break;
    switch (code) { FOR_EACH_ACTIVATION(TIMES_SLOPE) }
}

// ---- random numbers: Philox4x32-10, as src/random.rs has it --------------------------------------------------------------

struct Random4 {
    u32 at[4];
};

__device__ inline Random4 philox(u32 key0, u32 key1, u32 c0, u32 c1, u32 c2, u32 c3) {
    for (int round = 0; round < 10; ++round) {
        u64 first = (u64)0xD2511F53u * c0, second = (u64)0xCD9E8D57u * c2;
        u32 n0 = (u32)(second >> 32) ^ c1 ^ key0, n2 = (u32)(first >> 32) ^ c3 ^ key1;
        c0 = n0, c1 = (u32)second, c2 = n2, c3 = (u32)first;
        key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    return Random4{{c0, c1, c2, c3}};
}

// The upper 24 bits as a number in 0..1.
__device__ __forceinline__ float unit(u32 x) { return (float)(x >> 8) * (1.0f / 16777216.0f); }

// ---- faults: what a kernel found wrong, for the host to tell --------------------------------------------------------------

// Device memory; src/cuda/fault.rs has its twin. `claim` is 0, or says which command's which op failed first; `detail` is
// the smallest (where << 32 | what) that its threads reported. `ticket` is that of the replay under way.
struct FaultWord {
    u64 claim, detail, ticket;
};

// What a kernel is given. `ticket` 0: that of the replay under way.
struct Fault {
    FaultWord *word;
    u64 ticket;
    u32 op, unused;
};

__device__ inline void raise_fault(const Fault &fault, u32 where, u32 what) {
    u64 ticket = fault.ticket ? fault.ticket : fault.word->ticket;
    u64 mine = ticket << 16 | fault.op;
    u64 before = atomicCAS(&fault.word->claim, 0ull, mine);
    if (before == 0 || before == mine) atomicMin(&fault.word->detail, (u64)where << 32 | what);
}

// Whether an earlier op failed: whoever writes in place must then leave everything as it is.
__device__ __forceinline__ bool has_failed(const Fault &fault) {
    return *(volatile const u64 *)&fault.word->claim != 0;
}

__device__ __forceinline__ bool is_finite(float x) { return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u; }
