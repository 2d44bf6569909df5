use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::join::{Profile, join, self_join};
use super::{MatrixProfile, check_windows, column};
use crate::check;

/// A series with whose subsequences others are compared; see [`MatrixProfile`].
///
/// Memory: 8 bytes a training point.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let wave = |i: usize| (i as f64 / 4.0).sin();
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| wave(i));
/// let fitted = bongsu_ml::MatrixProfile::new().window(25)?.fit(x.view())?;
/// let new = Array2::from_shape_fn((60, 1), |(i, _)| if i < 30 { wave(i + 7) } else { wave(2 * i) });
/// let scores = fitted.score(new.view())?;
/// assert!(scores[3] < 0.02 && scores[50] > 0.3);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedMatrixProfile {
    windows: Vec<usize>,
    causal: bool,
    threshold: f64,
    series: Vec<f64>,
}

impl FittedMatrixProfile {
    pub(super) fn learn(config: &MatrixProfile, series: Vec<f64>) -> Result<(Self, Vec<f64>)> {
        let half = series.len() / 2;
        for &window in &config.windows {
            if window > half {
                let domain = format!("at most half of the {} training points", series.len());
                return Err(Error::parameter("window", window, domain));
            }
        }
        let mut scores = vec![0.0; series.len()];
        for &window in &config.windows {
            let all = self_join(&series, window)?;
            let profile = if config.causal { all.left } else { all.both() };
            add_scores(&profile, window, config.causal, &mut scores);
        }
        let votes = config.windows.len() as f64;
        scores.iter_mut().for_each(|score| *score /= votes);
        let fitted = Self {
            windows: config.windows.clone(),
            causal: config.causal,
            threshold: quantile(&scores, 1.0 - config.contamination),
            series,
        };
        Ok((fitted, scores))
    }
}

/// Adds the scores of points in subsequences of this profile.
fn add_scores(profile: &Profile, window: usize, causal: bool, scores: &mut [f64]) {
    let largest = 2.0 * (window as f64).sqrt();
    // What could not be compared with anything counts as nothing known.
    let share = |d: &f64| d.is_finite().then_some(d / largest);
    if causal {
        for (score, d) in scores.iter_mut().skip(window - 1).zip(&profile.distances) {
            *score += share(d).unwrap_or(0.0);
        }
        return;
    }
    // Sums over all subsequences that start before a place: exact enough, as shares are at most 1.
    let mut sums = vec![(0.0, 0_usize)];
    let (mut sum, mut count) = (0.0, 0);
    for share in profile.distances.iter().map(share) {
        sum += share.unwrap_or(0.0);
        count += usize::from(share.is_some());
        sums.push((sum, count));
    }
    let before = |place: usize| {
        let place = place.min(profile.distances.len());
        sums.get(place).copied().unwrap_or_default()
    };
    for (point, score) in scores.iter_mut().enumerate() {
        let (to, from) = (
            before(point + 1),
            before((point + 1).saturating_sub(window)),
        );
        if to.1 > from.1 {
            // Differences of sums may end a rounding below 0.
            *score += ((to.0 - from.0) / (to.1 - from.1) as f64).max(0.0);
        }
    }
}

impl Detector for FittedMatrixProfile {
    fn n_features(&self) -> usize {
        1
    }

    /// The rows of a call are consecutive and at least as many as the longest window.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, 1)?;
        let new = column(&x)?;
        out.fill(0.0);
        for &window in &self.windows {
            let profile = join(&new, &self.series, window)?;
            add_scores(&profile, window, self.causal, out);
        }
        let votes = self.windows.len() as f64;
        out.iter_mut().for_each(|score| *score /= votes);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }
}

impl Snapshot for FittedMatrixProfile {
    const KIND: &'static str = "ml.matrix_profile";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        check_windows(&self.windows)?;
        let half = self.series.len() / 2;
        let fits = self.windows.iter().all(|&window| window <= half);
        let finite = self.series.iter().all(|x| x.is_finite());
        if fits && finite && (0.0..=1.0).contains(&self.threshold) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the training series, the windows and the threshold do not fit together",
            ))
        }
    }
}
