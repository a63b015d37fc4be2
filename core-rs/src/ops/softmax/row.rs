//! Loops over one row, sixteen lanes at a time; a short last group is padded, as rows are often shorter than a vector.

use crate::dtype::Stored;

const LANES: usize = 16;
/// Elements between two flushes of f32 lanes to f64.
const BLOCK: usize = 2048;

type Lanes = [f32; LANES];

/// Up to sixteen values, `pad` after them.
#[inline(always)]
fn padded<S: Stored>(x: &[S], pad: f32) -> Lanes {
    let mut lanes = [pad; LANES];
    lanes.iter_mut().zip(x).for_each(|(lane, x)| *lane = x.widen());
    lanes
}

#[inline(always)]
fn widened<S: Stored>(x: &[S; LANES]) -> Lanes {
    let mut lanes = [0.0; LANES];
    for i in 0..LANES {
        lanes[i] = x[i].widen();
    }
    lanes
}

/// One group of lanes; a function, as a closure called twice might not be inlined, nor then vectorised.
#[inline(always)]
fn raise(max: &mut Lanes, x: &Lanes) {
    for (max, &x) in max.iter_mut().zip(x) {
        *max = if x > *max { x } else { *max };
    }
}

#[inline(always)]
fn add(sums: &mut Lanes, x: &Lanes, y: &Lanes, term: &impl Fn(f32, f32) -> f32) {
    for i in 0..LANES {
        sums[i] += term(x[i], y[i]);
    }
}

#[inline(always)]
fn write(out: &mut Lanes, x: &Lanes, y: &Lanes, value: &impl Fn(f32, f32) -> f32) {
    for i in 0..LANES {
        out[i] = value(x[i], y[i]);
    }
}

/// All lanes joined, half with half, which is quicker than one after the other.
#[inline(always)]
fn halved<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// The largest value; NaN is passed over.
#[inline(always)]
pub fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (groups, rest) = x.as_chunks();
    for x in groups {
        raise(&mut lanes, x);
    }
    if !rest.is_empty() {
        raise(&mut lanes, &padded(rest, f32::NEG_INFINITY));
    }
    halved(lanes, |a, b| if b > a { b } else { a })
}

/// The sum of `term(x)`; `term(pad)` is 0.
#[inline(always)]
pub fn sum<S: Stored>(x: &[S], pad: f32, term: impl Fn(f32) -> f32) -> f64 {
    sum2(x, x, pad, |x, _| term(x))
}

/// The sum of `term(x, y)`; `term(pad, pad)` is 0.
#[inline(always)]
pub fn sum2<S: Stored>(x: &[S], y: &[S], pad: f32, term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut total = 0.0;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        let mut lanes = [0.0; LANES];
        let ((xs, x), (ys, y)) = (x.as_chunks(), y.as_chunks());
        for (x, y) in xs.iter().zip(ys) {
            add(&mut lanes, &widened(x), &widened(y), &term);
        }
        if !x.is_empty() {
            add(&mut lanes, &padded(x, pad), &padded(y, pad), &term);
        }
        total += halved(lanes.map(f64::from), |a, b| a + b);
    }
    total
}

/// `out = value(x)`
#[inline(always)]
pub fn map(x: &[f32], out: &mut [f32], value: impl Fn(f32) -> f32) {
    map2(x, x, out, |x, _| value(x));
}

/// `out = value(x, y)`
#[inline(always)]
pub fn map2(x: &[f32], y: &[f32], out: &mut [f32], value: impl Fn(f32, f32) -> f32) {
    let ((xs, x), (ys, y), (outs, out)) = (x.as_chunks(), y.as_chunks(), out.as_chunks_mut());
    for ((x, y), out) in xs.iter().zip(ys).zip(outs) {
        write(out, x, y, &value);
    }
    if !x.is_empty() {
        let mut lanes = [0.0; LANES];
        write(&mut lanes, &padded(x, 0.0), &padded(y, 0.0), &value);
        out.copy_from_slice(&lanes[..out.len()]);
    }
}
