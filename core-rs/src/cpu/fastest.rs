//! Which of a processor's instruction sets is the fastest, measured and not taken from its name: Zen 4 runs 512 bits in two
//! halves, and Intel's cores multiply pairs of bf16 at half the rate of f32.

use super::gemm::microkernel::{Kernels, MAX_MR, Tile};
use super::isa::Isa;
use crate::dtype::Bf16;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How much an instruction set multiplies and adds, on one core.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub isa: Isa,
    /// 10⁹ operations a second on what it is for: f32, or bf16 in pairs.
    pub gflops: f64,
}

/// The rates of this processor's instruction sets, least capable first; measured once a process, in 2 ms.
pub fn rates() -> &'static [Rate] {
    static RATES: OnceLock<Vec<Rate>> = OnceLock::new();
    RATES.get_or_init(|| {
        let vectorised = Isa::available().into_iter().filter(|&isa| isa != Isa::Portable);
        vectorised.map(|isa| Rate { isa, gflops: measure(Kernels::for_stored::<Bf16>(isa)) }).collect()
    })
}

/// The instruction set to use where none is asked for.
pub fn fastest() -> Isa {
    choose(rates())
}

/// A wider set unless it is clearly slower, and pairs of bf16 only if they are clearly faster than f32: what is decided
/// must not change with what else a machine does, as results have the bits of their instruction set.
fn choose(rates: &[Rate]) -> Isa {
    let clearly = |isa: Isa| if isa == Isa::Avx512Bf16 { 1.25 } else { 0.8 };
    let none = Rate { isa: Isa::Portable, gflops: 0.0 };
    let best = rates.iter().fold(none, |best, &rate| match rate.gflops >= clearly(rate.isa) * best.gflops {
        true => rate,
        false => best,
    });
    best.isa
}

/// Repetitions of [`ONE`], of which the fastest counts: other work can only make it slower.
const REPEATED: usize = 30;
/// Time of one repetition, about.
const ONE: Duration = Duration::from_micros(20);

/// The rate of full tiles whose operands are in the L1 cache.
fn measure(kernels: &Kernels) -> f64 {
    let (steps, rows, nr) = (kernels.kc / 2, kernels.mr.min(MAX_MR), kernels.nr());
    let (a, b) = (vec![0.0_f32; rows * steps], vec![0.0_f32; steps * nr]);
    let mut c = vec![0.0_f32; rows * nr];
    let mut tile = Tile { steps, b: b.as_ptr(), b_step: nr, cols: nr, ..Tile::EMPTY };
    for row in 0..rows {
        tile.a[row] = a[row * steps..].as_ptr();
        tile.c[row] = c[row * nr..].as_mut_ptr();
    }
    let kernel = kernels.by_rows(rows, nr);
    let seconds = |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            // SAFETY: the operands hold the tile, and `Kernels::of` checked the processor.
            unsafe { kernel(&tile) };
        }
        start.elapsed()
    };
    seconds(2);
    let once = seconds(4).max(Duration::from_nanos(1)) / 4;
    let times = (ONE.as_nanos() / once.as_nanos().max(1)).clamp(1, 10_000) as u32;
    let best = (0..REPEATED).map(|_| seconds(times)).min().unwrap_or_default();
    let operations = 2 * rows * nr * steps * kernels.per_word() * times as usize;
    operations as f64 / best.as_nanos().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(avx2: f64, avx512: f64, pairs: f64) -> Isa {
        let all = [(Isa::Avx2, avx2), (Isa::Avx512, avx512), (Isa::Avx512Bf16, pairs)];
        choose(&all.map(|(isa, gflops)| Rate { isa, gflops }))
    }

    #[test]
    fn what_is_clearly_faster_is_chosen() {
        // Zen 4, where 512 bits are two halves; Intel without AMX; a core that slows down for 512 bits.
        assert_eq!(chosen(117.0, 115.0, 225.0), Isa::Avx512Bf16);
        assert_eq!(chosen(94.0, 175.0, 86.0), Isa::Avx512);
        assert_eq!(chosen(100.0, 60.0, 70.0), Isa::Avx2);
        assert_eq!(choose(&[Rate { isa: Isa::Avx2, gflops: 50.0 }]), Isa::Avx2);
        assert_eq!(choose(&[]), Isa::Portable);
    }

    #[test]
    fn every_set_has_a_rate() {
        let sets: Vec<_> = rates().iter().map(|rate| rate.isa).collect();
        assert_eq!(sets, Isa::available()[1..]);
        assert!(rates().iter().all(|rate| rate.gflops > 0.0 && rate.gflops < 1e5));
        assert!(fastest().is_supported());
    }
}
