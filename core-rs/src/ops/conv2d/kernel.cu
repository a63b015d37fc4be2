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

// ---- the plain kernels: any shape, any place in memory --------------------------------------------------------------

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

// ---- 3x3 windows and groups of 4 to 32 channels, padding 1, bf16: on the tensor cores -------------------------------
//
// A group is too narrow for a 16 x 8 x 16 product. So groups are merged to tiles of CT = 16 channels (32 for groups of
// 32), whose weights are a matrix with the groups along its diagonal and zeros beside them. A block has one such tile
// of channels, keeps its weights in registers, and goes through tiles of PIXELS pixels, which it stages in shared
// memory with a border of one pixel. Values outside the image are zeros there.

const u32 WARPS = 4, PIXELS = 128, ROWS = 16; // pixels of one product

// d += A B for a warp: A is 16 x 16 by rows, B 16 x 8 by columns, in the layout of PTX's mma.m16n8k16.
__device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#ifdef LIBTRAIN_SHIM
    shim::mma_m16n8k16_bf16(d, a, b0, b1);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Four 8 x 8 matrices from shared memory: lane 8 i + r has the address of row r of matrix i, 16-byte aligned. A lane
// gets two neighbours of a row of each or, transposed, of a column.
template <bool TRANSPOSED> __device__ __forceinline__ void load_matrices(u32 (&to)[4], const bf16 *row) {
#ifdef LIBTRAIN_SHIM
    shim::load_matrices(to, row, TRANSPOSED);
#else
    u32 address;
    asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(address) : "l"(row));
    if (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
#endif
}

// How pixels are cut into tiles: 2^columns x 2^rows of 2^images images, PIXELS in all; how many tiles there are along
// each, and from one image to the next.
struct Tiling {
    u32 columns, rows, images, across, down, tiles;
};

// Where a tile begins.
struct Origin {
    u32 image, y, x;
};

__device__ __forceinline__ Origin origin(const Tiling &t, u32 tile) {
    u32 of_image = t.across * t.down, rest = tile % of_image;
    return {(tile / of_image) << t.images, (rest / t.across) << t.rows, (rest % t.across) << t.columns};
}

// Pixel `i` of a tile: its image, row and column there.
__device__ __forceinline__ Origin pixel_of(const Tiling &t, u32 i) {
    return {i >> (t.columns + t.rows), (i >> t.columns) & ((1u << t.rows) - 1), i & ((1u << t.columns) - 1)};
}

// bf16 from one staged pixel to the next: 16 bytes more than the channels, so that rows of a matrix lie in other banks.
template <u32 CT> struct Staged {
    static const u32 STRIDE = CT + 8;
};

// Stages `rows` x `columns` pixels of each of a tile's images from (y, x) on, which may lie outside: CT channels each.
template <u32 CT>
__device__ void stage(bf16 *to, const bf16 *from, const Tiling &t, u32 n, u32 h, u32 w, u32 c, u32 image, int y, int x,
                      u32 rows, u32 columns) {
    const u32 PACKS = CT / 8;
    u32 count = (rows * columns << t.images) * PACKS;
    for (u32 i = threadIdx.x; i < count; i += WARPS * WARP_SIZE) {
        u32 pixel = i / PACKS, pack = i % PACKS, row = pixel / columns;
        u32 column = pixel - row * columns, in_tile = row / rows;
        u32 of = image + in_tile, at_y = (u32)(y + (int)(row - in_tile * rows)), at_x = (u32)(x + (int)column);
        Pack<bf16> value = {};
        if (of < n && at_y < h && at_x < w)
            value = *(const Pack<bf16> *)(from + (((u64)of * h + at_y) * w + at_x) * c + pack * 8);
        *(Pack<bf16> *)(to + pixel * Staged<CT>::STRIDE + pack * 8) = value;
    }
}

// Two neighbours, which move in one access.
struct alignas(4) Two {
    bf16 at[2];
};

__device__ __forceinline__ u32 bits_of(Two two) { return two.at[0].bits | (u32)two.at[1].bits << 16; }

