//! The definition, in fastai's order of operations.

use super::Scalars;
use crate::dtype::Float;
use crate::optimizer::{Piece, quotient, towards};

/// `together`: elements of a row whose mean is subtracted, 1 for none.
pub(super) fn update<T: Float>(s: &Scalars, together: usize, piece: Piece<T, 3>) {
    let of = T::from_f64;
    let Piece { parameter, gradient, states: [average, average_square, slow] } = piece;
    for (row, gradient) in gradient.chunks(together).enumerate() {
        let mean = match together {
            1 => T::ZERO,
            _ => gradient.iter().copied().sum::<T>() / of(together as f64),
        };
        for (column, &g) in gradient.iter().enumerate() {
            let (g, i) = (g - mean, row * together + column);
            let (p, a, v) = (&mut parameter[i], &mut average[i], &mut average_square[i]);
            *p = *p * of(s.decay);
            *a = *a * of(s.momentum) + of(1.0 - s.momentum) * g;
            *v = *v * of(s.square_momentum) + of(1.0 - s.square_momentum) * g * g;
            *p += match s.adaptive {
                Some(debias) => quotient(of(s.factor) * *a, (*v / of(debias)).sqrt() + of(s.eps)),
                None => of(s.factor) * *a,
            };
            if let Some(alpha) = s.lookahead {
                slow[i] = towards(slow[i], *p, of(alpha));
                *p = slow[i];
            }
        }
    }
}
