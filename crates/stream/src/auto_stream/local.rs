//! What the last few values let expect of the next one.

use serde::{Deserialize, Serialize};

/// How many values it looks back on.
const ORDER: usize = 3;
const TERMS: usize = ORDER + 1;

/// What an older value weighs against the next one.
const MEMORY: f64 = 0.999;

/// Errors are clipped at this many standard deviations before they are learned.
const CLIP: f64 = 3.0;

/// Standardised values are held within this.
const MOST: f64 = 50.0;

/// The largest uncertainty of a coefficient, beyond which nothing is forgotten.
const UNSURE: f64 = 1e6;

/// An autoregression of order 3 on standardised values, by recursive least squares with forgetting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Local {
    weights: [f64; TERMS],
    covariance: [[f64; TERMS]; TERMS],
    /// The last values, newest first.
    past: [f64; ORDER],
}

impl Local {
    pub(super) const FRESH: Self = Self {
        // Until it knows better, the next value is like the last.
        weights: [0.0, 1.0, 0.0, 0.0],
        covariance: [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ],
        past: [0.0; ORDER],
    };

    const fn terms(&self) -> [f64; TERMS] {
        let [a, b, c] = self.past;
        [1.0, a, b, c]
    }

    /// How far the standardised value `z` lies from what is expected of it.
    pub(super) fn error(&self, z: f64) -> f64 {
        standard(z) - dot(&self.weights, &self.terms())
    }

    pub(super) fn learn(&mut self, z: f64) {
        let terms = self.terms();
        let error = self.error(z).clamp(-CLIP, CLIP);
        let projected = self.covariance.map(|row| dot(&row, &terms));
        let gain = MEMORY + dot(&projected, &terms);
        if gain > 0.0 && gain.is_finite() {
            let sure = self.covariance.iter().flatten().all(|x| x.abs() < UNSURE);
            let memory = if sure { MEMORY } else { 1.0 };
            for (weight, p) in self.weights.iter_mut().zip(&projected) {
                *weight = (*weight + p / gain * error).clamp(-MOST, MOST);
            }
            for (row, a) in self.covariance.iter_mut().zip(&projected) {
                for (x, b) in row.iter_mut().zip(&projected) {
                    *x = ((*x - a * b / gain) / memory).clamp(-2.0 * UNSURE, 2.0 * UNSURE);
                }
            }
        }
        let [a, b, _] = self.past;
        self.past = [standard(z), a, b];
    }

    pub(super) fn is_valid(&self) -> bool {
        self.weights.iter().all(|x| x.abs() <= MOST)
            && self.past.iter().all(|x| x.abs() <= MOST)
            && (self.covariance.iter().flatten()).all(|x| x.abs() <= 2.0 * UNSURE)
    }
}

const fn standard(z: f64) -> f64 {
    z.clamp(-MOST, MOST)
}

fn dot(a: &[f64; TERMS], b: &[f64; TERMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_learned() {
        let mut local = Local::FRESH;
        let wave = |i: u32| (f64::from(i) * 0.5).sin();
        for i in 0..300 {
            local.learn(wave(i));
        }
        assert!(local.error(wave(300)).abs() < 0.01);
        assert!(local.error(wave(300) + 0.5).abs() > 0.4);
    }

    #[test]
    fn it_stays_finite() {
        let mut local = Local::FRESH;
        for i in 0..20_000_u32 {
            let burst = if i % 997 == 0 { 1e300 } else { 0.0 };
            local.learn(burst);
            assert!(local.is_valid(), "{i}: {local:?}");
        }
    }
}
