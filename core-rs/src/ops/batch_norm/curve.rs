//! The activations as types, so that each kernel is compiled with its own inlined and vectorised.

use crate::cpu::isa::Arch;
use crate::cpu::math;

pub(super) trait Curve {
    fn value<A: Arch>(z: f32) -> f32;
    /// The gradient at z of an upstream one.
    fn back<A: Arch>(z: f32, dy: f32) -> f32;
}

macro_rules! curves {
    ($($name:ident($z:ident, $dy:ident, $arch:ident): $value:expr, $back:expr;)*) => {$(
        pub(super) struct $name;

        impl Curve for $name {
            #[inline(always)]
            fn value<$arch: Arch>($z: f32) -> f32 {
                $value
            }
            #[inline(always)]
            #[allow(unused_variables)]
            fn back<$arch: Arch>($z: f32, $dy: f32) -> f32 {
                $back
            }
        }
    )*};
}

curves! {
    None(z, dy, A): z, dy;
    // What it stops is 0, were dy infinite.
    Relu(z, dy, A): if z > 0.0 || z.is_nan() { z } else { 0.0 }, if z <= 0.0 { 0.0 } else { dy };
    Mish(z, dy, A): math::mish::<A>(z), math::mish_grad::<A>(z) * dy;
    Silu(z, dy, A): math::silu::<A>(z), math::silu_grad::<A>(z) * dy;
    Gelu(z, dy, A): math::gelu::<A>(z), math::gelu_grad::<A>(z) * dy;
    Sigmoid(z, dy, A): math::sigmoid::<A>(z), math::sigmoid_grad(math::sigmoid::<A>(z)) * dy;
    Tanh(z, dy, A): math::tanh::<A>(z), math::tanh_grad(math::tanh::<A>(z)) * dy;
}

/// Makes `$name(isa, activation, arguments)` of `$body::<Arch, Curve>(arguments)`: a copy for every instruction set and
/// activation.
macro_rules! for_each_curve {
    (fn $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        #[allow(clippy::too_many_arguments)]
        fn $name(isa: $crate::cpu::isa::Isa, activation: $crate::ops::activation::Activation, $($arg: $type),*) {
            use $crate::ops::activation::Activation;
            use $crate::ops::batch_norm::curve;
            match activation {
                Activation::None => for_each_curve!(@copy isa, $body, None, $($arg: $type),*),
                Activation::Relu => for_each_curve!(@copy isa, $body, Relu, $($arg: $type),*),
                Activation::Mish => for_each_curve!(@copy isa, $body, Mish, $($arg: $type),*),
                Activation::Silu => for_each_curve!(@copy isa, $body, Silu, $($arg: $type),*),
                Activation::Gelu => for_each_curve!(@copy isa, $body, Gelu, $($arg: $type),*),
                Activation::Sigmoid => for_each_curve!(@copy isa, $body, Sigmoid, $($arg: $type),*),
                Activation::Tanh => for_each_curve!(@copy isa, $body, Tanh, $($arg: $type),*),
            }
        }
    };
    (@copy $isa:ident, $body:ident, $curve:ident, $($arg:ident: $type:ty),*) => {{
        multiversion! {
            fn copy<A>($($arg: $type),*) {
                $body::<A, curve::$curve>($($arg),*)
            }
        }
        copy($isa, $($arg),*)
    }};
}
pub(super) use for_each_curve;