// Two neighbours along k of a weight matrix: of a tap, for channels `k`, `k + 1` of the tile (read) and `n` (written).
// The forward reads image channels, its gradient result channels.
template <bool GRADIENT>
__device__ __forceinline__ u32 weights_at(const bf16 *weight, u32 group, u32 first, u32 tap, u32 k, u32 n) {
    if (k / group != n / group) return 0;
    if (!GRADIENT) return bits_of(*(const Two *)(weight + ((u64)(first + n) * 9 + tap) * group + k % group));
    const bf16 *at = weight + ((u64)(first + k) * 9 + tap) * group + n % group;
    return bits_of(Two{{at[0], at[9 * group]}});
}

// Writes a product's values of one pixel and 16 channels: this lane has two neighbours in each half.
__device__ __forceinline__ void store(bf16 *pixel, const float (&sums)[2][4], u32 half, u32 lane) {
#pragma unroll
    for (u32 part = 0; part < 2; ++part) {
        Two two = {{round_to_bf16(sums[part][2 * half]), round_to_bf16(sums[part][2 * half + 1])}};
        *(Two *)(pixel + part * 8 + lane % 4 * 2) = two;
    }
}

// Which 16 of a tile's channels a warp writes, and which products of 16 pixels.
template <u32 CT> struct Share {
    static const u32 HALVES = CT / 16, STEP = WARPS / HALVES;
    u32 lane = threadIdx.x % WARP_SIZE, warp = threadIdx.x / WARP_SIZE;
    u32 channel = warp % HALVES * 16, first = warp / HALVES;
    // The row and the half of the 16 columns that this lane gives the address of.
    u32 row = lane % 16, column = lane / 16 * 8;
};

template <u32 CT, bool GRADIENT>
__device__ __forceinline__ void load_weights(u32 (&b)[9][CT / 16][2][2], const bf16 *weight, u32 group, u32 first,
                                             const Share<CT> &share) {
#pragma unroll
    for (u32 tap = 0; tap < 9; ++tap)
#pragma unroll
        for (u32 step = 0; step < CT / 16; ++step)
#pragma unroll
            for (u32 part = 0; part < 4; ++part) {
                u32 k = step * 16 + part % 2 * 8 + share.lane % 4 * 2;
                u32 n = share.channel + part / 2 * 8 + share.lane / 4;
                b[tap][step][part / 2][part % 2] = weights_at<GRADIENT>(weight, group, first, tap, k, n);
            }
}

template <u32 CT>
__device__ __forceinline__ void multiply(float (&sums)[2][4], const bf16 *row, const u32 (&b)[CT / 16][2][2]) {
#pragma unroll
    for (u32 step = 0; step < CT / 16; ++step) {
        u32 a[4];
        load_matrices<false>(a, row + step * 16);
        mma(sums[0], a, b[step][0][0], b[step][0][1]);
        mma(sums[1], a, b[step][1][0], b[step][1][1]);
    }
}

// The forward; and with GRADIENT and stride 1 that of the image, which is the same with the window turned around.
// `from` is [n, h, w, c], `to` [n, oh, ow, c].
template <u32 CT, u32 STRIDE, bool GRADIENT>
__device__ void grouped(const bf16 *from, const bf16 *weight, bf16 *to, const Sizes &s, const Tiling &t, bf16 *staged) {
    const u32 PIXEL = Staged<CT>::STRIDE;
    Share<CT> share;
    u32 first = blockIdx.y * CT, rows = (STRIDE << t.rows) - STRIDE + 3, columns = (STRIDE << t.columns) - STRIDE + 3;
    u32 b[9][CT / 16][2][2];
    load_weights<CT, GRADIENT>(b, weight, s.c / s.groups, first, share);
    for (u32 tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
        Origin at = origin(t, tile);
        __syncthreads();
        stage<CT>(staged, from + first, t, s.n, s.h, s.w, s.c, at.image, (int)(at.y * STRIDE) - 1,
                  (int)(at.x * STRIDE) - 1, rows, columns);
        __syncthreads();
        for (u32 product = share.first; product < PIXELS / ROWS; product += Share<CT>::STEP) {
            Origin p = pixel_of(t, product * ROWS + share.row);
            const bf16 *corner =
                staged + ((p.image * rows + p.y * STRIDE) * columns + p.x * STRIDE) * PIXEL + share.column;
            float sums[2][4] = {};
#pragma unroll
            for (u32 tap = 0; tap < 9; ++tap)
                multiply<CT>(sums, corner + (tap / 3 * columns + tap % 3) * PIXEL, b[GRADIENT ? 8 - tap : tap]);
#pragma unroll
            for (u32 half = 0; half < 2; ++half) {
                Origin q = pixel_of(t, product * ROWS + half * 8 + share.lane / 4);
                u32 image = at.image + q.image, y = at.y + q.y, x = at.x + q.x;
                if (image >= s.n || y >= s.oh || x >= s.ow) continue;
                store(to + (((u64)image * s.oh + y) * s.ow + x) * s.c + first + share.channel, sums, half, share.lane);
            }
        }
    }
}

