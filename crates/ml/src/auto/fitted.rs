use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Rows, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::Auto;
use super::look::Look;
use super::member::{Choice, Member};
use crate::check;

/// The chosen methods, each with the mean and the deviation of its training scores; see [`Auto`].
///
/// Memory: that of the methods: 40 kB for clusters, at most 80 kB for components, some 300 kB for the
/// forest, 8 bytes a training point for the matrix profile.
///
/// ```
/// use bongsu_core::{FitDetector as _, ndarray::Array2};
/// let noise = Array2::from_shape_fn((400, 1), |(i, _)| (i * i % 37) as f64);
/// let fitted = bongsu_ml::Auto::new().fit(noise.view())?;
/// assert_eq!(fitted.look().points, 400);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedAuto {
    look: Look,
    /// None for a series that never changes.
    members: Vec<Weighed>,
    /// The first value.
    first: f64,
    threshold: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Weighed {
    member: Member,
    mean: f64,
    deviation: f64,
}

impl FittedAuto {
    pub(super) fn learn(config: &Auto, rows: &Rows<'_>) -> Result<(Self, Vec<f64>)> {
        let values: Vec<f64> = rows.values().iter().copied().collect();
        let first = values.first().copied().unwrap_or_default();
        let mut fitted = Self {
            look: Look::at(&values)?,
            members: Vec::new(),
            first,
            threshold: 0.0,
        };
        let mut scores = vec![0.0; values.len()];
        if values.iter().any(|x| *x != first) {
            fitted.combine(config, rows, &mut scores)?;
        }
        fitted.threshold = quantile(&scores, 1.0 - config.contamination);
        Ok((fitted, scores))
    }

    /// Fits the methods and adds up their scores. One that cannot take the series is left out, as
    /// long as another can.
    fn combine(&mut self, config: &Auto, rows: &Rows<'_>, scores: &mut [f64]) -> Result<()> {
        let mut failed = None;
        for choice in Choice::all_for(&self.look) {
            let (member, own) = match choice.fit_score(rows, config.seed) {
                Ok(fitted) => fitted,
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            let (mean, deviation) = mean_and_deviation(&own);
            let weighed = Weighed {
                member,
                mean,
                deviation,
            };
            weighed.add(&own, scores);
            self.members.push(weighed);
        }
        if let (true, Some(error)) = (self.members.is_empty(), failed) {
            return Err(error);
        }
        self.scale(scores);
        Ok(())
    }

    fn scale(&self, scores: &mut [f64]) {
        let root = (self.members.len().max(1) as f64).sqrt();
        scores.iter_mut().for_each(|score| *score /= root);
    }

    /// What the series looked like.
    #[must_use]
    pub const fn look(&self) -> &Look {
        &self.look
    }

    /// What was chosen and why, in a sentence or two.
    #[must_use]
    pub fn explanation(&self) -> String {
        let names = self.members.iter().map(|m| m.choice().name());
        self.look.because(&names.collect::<Vec<_>>())
    }
}

impl Weighed {
    fn add(&self, own: &[f64], scores: &mut [f64]) {
        for (score, own) in scores.iter_mut().zip(own) {
            let standard = ((own - self.mean) / self.deviation).clamp(-1e6, 1e6);
            *score += standard;
        }
    }

    const fn choice(&self) -> Choice {
        match self.member {
            Member::Clusters(_) => Choice::Clusters,
            Member::Components(_) => Choice::Components,
            Member::Forest(_) => Choice::Forest,
            Member::Profile(_) => Choice::Profile(0),
        }
    }
}

/// Of scores, which are not negative; a deviation of 0 counts as 1.
fn mean_and_deviation(scores: &[f64]) -> (f64, f64) {
    let n = scores.len().max(1) as f64;
    let mean = scores.iter().map(|s| s / n).sum::<f64>();
    let largest = scores.iter().fold(0.0_f64, |m, s| m.max((s - mean).abs()));
    if largest <= 1e-12 * mean.abs() || largest < f64::MIN_POSITIVE {
        return (mean, 1.0);
    }
    let square: f64 = scores
        .iter()
        .map(|s| ((s - mean) / largest).powi(2) / n)
        .sum();
    (mean, (largest * square.sqrt()).max(f64::MIN_POSITIVE))
}

impl Detector for FittedAuto {
    fn n_features(&self) -> usize {
        1
    }

    /// The rows of a call are consecutive, and at least as many as a subsequence has points.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, 1)?;
        if self.members.is_empty() {
            for (slot, value) in out.iter_mut().zip(&x) {
                *slot = if *value == self.first { 0.0 } else { 1.0 };
            }
            return Ok(());
        }
        let mut own = vec![0.0; out.len()];
        out.fill(0.0);
        for member in &self.members {
            member.member.score_into(&x, &mut own)?;
            member.add(&own, out);
        }
        self.scale(out);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }
}

impl Snapshot for FittedAuto {
    const KIND: &'static str = "ml.auto";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        for weighed in &self.members {
            weighed.member.validate()?;
        }
        let sound = |m: &Weighed| {
            m.mean.is_finite()
                && m.deviation.is_finite()
                && m.deviation > 0.0
                && m.member.n_features() == 1
        };
        let look = [self.look.strength, self.look.stillness, self.look.roughness];
        if self.members.len() <= 4
            && self.members.iter().all(sound)
            && look.iter().all(|x| x.is_finite())
            && self.first.is_finite()
            && self.threshold.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the methods of the automatic detector do not fit, or a number is not finite",
            ))
        }
    }
}
