//! What a series looks like, without labels.

use bongsu_core::Result;
use bongsu_stats::period::PeriodSearch;
use bongsu_stats::robust::median;
use serde::{Deserialize, Serialize};

use super::member::{self, Choice};

/// The most values that the search of a period looks at: the latest ones.
const LATEST: usize = 20_000;

/// What a series looks like: what the choice of methods rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The number of values.
    pub points: usize,
    /// The strongest period in points, if there is one.
    pub period: Option<usize>,
    /// How much of the series repeats after it: 0 for nothing, 1 for all.
    pub strength: f64,
    /// The share of steps from value to value that are 0: near 1 for metrics that mostly stand still.
    pub stillness: f64,
    /// The median size of a step as a share of the median distance from the median: near 0 for smooth
    /// series, above 1 for noise.
    pub roughness: f64,
}

impl Look {
    /// Which methods [`Auto`](crate::Auto) chooses for a series that looks like this, and why, in a
    /// sentence or two. One that refuses the series is left out when it is fitted; see
    /// [`FittedAuto::explanation`](crate::FittedAuto::explanation).
    #[must_use]
    pub fn explanation(&self) -> String {
        // Every step stands still.
        if self.stillness >= 1.0 {
            return self.because(&[]);
        }
        let names = Choice::all_for(self).into_iter().map(Choice::name);
        self.because(&names.collect::<Vec<_>>())
    }

    /// Why `methods` judge it.
    pub(super) fn because(&self, methods: &[&str]) -> String {
        if methods.is_empty() {
            return "The series never changes: any other value is anomalous.".to_owned();
        }
        let why = match member::clear_period(self) {
            Some(period) => format!(
                "It repeats itself every {period} points (strength {:.2})",
                self.strength
            ),
            None => match self.period {
                Some(period) => format!(
                    "Its period of {period} points is weak (strength {:.2}) or it is long ({} points)",
                    self.strength, self.points
                ),
                None => "It has no period".to_owned(),
            },
        };
        format!("{why}: judged by {}.", methods.join(" and "))
    }

    /// Looks at `values`.
    ///
    /// # Errors
    /// When a value is not finite.
    pub fn at(values: &[f64]) -> Result<Self> {
        let latest = values
            .get(values.len().saturating_sub(LATEST)..)
            .unwrap_or_default();
        let found = PeriodSearch::new().find(latest)?;
        let strongest = found.first();
        let steps: Vec<f64> = values
            .windows(2)
            .map(|pair| match pair {
                [a, b] => (b / 2.0 - a / 2.0).abs(),
                _ => 0.0,
            })
            .collect();
        let still = steps.iter().filter(|step| **step == 0.0).count();
        Ok(Self {
            points: values.len(),
            period: strongest.map(|period| period.points),
            strength: strongest.map_or(0.0, |period| period.strength),
            stillness: still as f64 / steps.len().max(1) as f64,
            roughness: roughness(values, &steps),
        })
    }
}

/// `steps` are halved, and so are the distances here, so that neither overflows.
fn roughness(values: &[f64], steps: &[f64]) -> f64 {
    if steps.is_empty() {
        return 0.0;
    }
    let center = median(values);
    let distances: Vec<f64> = values
        .iter()
        .map(|x| (x / 2.0 - center / 2.0).abs())
        .collect();
    let (step, distance) = (median(steps), median(&distances));
    if distance > 0.0 {
        (step / distance).min(1e6)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_a_line_and_a_constant_look_different() {
        let wave: Vec<f64> = (0..2_000).map(|i| (f64::from(i) * 0.1).sin()).collect();
        let look = Look::at(&wave).unwrap();
        assert!((62..=64).contains(&look.period.unwrap()));
        assert!(look.strength > 0.9 && look.roughness < 0.2 && look.stillness < 0.01);
        let constant = Look::at(&[3.0; 500]).unwrap();
        assert_eq!(
            (constant.period, constant.stillness, constant.roughness),
            (None, 1.0, 0.0)
        );
        let huge = Look::at(&[1e308, -1e308, 1e308, -1e308]).unwrap();
        assert!(huge.roughness.is_finite());
    }
}
