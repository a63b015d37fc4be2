//! Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2,
//! 3", 2011): any number of a stream costs the same, in any order and on any thread.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Added to the key after every round: the golden ratio and sqrt(3) - 1, as fractions of 2^32.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four numbers of the stream of `key`.
#[inline(always)]
pub fn philox(mut key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let mut c = counter;
    for _ in 0..ROUNDS {
        let first = MULTIPLIERS[0] as u64 * c[0] as u64;
        let second = MULTIPLIERS[1] as u64 * c[2] as u64;
        c = [(second >> 32) as u32 ^ c[1] ^ key[0], second as u32, (first >> 32) as u32 ^ c[3] ^ key[1], first as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// [`philox`] for counters side by side, in a form that compilers vectorise.
#[inline(always)]
pub fn philox_lanes<const LANES: usize>(mut key: [u32; 2], mut c: [[u32; LANES]; 4]) -> [[u32; LANES]; 4] {
    for _ in 0..ROUNDS {
        let mut next = [[0; LANES]; 4];
        for lane in 0..LANES {
            let first = MULTIPLIERS[0] as u64 * c[0][lane] as u64;
            let second = MULTIPLIERS[1] as u64 * c[2][lane] as u64;
            next[0][lane] = (second >> 32) as u32 ^ c[1][lane] ^ key[0];
            next[1][lane] = second as u32;
            next[2][lane] = (first >> 32) as u32 ^ c[3][lane] ^ key[1];
            next[3][lane] = first as u32;
        }
        c = next;
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// The `group`th four numbers of a stream: counter (group low, group high, 0, 0).
#[inline(always)]
pub fn group(key: [u32; 2], group: u64) -> [u32; 4] {
    philox(key, [group as u32, (group >> 32) as u32, 0, 0])
}

/// The upper 24 bits as a number in 0..1, exact in f32 too.
#[inline(always)]
pub fn unit(u: u32) -> f64 {
    (u >> 8) as f64 / 16_777_216.0
}

/// What the upper 24 bits of a number are below with this probability: [`unit`] is then below it.
pub fn below_share(probability: f64) -> u32 {
    (probability * 16_777_216.0).ceil() as u32
}

/// Two independent standard normal numbers from two random ones (Box and Muller 1958).
#[inline(always)]
pub fn normal_pair(u: u32, v: u32) -> [f64; 2] {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (unit(u) + 1.0 / 16_777_216.0).ln()).sqrt();
    let (sin, cos) = (2.0 * std::f64::consts::PI * unit(v)).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_random123() {
        // kat_vectors of the Random123 distribution, philox4x32 10.
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344, 0xa409_3822, 0x299f_31d0];
        for (counter, key, wanted) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            ([pi[0], pi[1], pi[2], pi[3]], [pi[4], pi[5]], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(philox(key, counter), wanted);
        }
        assert_eq!(group([7, 9], (5 << 32) + 3), philox([7, 9], [3, 5, 0, 0]));
    }

    #[test]
    fn lanes_are_counters_of_their_own() {
        let counter = [[1, u32::MAX, 3], [4, 5, 6], [7, 8, 0x8000_0000], [10, 11, 12]];
        let lanes = philox_lanes([13, 0xffff_0000], counter);
        for lane in 0..3 {
            let wanted = philox([13, 0xffff_0000], counter.map(|words| words[lane]));
            assert_eq!(lanes.map(|words| words[lane]), wanted);
        }
    }

    #[test]
    fn the_ends_of_the_ranges() {
        assert_eq!((unit(0), unit(u32::MAX)), (0.0, 1.0 - 1.0 / 16_777_216.0));
        for (probability, wanted) in [(0.0, 0), (0.5, 1 << 23), (0.3, 5_033_165), (1.0, 1 << 24)] {
            assert_eq!(below_share(probability), wanted);
            assert!(unit(wanted << 8) >= probability || wanted == 1 << 24);
            assert!(wanted == 0 || unit((wanted - 1) << 8) < probability);
        }
        assert_eq!(normal_pair(u32::MAX, 0), [0.0, 0.0]);
        // The largest radius: sqrt(-2 ln 2^-24).
        let [x, y] = normal_pair(0, 0);
        assert!((x - (48.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-12 && y == 0.0);
    }
}