// The gradient of the image for stride 2: pixels of even and odd rows and columns have taps of their own. A tile is of
// pixels of the result, each with the four of the image behind it.
template <u32 CT>
__device__ void grouped_input_2(const bf16 *from, const bf16 *weight, bf16 *to, const Sizes &s, const Tiling &t,
                                bf16 *staged) {
    const u32 PIXEL = Staged<CT>::STRIDE;
    Share<CT> share;
    u32 first = blockIdx.y * CT, rows = (1u << t.rows) + 1, columns = (1u << t.columns) + 1;
    u32 b[9][CT / 16][2][2];
    load_weights<CT, true>(b, weight, s.c / s.groups, first, share);
    for (u32 tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
        Origin at = origin(t, tile);
        __syncthreads();
        stage<CT>(staged, from + first, t, s.n, s.oh, s.ow, s.c, at.image, (int)at.y, (int)at.x, rows, columns);
        __syncthreads();
        for (u32 product = share.first; product < PIXELS / ROWS; product += Share<CT>::STEP) {
            Origin p = pixel_of(t, product * ROWS + share.row);
            const bf16 *corner = staged + ((p.image * rows + p.y) * columns + p.x) * PIXEL + share.column;
#pragma unroll
            for (u32 odd = 0; odd < 4; ++odd) {
                float sums[2][4] = {};
#pragma unroll
                for (u32 tap = 0; tap < 9; ++tap) {
                    // Row 2 y is read by tap 1 of result y; row 2 y + 1 by tap 0 of y + 1 and tap 2 of y.
                    if ((tap / 3 == 1) == (odd / 2 == 1) || (tap % 3 == 1) == (odd % 2 == 1)) continue;
                    u32 below = tap / 3 == 0, right = tap % 3 == 0;
                    multiply<CT>(sums, corner + (below * columns + right) * PIXEL, b[tap]);
                }
#pragma unroll
                for (u32 half = 0; half < 2; ++half) {
                    Origin q = pixel_of(t, product * ROWS + half * 8 + share.lane / 4);
                    u32 image = at.image + q.image, y = (at.y + q.y) * 2 + odd / 2, x = (at.x + q.x) * 2 + odd % 2;
                    if (image >= s.n || y >= s.h || x >= s.w) continue;
                    bf16 *pixel = to + (((u64)image * s.h + y) * s.w + x) * s.c + first + share.channel;
                    store(pixel, sums, half, share.lane);
                }
            }
        }
    }
}

