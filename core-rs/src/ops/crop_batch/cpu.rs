//! The fast kernel: images side by side on the threads.

use super::{CropBatch, Images, NOISE, Plan, Rect};
use crate::cpu::isa::Isa;
use crate::cpu::pool::{ThreadPool, for_each_chunk_mut};
use crate::cpu::scratch::Scratch;
use crate::image::CHANNELS;
use crate::image::resize::{Resizer, Window};
use crate::random::{normal_pair, philox};

/// Elements a chunk, about: whole images.
const CHUNK: usize = 32 * 1024;

/// Writes the whole batch; the images were checked.
pub fn run(op: &CropBatch, isa: Isa, pool: &ThreadPool, images: &Images, y: &mut [f32]) {
    let each = op.size * op.size * CHANNELS;
    let group = (CHUNK / each).max(1);
    for_each_chunk_mut(pool, y, group * each, |chunk, y| {
        let mut resizer = Resizer::default();
        let mut bytes = Scratch::take(each.div_ceil(size_of::<f32>()));
        let bytes = &mut bytes.as_mut_bytes()[..each];
        for (y, &number) in y.chunks_exact_mut(each).zip(&images.index[chunk * group..]) {
            let (pixels, [h, w]) = images.image(number as usize);
            let plan = op.plan(number as u32, [h, w]);
            let Rect { top, left, height, width } = plan.window;
            let window = Window::new(pixels, w, [top, left], [height, width]);
            resizer.resize(isa, window, [op.size; 2], bytes);
            let row = op.size * CHANNELS;
            for (bytes, y) in bytes.chunks_exact_mut(row).zip(y.chunks_exact_mut(row)) {
                if plan.mirrored {
                    bytes.as_chunks_mut::<CHANNELS>().0.reverse();
                }
                scale(isa, bytes, y);
            }
            erase(op, number as u32, &plan, y);
        }
    });
}

multiversion! {
    fn scale<A>(x: &[u8], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x as f32 / 255.0);
    }
}

/// Lays the boxes of noise over an image.
fn erase(op: &CropBatch, number: u32, plan: &Plan, y: &mut [f32]) {
    for (b, rect) in plan.boxes().iter().enumerate() {
        let row = rect.width * CHANNELS;
        for element in (0..rect.height * row).step_by(4) {
            let [u0, u1, u2, u3] = philox(op.key, [number, (element / 4) as u32, NOISE, b as u32]);
            let ([z0, z1], [z2, z3]) = (normal_pair(u0, u1), normal_pair(u2, u3));
            for (i, z) in [z0, z1, z2, z3].into_iter().enumerate().take(rect.height * row - element) {
                let (down, across) = ((element + i) / row, (element + i) % row);
                y[((rect.top + down) * op.size + rect.left) * CHANNELS + across] = z as f32;
            }
        }
    }
}
