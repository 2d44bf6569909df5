//! Seasonal hybrid ESD: a generalised ESD test of what season and median leave.

use bongsu_core::ndarray::{ArrayView2, Axis, aview1};
use bongsu_core::{
    Detector, Direction, Error, Expectation, FitDetector, Result, Rows, Snapshot, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::decompose::{Stl, check_period};
use crate::gesd::{FittedGesd, Gesd};
use crate::period::PeriodSearch;
use crate::robust::median;
use crate::seasonal::{Grid, on_grid};

/// Configuration of the seasonal hybrid ESD test (S-H-ESD).
///
/// `r = x - season - median`, where the season is the mean cycle of a robust [`Stl`]
/// decomposition whose cycles are all alike, and the median that of all rows, or with
/// [`Shesd::piece`] that of the row's piece of the series, which follows slow changes. The trend of
/// the decomposition is not taken off: it would follow long anomalies. The residuals go through the
/// hybrid test of [`Gesd`] (median and median absolute deviation); the score of a row is the test's
/// score of its residual.
///
/// Rows have their phase by their timestamps, or in the order of the call, as with
/// [`crate::Seasonal`]; rows after those it learned from are judged by the median of the last
/// piece.
///
/// Cost: that of [`Stl`] and O(n log n) to fit, O(1) time a row to score; a fitted model holds 8
/// bytes a point of the period and a piece.
///
/// Source: Hochenbaum, Vallis & Kejariwal 2017, <https://arxiv.org/abs/1704.07706>; pieces: Vallis,
/// Hochenbaum & Kejariwal 2014, <https://www.usenix.org/conference/hotcloud14>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, Rows, ndarray::Array2};
/// use bongsu_stats::Shesd;
/// let season = [0.0, 4.0, 9.0, 4.0, 0.0, -5.0];
/// let mut values = Array2::from_shape_fn((90, 1), |(i, _)| season[i % 6] + (i * i % 7) as f64 / 10.0);
/// values[[32, 0]] = 5.0; // 9 is usual here: small for the whole, large for its place
/// let (fitted, scores) = Shesd::new().period(6)?.fit_score(&Rows::untimed(values.view()))?;
/// let above: Vec<usize> = (0..90).filter(|&i| Some(scores[i]) > fitted.threshold()).collect();
/// assert_eq!(above, [32]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Shesd {
    period: Option<usize>,
    piece: Option<usize>,
    test: Test,
}

/// The part of the configuration that the test takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Test {
    alpha: f64,
    max_anomalies: f64,
    direction: Direction,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            max_anomalies: 0.1,
            direction: Direction::Both,
        }
    }
}

/// A window of the seasonal smoother that makes all cycles alike.
const PERIODIC: usize = (1 << 20) + 1;

impl Shesd {
    /// The defaults: the period that is found, level 0.05, at most a tenth of the rows, both
    /// sides, one median.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The period in points. Domain: at least 2. Default: the strongest that is found.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(mut self, points: usize) -> Result<Self> {
        self.period = Some(check_period(points)?);
        Ok(self)
    }

    /// The probability that anomalies are found where there are none. Domain: (0, 0.5]. Default:
    /// 0.05.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.test.alpha = alpha;
        self.gesd()?;
        Ok(self)
    }

    /// The largest share of rows that may be anomalous. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_anomalies(mut self, share: f64) -> Result<Self> {
        self.test.max_anomalies = share;
        self.gesd()?;
        Ok(self)
    }

    /// The side on which rows can be anomalous. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.test.direction = direction;
        self
    }

    /// Points of a piece with a median of its own, for long series whose level moves (two weeks in
    /// the source). Domain: at least two periods. Default: one piece holds all.
    ///
    /// # Errors
    /// When below 4.
    pub fn piece(mut self, points: usize) -> Result<Self> {
        self.piece = Some(check_piece(points)?);
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.period.map(check_period).transpose()?;
        let piece = self.piece.map(check_piece).transpose()?;
        if let (Some(period), Some(piece)) = (self.period, piece)
            && piece < period.saturating_mul(2)
        {
            let domain = format!("at least two periods of {period} points");
            return Err(Error::parameter("piece", piece, domain));
        }
        self.gesd().map(|_| ())
    }

    fn gesd(&self) -> Result<Gesd> {
        let gesd = Gesd::new().hybrid(true).direction(self.test.direction);
        gesd.alpha(self.test.alpha)?
            .max_share(self.test.max_anomalies)
            .map_err(|_| Error::parameter("max_anomalies", self.test.max_anomalies, "in (0, 0.5]"))
    }

    fn learn(
        &self,
        values: &[f64],
        times: Option<&[Timestamp]>,
    ) -> Result<(FittedShesd, Vec<f64>)> {
        self.validate()?;
        let (steps, grid) = on_grid(values, times)?;
        let period = match self.period {
            Some(period) => period,
            None => PeriodSearch::new()
                .find(&steps)?
                .first()
                .map(|period| period.points)
                .ok_or_else(|| Error::input("no period was found in these rows; state one"))?,
        };
        let parts = Stl::new(period)?
            .seasonal(PERIODIC)?
            .degrees(0, 1, 1)?
            .robust(true)
            .decompose(&steps)?;
        let place = Place {
            grid,
            piece: self.piece.unwrap_or(steps.len()).max(1),
            season: mean_cycle(&parts.seasonal, period),
            medians: Vec::new(),
        };
        let place = place.with_medians(&steps);
        let residual = |(row, x): (usize, &f64)| x - place.expected(place.of(row, times));
        let residuals: Vec<f64> = values.iter().enumerate().map(residual).collect();
        let table = aview1(&residuals).insert_axis(Axis(1));
        let (gesd, scores) = self.gesd()?.fit_score(&Rows::untimed(table))?;
        let config = self.clone();
        let fitted = FittedShesd {
            config,
            place,
            gesd,
        };
        fitted.place.validate().map_err(|_| {
            Error::input("season and median are not finite; scale the values down first")
        })?;
        Ok((fitted, scores))
    }
}

