use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Draws places of a window without replacement.
pub trait Sampler: Debug + Send {
    /// Fills `places` with different numbers below `population`, which is at least as many as there
    /// are places.
    fn sample(&mut self, population: usize, places: &mut [usize]);

    /// Starts over, as the detector does after a drift.
    fn restart(&mut self);
}

/// Uniform draws from PCG64 (`rand_pcg::Pcg64`).
///
/// Cost: O(r) draws for r places, and O(r log r) comparisons. Memory: 48 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcgSampler {
    seed: u64,
    random: Random,
}

impl PcgSampler {
    /// Draws that depend on `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed, 0),
        }
    }
}

impl Sampler for PcgSampler {
    /// Each of the `population` is taken with the probability that it still needs: Knuth's
    /// selection sampling (The Art of Computer Programming, volume 2, 3.4.2, algorithm S).
    fn sample(&mut self, population: usize, places: &mut [usize]) {
        let mut wanted = places.len();
        let mut slots = places.iter_mut();
        for place in 0..population {
            if wanted == 0 {
                return;
            }
            if self.random.below(population - place) < wanted
                && let Some(slot) = slots.next()
            {
                *slot = place;
                wanted -= 1;
            }
        }
    }

    fn restart(&mut self) {
        self.random = Random::new(self.seed, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_drawn_equally_often() {
        let mut sampler = PcgSampler::new(5);
        let mut counts = [0_u32; 10];
        let mut places = [0; 3];
        for _ in 0..30_000 {
            sampler.sample(10, &mut places);
            assert!(places.is_sorted_by(|a, b| a < b));
            for place in places {
                counts[place] += 1;
            }
        }
        assert!(
            counts.iter().all(|c| (8_700..9_300).contains(c)),
            "{counts:?}"
        );
    }
}