// The gradient of the weight: products over pixels, of result channels and image channels. A block sums every
// gridDim.x-th tile; `partial` is [gridDim.x, out, 3, 3, c / groups], which the next kernel sums.
template <u32 CT, u32 STRIDE>
__device__ void grouped_weight(const bf16 *image, const bf16 *d_result, float *partial, const Sizes &s, const Tiling &t,
                               bf16 *staged) {
    const u32 PIXEL = Staged<CT>::STRIDE, QUARTERS = CT / 16 * (CT / 16); // of the matrix, a warp each
    u32 lane = threadIdx.x % WARP_SIZE, warp = threadIdx.x / WARP_SIZE, quarter = warp % QUARTERS;
    u32 from_o = quarter / (CT / 16) * 16, from_c = quarter % (CT / 16) * 16;
    u32 first = blockIdx.y * CT, rows = (STRIDE << t.rows) - STRIDE + 3, columns = (STRIDE << t.columns) - STRIDE + 3;
    bf16 *gradients = staged + (rows * columns << t.images) * PIXEL;
    float sums[9][2][4] = {};
    for (u32 tile = blockIdx.x; tile < t.tiles; tile += gridDim.x) {
        Origin at = origin(t, tile);
        __syncthreads();
        stage<CT>(staged, image + first, t, s.n, s.h, s.w, s.c, at.image, (int)(at.y * STRIDE) - 1,
                  (int)(at.x * STRIDE) - 1, rows, columns);
        stage<CT>(gradients, d_result + first, t, s.n, s.oh, s.ow, s.c, at.image, (int)at.y, (int)at.x, 1u << t.rows,
                  1u << t.columns);
        __syncthreads();
        for (u32 product = warp / QUARTERS; product < PIXELS / ROWS; product += WARPS / QUARTERS) {
            u32 a[4], b[4];
            u32 pixel = product * ROWS + lane % 8 + lane / 16 * 8;
            load_matrices<true>(a, gradients + pixel * PIXEL + from_o + lane / 8 % 2 * 8);
            Origin p = pixel_of(t, product * ROWS + lane % 16);
            const bf16 *corner = staged + ((p.image * rows + p.y * STRIDE) * columns + p.x * STRIDE) * PIXEL + from_c +
                                 lane / 16 * 8;
#pragma unroll
            for (u32 tap = 0; tap < 9; ++tap) {
                load_matrices<true>(b, corner + (tap / 3 * columns + tap % 3) * PIXEL);
                mma(sums[tap][0], a, b[0], b[1]);
                mma(sums[tap][1], a, b[2], b[3]);
            }
        }
    }
    // Warps with the same quarter are added in their order, tap by tap.
    float *room = (float *)staged; // [WARPS, 16, 16]
    u32 group = s.c / s.groups;
#pragma unroll
    for (u32 tap = 0; tap < 9; ++tap) {
        __syncthreads();
#pragma unroll
        for (u32 i = 0; i < 8; ++i)
            room[(warp * 16 + lane / 4 + i / 2 % 2 * 8) * 16 + i / 4 * 8 + lane % 4 * 2 + i % 2] =
                sums[tap][i / 4][i % 4];
        __syncthreads();
        for (u32 i = threadIdx.x; i < QUARTERS * 256; i += WARPS * WARP_SIZE) {
            u32 of = i / 256, o = of / (CT / 16) * 16 + i / 16 % 16, c = of % (CT / 16) * 16 + i % 16;
            if (o / group != c / group) continue;
            float sum = 0.0f;
            for (u32 other = of; other < WARPS; other += QUARTERS) sum += room[other * 256 + i % 256];
            partial[(((u64)blockIdx.x * s.out + first + o) * 9 + tap) * group + c % group] = sum;
        }
    }
}

extern "C" __global__ void conv2d_grouped_sum_bf16(const float *partial, bf16 *d_weight, u64 count, u32 slabs) {
    for (u64 i = first_index(); i < count; i += index_step()) {
        float sum = 0.0f;
        for (u32 slab = 0; slab < slabs; ++slab) sum += partial[slab * count + i];
        d_weight[i] = round_to_bf16(sum);
    }
}

#define GROUPED_KERNEL(NAME, TO, BODY)                                                                               \
    extern "C" __global__ void __launch_bounds__(128)                                                               \
        conv2d_grouped_##NAME##_bf16(const bf16 *one, const bf16 *other, TO *to, Sizes s, Tiling t) {               \
        extern __shared__ __align__(16) bf16 staged[];                                                              \
        BODY(one, other, to, s, t, staged);                                                                         \
    }
#define COMMA ,
#define GROUPED(CT)                                                                                                  \
    GROUPED_KERNEL(forward_##CT##_1, bf16, grouped<CT COMMA 1 COMMA false>)                                         \
    GROUPED_KERNEL(forward_##CT##_2, bf16, grouped<CT COMMA 2 COMMA false>)                                         \
    GROUPED_KERNEL(input_##CT##_1, bf16, grouped<CT COMMA 1 COMMA true>)                                            \
    GROUPED_KERNEL(input_##CT##_2, bf16, grouped_input_2<CT>)                                                       \
    GROUPED_KERNEL(weight_##CT##_1, float, grouped_weight<CT COMMA 1>)                                              \
    GROUPED_KERNEL(weight_##CT##_2, float, grouped_weight<CT COMMA 2>)

GROUPED(16)
GROUPED(32)