impl FitDetector for Shesd {
    type Fitted = FittedShesd;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedShesd> {
        self.learn(&check::column(&x)?, None)
            .map(|(fitted, _)| fitted)
    }

    /// Rows that the test finds score above the threshold and others do not.
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedShesd, Vec<f64>)> {
        self.learn(&check::column(&rows.values())?, rows.timestamps())
    }
}

fn check_piece(points: usize) -> Result<usize> {
    check::window("piece", points, 4)
}

/// The mean at each phase.
fn mean_cycle(seasonal: &[f64], period: usize) -> Vec<f64> {
    let mean = |phase: usize| {
        let values = seasonal.iter().skip(phase).step_by(period);
        let count = values.len().max(1) as f64;
        values.map(|x| x / count).sum()
    };
    (0..period).map(mean).collect()
}

/// The season and the medians, and where rows belong in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    grid: Option<Grid>,
    /// Steps of a piece.
    piece: usize,
    season: Vec<f64>,
    /// Of the pieces.
    medians: Vec<f64>,
}

impl Place {
    /// With the medians of whole pieces; what is left at the end belongs to the last one, whose
    /// median is that of the last `piece` steps.
    fn with_medians(mut self, steps: &[f64]) -> Self {
        let whole = (steps.len() / self.piece).max(1);
        let mut pieces: Vec<&[f64]> = steps.chunks(self.piece).take(whole).collect();
        if let Some(last) = pieces.last_mut() {
            let start = steps.len().saturating_sub(self.piece);
            *last = steps.get(start..).unwrap_or(last);
        }
        self.medians = pieces.into_iter().map(median).collect();
        self
    }

    /// The step of a row.
    fn of(&self, row: usize, times: Option<&[Timestamp]>) -> i64 {
        match (self.grid, times.and_then(|times| times.get(row))) {
            (Some(grid), Some(&at)) => grid.place(at),
            _ => i64::try_from(row).unwrap_or(i64::MAX),
        }
    }

    fn expected(&self, step: i64) -> f64 {
        let length = i64::try_from(self.season.len()).unwrap_or(1).max(1);
        let phase = usize::try_from(step.rem_euclid(length)).unwrap_or(0);
        let piece = usize::try_from(step).unwrap_or(0) / self.piece.max(1);
        let median = self.medians.get(piece).or_else(|| self.medians.last());
        let season = self.season.get(phase).copied().unwrap_or(0.0);
        season + median.copied().unwrap_or(0.0)
    }

    fn validate(&self) -> Result<()> {
        let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
        let whole = !self.season.is_empty() && !self.medians.is_empty() && self.piece > 0;
        let steps = self.grid.is_none_or(|grid| grid.is_valid());
        if whole && steps && finite(&self.season) && finite(&self.medians) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the season or the medians are missing or not finite",
            ))
        }
    }
}

/// A season, medians and what the test learned from the rest; see [`Shesd`].
///
/// Cost: O(1) time a row; 8 bytes a point of the period and a piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedShesd {
    config: Shesd,
    place: Place,
    gesd: FittedGesd,
}

impl FittedShesd {
    /// The period in points.
    #[must_use]
    pub fn period(&self) -> usize {
        self.place.season.len()
    }
}

impl Detector for FittedShesd {
    fn n_features(&self) -> usize {
        1
    }

    /// Without timestamps: the first row has the phase of the first row it learned from.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.score_rows_into(&Rows::untimed(x), out)
    }

    fn threshold(&self) -> Option<f64> {
        self.gesd.threshold()
    }

    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        check::score_rows(&rows.values(), out, |x| x)?;
        for (row, slot) in out.iter_mut().enumerate() {
            let expected = self.place.expected(self.place.of(row, rows.timestamps()));
            let residual = (*slot - expected).clamp(-f64::MAX, f64::MAX);
            *slot = self.gesd.score_value(residual);
        }
        Ok(())
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        let Some(band) = self.gesd.expectation() else {
            return Ok(None);
        };
        let shifted = |row: usize| {
            let expected = self.place.expected(self.place.of(row, rows.timestamps()));
            Expectation {
                expected: expected + band.expected,
                lower: expected + band.lower,
                upper: expected + band.upper,
            }
        };
        Ok(Some((0..rows.len()).map(shifted).collect()))
    }
}

impl Snapshot for FittedShesd {
    const KIND: &'static str = "stats.shesd.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.place.validate()?;
        self.gesd.validate()
    }
}
