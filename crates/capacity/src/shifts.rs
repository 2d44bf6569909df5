//! Shifts of the level to come, at the rate at which the past had them.

use rand::Rng;
use rand_distr::{Distribution as _, Exp1, Gamma};

/// The shifts of the past, from which those to come are drawn.
///
/// Of `n` shifts in a history of `t` steps, the rate of those to come has the distribution
/// `Gamma(n, 1 / t)`: its mean is the rate that was seen, and after a single one it is as uncertain
/// as one observation leaves it. Sizes are drawn, with their signs, from those that were seen.
#[derive(Debug, Clone)]
pub(crate) struct Shifts {
    sizes: Vec<f64>,
    rate: Option<Gamma<f64>>,
}

impl Shifts {
    /// Of the `shifts` that a history of `steps` had: where each was, and by how much the level rose.
    pub(crate) fn of(shifts: &[(usize, f64)], steps: usize) -> Self {
        let sizes: Vec<f64> = shifts.iter().map(|&(_, size)| size).collect();
        let rate = Gamma::new(sizes.len() as f64, (steps.max(1) as f64).recip()).ok();
        Self { sizes, rate }
    }

    /// Adds what comes to a future. Draws no number where the past had no shift.
    pub(crate) fn add(&self, path: &mut [f64], rng: &mut impl Rng) {
        let Some(rate) = self.rate.as_ref() else {
            return;
        };
        let rate = rate.sample(rng);
        let mut at = 0.0;
        // Nothing comes of a rate of 0, whose pauses are infinite.
        while let Some(&size) = self.next(rng) {
            let pause: f64 = Exp1.sample(rng);
            at += pause / rate;
            if at.is_nan() || at >= path.len() as f64 {
                return;
            }
            for value in path.iter_mut().skip(at as usize) {
                *value += size;
            }
        }
    }

    fn next(&self, rng: &mut impl Rng) -> Option<&f64> {
        let count = self.sizes.len() as u64;
        let drawn = rng.next_u64().checked_rem(count)?;
        self.sizes.get(usize::try_from(drawn).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_pcg::Pcg64;

    use super::*;

    /// The last values of many futures of 480 steps.
    fn ends(shifts: &Shifts) -> Vec<f64> {
        let mut rng = Pcg64::seed_from_u64(3);
        let one = |_| {
            let mut path = vec![0.0; 480];
            shifts.add(&mut path, &mut rng);
            path.last().copied().unwrap_or(f64::NAN)
        };
        (0..4_000).map(one).collect()
    }

    #[test]
    fn they_come_at_the_rate_and_of_the_sizes_that_were_seen() {
        for (seen, rise) in [
            (&[(100, 5.0)][..], 2.5),
            (&[(100, -5.0)], -2.5),
            (&[(100, 4.0), (500, 8.0)], 6.0),
            (&[(100, 4.0), (500, -4.0)], 0.0),
        ] {
            let ends = ends(&Shifts::of(seen, 960));
            let mean = ends.iter().sum::<f64>() / ends.len() as f64;
            assert!((mean - rise).abs() < 0.35, "{seen:?}: {mean}");
        }
    }

    #[test]
    fn a_rate_of_one_shift_is_geometric() {
        // Over half of the history: none with probability 2 / 3, two at least with 1 / 9.
        let ends = ends(&Shifts::of(&[(100, 1.0)], 960));
        let share = |bound: f64| {
            let reached = ends.iter().filter(|end| **end >= bound).count();
            reached as f64 / ends.len() as f64
        };
        assert!((share(1.0) - 1.0 / 3.0).abs() < 0.03, "{}", share(1.0));
        assert!((share(2.0) - 1.0 / 9.0).abs() < 0.02, "{}", share(2.0));
    }

    #[test]
    fn nothing_comes_of_nothing() {
        for shifts in [Shifts::of(&[], 960), Shifts::of(&[], 0)] {
            assert!(ends(&shifts).iter().all(|end| *end == 0.0));
        }
        let mut none: [f64; 0] = [];
        Shifts::of(&[(0, 1.0)], 0).add(&mut none, &mut Pcg64::seed_from_u64(0));
    }
}
