//! The activations as types, so that each kernel is compiled with its own inlined and vectorised.

use crate::cpu::isa::Arch;
use crate::cpu::math;

pub(in crate::ops) trait Curve {
    fn value<A: Arch>(z: f32) -> f32;
    /// The gradient at z of an upstream one.
    fn back<A: Arch>(z: f32, dy: f32) -> f32;
}

macro_rules! curves {
    ($($name:ident($z:ident, $dy:ident, $arch:ident): $value:expr, $back:expr;)*) => {$(
        pub(in crate::ops) struct $name;

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
/// activation. Further types of `$body`, such as the dtype that it reads, are types of `$name` too.
macro_rules! for_each_curve {
    (fn $name:ident $(<$($param:ident: $bound:path),+>)? = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        #[allow(clippy::too_many_arguments)]
        fn $name $(<$($param: $bound),+>)? (
            isa: $crate::cpu::isa::Isa,
            activation: $crate::ops::activation::Activation,
            $($arg: $type),*
        ) {
            use $crate::ops::activation::Activation;
            use $crate::ops::activation::curve;
            match activation {
                Activation::None => for_each_curve!(@copy isa, $body, None, [$($($param: $bound),+)?], $($arg: $type),*),
                Activation::Relu => for_each_curve!(@copy isa, $body, Relu, [$($($param: $bound),+)?], $($arg: $type),*),
                Activation::Mish => for_each_curve!(@copy isa, $body, Mish, [$($($param: $bound),+)?], $($arg: $type),*),
                Activation::Silu => for_each_curve!(@copy isa, $body, Silu, [$($($param: $bound),+)?], $($arg: $type),*),
                Activation::Gelu => for_each_curve!(@copy isa, $body, Gelu, [$($($param: $bound),+)?], $($arg: $type),*),
                Activation::Sigmoid => {
                    for_each_curve!(@copy isa, $body, Sigmoid, [$($($param: $bound),+)?], $($arg: $type),*)
                }
                Activation::Tanh => for_each_curve!(@copy isa, $body, Tanh, [$($($param: $bound),+)?], $($arg: $type),*),
            }
        }
    };
    (@copy $isa:ident, $body:ident, $curve:ident, [$($param:ident: $bound:path),*], $($arg:ident: $type:ty),*) => {{
        multiversion! {
            fn copy<A $(, $param: $bound)*>($($arg: $type),*) {
                $body::<A, curve::$curve $(, $param)*>($($arg),*)
            }
        }
        copy($isa, $($arg),*)
    }};
}
pub(in crate::ops) use for_each_curve;
