//! How far from a forecast the future lies, by lead.

use bongsu_stats::robust::quantile;
use bongsu_stats::special::{normal_isf, student_isf};

/// Errors of a forecast: a slow part, whose spread grows with the lead as a power of it, and a fast
/// part about it.
///
/// `e(h) = k s(h) T + f(h)`: `s(h) = sigma (h / block)^growth` with the growth fitted to the mean
/// squares of the errors' means over blocks (days), lead by lead, weighted by how many independent
/// stretches of time each one rests on and drawn to that of a random walk, 1/2; `T` has Student's
/// distribution, since there are few such stretches. The factor `k` makes the bounds hold the
/// stated share of the errors that were seen.
#[derive(Debug, Clone)]
pub(crate) struct ErrorModel {
    block: f64,
    /// Spread of the slow part at a lead of one block.
    pub(crate) sigma: f64,
    /// The power of the lead.
    pub(crate) growth: f64,
    /// Degrees of freedom of the slow part.
    pub(crate) freedom: f64,
    /// Spread of the fast part.
    pub(crate) fast: f64,
    /// What the slow spread is multiplied by.
    pub(crate) factor: f64,
}

/// The growth of a random walk's errors, to which few data are drawn, and by how many stretches' worth.
const WALK: f64 = 0.5;
const WALK_WEIGHT: f64 = 2.0;

/// The least and greatest growth: of a level that is known, of a slope that is not.
const GROWTH: (f64, f64) = (0.1, 1.0);

/// Bounds of the factor of calibration.
const FACTOR: (f64, f64) = (1.0, 4.0);

impl ErrorModel {
    /// `errors`: for each origin the errors by lead, NaN where a value was missing; `span`: the steps
    /// between the first and the last origin.
    pub(crate) fn fit(errors: &[&[f64]], block: usize, span: usize, level: f64) -> Self {
        let width = block.max(1);
        let longest = errors.iter().map(|e| e.len()).max().unwrap_or(0);
        // A horizon of less than a block is one block.
        let width = width.min(longest.max(1));
        let mut fast = (0.0, 0.0);
        let mut slow = vec![(0.0, 0.0); longest / width];
        for errors in errors {
            for (part, slot) in errors.chunks_exact(width).zip(&mut slow) {
                let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
                for error in part.iter().filter(|e| e.is_finite()) {
                    sum += error;
                    squares += error * error;
                    count += 1.0;
                }
                if count > 0.0 {
                    let mean = sum / count;
                    slot.0 += mean * mean;
                    slot.1 += 1.0;
                    if count > 1.0 {
                        fast.0 += (squares - sum * mean).max(0.0);
                        fast.1 += count - 1.0;
                    }
                }
            }
        }
        let fast: f64 = if fast.1 > 0.0 {
            f64::sqrt(fast.0 / fast.1)
        } else {
            0.0
        };
        let mut model = Self {
            block: width as f64,
            sigma: 0.0,
            growth: WALK,
            freedom: 4.0,
            fast,
            factor: 1.0,
        };
        model.fit_growth(&slow, span as f64 / width as f64);
        model.calibrate(errors, level);
        model
    }

    /// Fits spread and growth to sums of squares and counts by block of lead.
    fn fit_growth(&mut self, slow: &[(f64, f64)], span: f64) {
        let mut points = Vec::with_capacity(slow.len());
        let mut stretches = 0.0;
        for (i, &(squares, count)) in slow.iter().enumerate() {
            let lead = (i + 1) as f64;
            if count > 0.0 && squares > 0.0 {
                // Errors of origins closer than the lead are nearly the same error.
                let weight = (1.0 + span / lead).min(count);
                // The logarithm of a mean of few squares is low on average.
                let low = 1.0 / weight + 1.0 / (3.0 * weight * weight);
                points.push((lead.ln(), (squares / count).ln() + low, weight));
                stretches += weight;
            }
        }
        if points.is_empty() {
            return;
        }
        let mean = |f: &dyn Fn(&(f64, f64, f64)) -> f64| {
            points.iter().map(|p| p.2 * f(p)).sum::<f64>() / stretches
        };
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let sxx: f64 = points.iter().map(|p| p.2 * (p.0 - x).powi(2)).sum();
        let sxy: f64 = points.iter().map(|p| p.2 * (p.0 - x) * (p.1 - y)).sum();
        let prior = WALK_WEIGHT;
        let slope = (sxy + prior * 2.0 * WALK) / (sxx + prior);
        self.growth = (slope / 2.0).clamp(GROWTH.0, GROWTH.1);
        self.sigma = ((y - 2.0 * self.growth * x) / 2.0).exp();
        self.freedom = (stretches / points.len() as f64).clamp(2.5, 30.0);
    }

    /// Finds the factor with which the bounds hold `level` of the errors.
    fn calibrate(&mut self, errors: &[&[f64]], level: f64) {
        let mut ratios = Vec::new();
        for errors in errors {
            for (lead, error) in errors.iter().enumerate().filter(|(_, e)| e.is_finite()) {
                let half = self.half_width(lead + 1, level);
                if half > 0.0 {
                    ratios.push(error.abs() / half);
                }
            }
        }
        if !ratios.is_empty() {
            let found = quantile(&ratios, level);
            self.factor = found.clamp(FACTOR.0, FACTOR.1);
        }
    }

    /// The spread of the slow part at a lead in steps.
    pub(crate) fn slow(&self, lead: f64) -> f64 {
        let blocks = (lead / self.block).max(0.5);
        self.factor * self.sigma * blocks.powf(self.growth)
    }

    /// Half of the width of the interval that holds `level` of the values at `lead` steps.
    pub(crate) fn half_width(&self, lead: usize, level: f64) -> f64 {
        let tail = ((1.0 - level) / 2.0).clamp(1e-9, 0.5);
        let slow = self.slow(lead as f64) * student_isf(tail, self.freedom);
        let fast = self.fast * normal_isf(tail);
        slow.hypot(fast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_growth_of_errors_is_found() {
        // Two origins whose errors are +-0.1 lead^p: no randomness, only the power.
        for power in [0.3_f64, 1.0] {
            let one: Vec<f64> = (1..=60).map(|h| 0.1 * f64::from(h).powf(power)).collect();
            let other: Vec<f64> = one.iter().map(|e| -e).collect();
            let model = ErrorModel::fit(&[&one, &other], 1, 600, 0.8);
            assert!((model.growth - power).abs() < 0.12, "{model:?}");
            let ratio = model.half_width(60, 0.8) / one.last().copied().unwrap_or(1.0);
            assert!((1.0..3.0).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn errors_of_nothing_are_nothing() {
        let zeros = [0.0; 24];
        let model = ErrorModel::fit(&[&zeros, &zeros], 6, 6, 0.9);
        assert_eq!(model.half_width(100, 0.9), 0.0);
        assert_eq!(ErrorModel::fit(&[], 6, 6, 0.9).half_width(1, 0.9), 0.0);
    }
}
