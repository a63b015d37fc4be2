// Batches of u8 images, moved and perhaps mirrored; mod.rs has the definition. A row of blocks makes one image, each of its
// threads some of the elements.

struct Sizes {
    // In all, and of one image.
    u32 images, h, w, c;
    // In the batch.
    u32 n;
    u32 key0, key1, shift;
    // Mirrored where the upper 24 bits are below it.
    u32 flip;
};

// A move by up to `shift` either way.
__device__ i64 moved_by(u32 u, u32 shift) { return (i64)(u % (2 * (u64)shift + 1)) - shift; }

extern "C" __global__ void image_batch(const u8 *images, const int *index, float *y, Sizes s, Fault fault) {
    u32 size = s.h * s.w * s.c;
    for (u32 place = blockIdx.y; place < s.n; place += gridDim.y) {
        // A negative number is a huge one.
        u32 row = (u32)index[place];
        if (row >= s.images) {
            if (first_index() == 0) raise_fault(fault, place, row);
            continue;
        }
        Random4 u = philox(s.key0, s.key1, row, 0, 1, 0);
        i64 dx = moved_by(u.at[0], s.shift), dy = moved_by(u.at[1], s.shift);
        bool mirrored = u.at[2] >> 8 < s.flip;
        for (u64 at = first_index(); at < size; at += index_step()) {
            u32 pixel = (u32)at / s.c, channel = (u32)at % s.c, x = pixel % s.w;
            i64 from_y = (i64)(pixel / s.w) + dy, from_x = (i64)(mirrored ? s.w - 1 - x : x) + dx;
            bool inside = from_y >= 0 && from_y < s.h && from_x >= 0 && from_x < s.w;
            float value = 0.0f;
            if (inside) value = (float)images[(u64)row * size + ((u64)from_y * s.w + from_x) * s.c + channel] / 255.0f;
            y[(u64)place * size + at] = value;
        }
    }
}
