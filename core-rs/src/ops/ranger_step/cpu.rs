//! All of a step in one pass over memory: a row's gradient is still in the cache when its mean is known.

use super::Scalars;
use crate::cpu::isa::{Arch, Isa};
use crate::ops::softmax::row;
use crate::optimizer::{Piece, towards};

/// `together`: elements of a row whose mean is subtracted, 1 for none.
pub(super) fn update(isa: Isa, s: &Scalars, together: usize, piece: Piece<f32, 3>) {
    match (s.adaptive.is_some(), s.lookahead.is_some()) {
        (false, false) => plain(isa, s, together, piece),
        (false, true) => plain_lookahead(isa, s, together, piece),
        (true, false) => adaptive(isa, s, together, piece),
        (true, true) => adaptive_lookahead(isa, s, together, piece),
    }
}

/// Copies of [`rows`], so that no loop has a branch.
macro_rules! copies {
    ($($name:ident = $adaptive:literal, $lookahead:literal;)*) => {$(
        multiversion! {
            fn $name<A>(s: &Scalars, together: usize, piece: Piece<f32, 3>) {
                rows::<A, $adaptive, $lookahead>(s, together, piece)
            }
        }
    )*};
}

copies! {
    plain = false, false;
    plain_lookahead = false, true;
    adaptive = true, false;
    adaptive_lookahead = true, true;
}

#[inline(always)]
fn rows<A: Arch, const ADAPTIVE: bool, const LOOKAHEAD: bool>(s: &Scalars, together: usize, piece: Piece<f32, 3>) {
    let Piece { parameter, gradient, states: [average, average_square, slow] } = piece;
    let size = if together > 1 { together } else { parameter.len() };
    for start in (0..parameter.len()).step_by(size) {
        let row = start..start + size;
        let g = &gradient[row.clone()];
        let mean = if together > 1 { (row::sum(g, 0.0, |g| g) / size as f64) as f32 } else { 0.0 };
        let slow = if LOOKAHEAD { &mut slow[row.clone()] } else { &mut [][..] };
        let states = (&mut average[row.clone()], &mut average_square[row.clone()], slow);
        elements::<A, ADAPTIVE, LOOKAHEAD>(s, &mut parameter[row], g, mean, states);
    }
}

#[inline(always)]
fn elements<A: Arch, const ADAPTIVE: bool, const LOOKAHEAD: bool>(
    s: &Scalars,
    p: &mut [f32],
    g: &[f32],
    mean: f32,
    (average, average_square, slow): (&mut [f32], &mut [f32], &mut [f32]),
) {
    let [decay, momentum, square_momentum, eps, factor] =
        [s.decay, s.momentum, s.square_momentum, s.eps, s.factor].map(|x| x as f32);
    let [gradient, square] = [1.0 - s.momentum, 1.0 - s.square_momentum].map(|x| x as f32);
    let (debias, alpha) = (s.adaptive.unwrap_or(1.0) as f32, s.lookahead.unwrap_or(0.0) as f32);
    // Equal lengths that the compiler knows of: no bounds check in the loop.
    let len = p.len();
    let (g, average, average_square) = (&g[..len], &mut average[..len], &mut average_square[..len]);
    let slow = if LOOKAHEAD { &mut slow[..len] } else { slow };
    for i in 0..len {
        let g = g[i] - mean;
        let a = A::madd(average[i], momentum, gradient * g);
        let v = A::madd(average_square[i], square_momentum, square * g * g);
        let step = if ADAPTIVE {
            let spread = (v / debias).sqrt() + eps;
            if spread == 0.0 { 0.0 } else { factor * a / spread }
        } else {
            factor * a
        };
        let mut new = A::madd(p[i], decay, step);
        if LOOKAHEAD {
            slow[i] = towards(slow[i], new, alpha);
            new = slow[i];
        }
        (p[i], average[i], average_square[i]) = (new, a, v);
    }
}
