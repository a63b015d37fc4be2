//! Elements per nanosecond of the vectorised scalar functions, per instruction set.

use libtrain::cpu::{isa::Isa, math};
use std::hint::black_box;
use std::time::Instant;

macro_rules! kernels {
    ($($name:ident = |$x:ident| $value:expr;)*) => {
        $(libtrain::multiversion! {
            fn $name<A>(x: &[f32], y: &mut [f32]) {
                for (y, &$x) in y.iter_mut().zip(x) {
                    *y = $value;
                }
            }
        })*
        const KERNELS: &[(&str, fn(Isa, &[f32], &mut [f32]))] = &[$((stringify!($name), $name)),*];
    };
}

kernels! {
    exp = |x| math::exp::<A>(x);
    log = |x| math::log::<A>(x);
    tanh = |x| math::tanh::<A>(x);
    sigmoid = |x| math::sigmoid::<A>(x);
    silu_grad = |x| math::silu_grad::<A>(x);
    gelu = |x| math::gelu::<A>(x);
    gelu_grad = |x| math::gelu_grad::<A>(x);
    mish = |x| math::mish::<A>(x);
    mish_grad = |x| math::mish_grad::<A>(x);
}

fn main() {
    let x: Vec<f32> = (0..2048).map(|i| (i as f32 - 1024.0) * 0.01).collect();
    let mut y = vec![0.0; x.len()];
    for isa in Isa::available() {
        for (name, kernel) in KERNELS {
            let mut best = f64::MAX;
            for _ in 0..200 {
                let start = Instant::now();
                for _ in 0..20 {
                    kernel(isa, black_box(&x), black_box(&mut y));
                }
                best = best.min(start.elapsed().as_secs_f64() / 20.0);
            }
            println!("{:9} {name:10} {:.2} elements/ns", isa.name(), x.len() as f64 / best * 1e-9);
        }
    }
}
