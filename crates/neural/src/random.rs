//! Draws that every random method shares: PCG64 generators, one for each part of a model, so that
//! a result depends on the seed alone and never on the number of threads.

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// The generator of part `index` of a model with this `seed`: seeded by the `index`-th number that
/// `SplitMix64` gives from `seed` (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195).
pub(crate) fn generator(seed: u64, index: usize) -> Pcg64 {
    let steps = (index as u64).wrapping_add(1);
    let mut z = seed.wrapping_add(steps.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Pcg64::seed_from_u64(z ^ (z >> 31))
}

/// A uniform number in [0, 1), a multiple of 2^-53.
pub(crate) fn unit(rng: &mut Pcg64) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A uniform whole number below `n`, which is at least 1 (Lemire 2019, doi 10.1145/3230636).
pub(crate) fn below(rng: &mut Pcg64, n: usize) -> usize {
    let n = (n as u64).max(1);
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        // The first `2^64 mod n` values of the low half would favour some numbers.
        let low = product as u64;
        if low >= n || low >= n.wrapping_neg() % n {
            return (product >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_repeatable() {
        let mut rng = generator(7, 3);
        let mut counts = [0_u32; 6];
        let mut sum = 0.0;
        for _ in 0..60_000 {
            counts[below(&mut rng, 6)] += 1;
            sum += unit(&mut rng);
        }
        assert!(
            counts.iter().all(|&c| (9_600..10_400).contains(&c)),
            "{counts:?}"
        );
        assert!((sum / 60_000.0 - 0.5).abs() < 0.005);
        assert_eq!(below(&mut rng, 1), 0);
        let first = |seed, index| unit(&mut generator(seed, index));
        assert_eq!(first(7, 3), first(7, 3));
        assert!(first(7, 3) != first(7, 4) && first(7, 3) != first(8, 3));
    }
}
