//! A bound of its own for any streaming detector.

mod bound;
mod stream;

use bongsu_core::{Error, Result, StreamDetector};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::Thresholded;

/// Configuration of the bound that [`Thresholded`] gives a streaming detector.
///
/// Raw scores of half-space trees, random cut forests, micro-clusters or LODA mean nothing by
/// themselves: what is high depends on the data. So the bound is learned from the detector's own
/// scores. With the last `window` scores of points that were not anomalous,
///
/// `score = (raw - median) / (bound - median)`, and 0 below the median,
///
/// with the `1 - max_alarm_share` quantile of these scores as bound: 0 as expected, 1 at the bound,
/// above 1 anomalous ([`bongsu_core::Calibration::Contamination`], fitted anew each time a sixteenth
/// of the scores is new). It follows scores that drift, as all of these do.
///
/// - An anomalous score is taken in as one a quarter beyond the bound, and at most three times as
///   often as `max_alarm_share` says. So a fault, however large or long, cannot lift the bound far;
///   but the bound does rise while more points than that share are above it. Were such scores left
///   out altogether it would sink from fit to fit.
/// - The detector itself learns anomalous points too, as it does without a bound; without
///   `learn_anomalous` it does not. On labelled data that found no more, and raised more false alarms
///   where what is normal changes.
/// - After `patience` anomalous points in a row they are the new normal: the detector learns them
///   in any case, the old scores are forgotten, and the bound comes from the scores of those points
///   until 40 more were seen, then from these.
///
/// Scores start after those of the detector, when there are `calibration` of them. When all scores
/// in the window are the same, as on a constant metric, anything above is infinitely anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bound {
    max_alarm_share: f64,
    window: usize,
    calibration: usize,
    patience: usize,
    learn_anomalous: bool,
}

impl Default for Bound {
    fn default() -> Self {
        Self {
            max_alarm_share: 0.01,
            window: 1000,
            calibration: 200,
            patience: 40,
            learn_anomalous: true,
        }
    }
}

impl Bound {
    /// The defaults: 1 % of alarms, a window of 1000 scores, 200 to begin with, patience 40,
    /// anomalous points learned.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of normal points above the bound. Domain: (0, 0.1]. Default: 0.01.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_alarm_share(mut self, share: f64) -> Result<Self> {
        self.max_alarm_share = small_share(share)?;
        Ok(self)
    }

    /// How many scores the bound rests on. Domain: [40, 100000]. Default: 1000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, scores: usize) -> Result<Self> {
        self.window = check::count("window", scores, 40, 100_000)?;
        Ok(self)
    }

    /// How many scores there must be for the first bound. Domain: [40, window]. Default: 200.
    ///
    /// # Errors
    /// When not in [40, 100000]; the rest is checked by [`Bound::validate`].
    pub fn calibration(mut self, scores: usize) -> Result<Self> {
        self.calibration = check::count("calibration", scores, 40, 100_000)?;
        Ok(self)
    }

    /// After how many anomalous points in a row they are taken as the new normal; 0 for never.
    /// Domain: 0 or [2, 100000]. Default: 40.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, points: usize) -> Result<Self> {
        self.patience = patience(points)?;
        Ok(self)
    }

    /// Whether the detector learns anomalous points too. When not, it is scored and taught in two
    /// passes, and knows nothing of a new level until `patience` ends. Default: yes.
    #[must_use]
    pub const fn learn_anomalous(mut self, learn: bool) -> Self {
        self.learn_anomalous = learn;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        small_share(self.max_alarm_share)?;
        check::count("window", self.window, 40, 100_000)?;
        check::count("calibration", self.calibration, 40, self.window)?;
        patience(self.patience)?;
        Ok(())
    }

    /// Gives `detector` this bound.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn on<D: StreamDetector>(&self, detector: D) -> Result<Thresholded<D>> {
        self.validate()?;
        Ok(Thresholded::new(*self, detector))
    }
}

fn small_share(share: f64) -> Result<f64> {
    if share > 0.0 && share <= 0.1 {
        Ok(share)
    } else {
        Err(Error::parameter("max_alarm_share", share, "in (0, 0.1]"))
    }
}

fn patience(points: usize) -> Result<usize> {
    if points == 0 {
        Ok(0)
    } else {
        check::count("patience", points, 2, 100_000)
    }
}
