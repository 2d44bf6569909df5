//! Residuals of a seasonal decomposition, judged by their z-score.

mod cycles;
mod fitted;
mod learn;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::calendar::{Bins, Profile};
use crate::check;
use crate::decompose::{Model, check_period};

pub(crate) use cycles::Grid;
pub use fitted::FittedSeasonal;
pub(crate) use learn::on_grid;

/// What tells the expected value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A moving average and one fixed cycle; see [`crate::decompose::Classical`].
    Classical,
    /// Local regression with one cycle that may change; see [`crate::decompose::Stl`].
    #[default]
    Stl,
    /// Local regression with several cycles; see [`crate::decompose::Mstl`].
    Mstl,
    /// The calendar of a time zone, which needs timestamps; see [`crate::calendar::Profile`].
    Profile,
}

impl Method {
    /// The word used in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classical => "classical",
            Self::Stl => "stl",
            Self::Mstl => "mstl",
            Self::Profile => "profile",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Classical, Self::Stl, Self::Mstl, Self::Profile]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| {
                let domain = "classical, stl, mstl or profile";
                Error::parameter("method", format!("`{text}`"), domain)
            })
    }
}

/// Configuration of the seasonal detector.
///
/// `score = |r - c| / s`, where `r` is the residual of the row (the value less what season and
/// trend expect; over it, when multiplicative), and `c` and `s` are the centre and the scale of the
/// residuals of the rows it learned from: median and 1.4826 times the median absolute deviation, or
/// mean and standard deviation when not robust. A scale is never below 1e-10 of the largest
/// magnitude, so that the rounding of a metric that is met exactly is not judged.
///
/// **Phase.** Where rows have timestamps both when fitting and when scoring, a row's place in the
/// season follows from its time; steps without a row are interpolated when fitting. Without
/// timestamps the first row of every call has the phase of the first row it learned from: score the
/// window it learned from together with the rows that follow it. A row it learned from is judged by
/// the decomposition; a later one by the last level of the trend and the last cycle of the season.
///
/// **Causality.** The decomposition looks to both sides: the residual of a row it learned from also
/// depends on later rows. Rows after those are judged by earlier ones alone.
///
/// Cost: that of the decomposition to fit, O(1) time a row to score; a fitted model holds 8 bytes a
/// row it learned from, and 8 a point of each period.
///
/// Source: z-scores of the residuals of Cleveland et al. 1990 (STL), *Journal of Official
/// Statistics* 6, 3-73, or of the other decompositions, as [`Method`] says.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_stats::Seasonal;
/// let season = [0.0, 4.0, 9.0, 4.0, 0.0, -5.0];
/// let value = |i: usize| season[i % 6] + (i * i % 5) as f64 / 10.0;
/// let train = Array2::from_shape_fn((60, 1), |(i, _)| value(i));
/// let fitted = Seasonal::stl().period(6)?.fit(train.view())?;
/// // The same rows and three more, the last of which breaks the pattern.
/// let rows = Array2::from_shape_fn((63, 1), |(i, _)| if i == 62 { 0.0 } else { value(i) });
/// let scores = fitted.score(rows.view())?;
/// assert!(scores[61] < 4.0 && scores[62] > 20.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seasonal {
    method: Method,
    /// None given: they are found.
    periods: Vec<usize>,
    model: Model,
    robust: bool,
    /// The window of the seasonal smoother in cycles.
    smoothness: usize,
    bins: Bins,
    timezone: String,
    threshold: f64,
}

impl Default for Seasonal {
    fn default() -> Self {
        Self {
            method: Method::Stl,
            periods: Vec::new(),
            model: Model::Additive,
            robust: true,
            smoothness: 35,
            bins: Bins::default(),
            timezone: "UTC".to_owned(),
            threshold: 4.0,
        }
    }
}

impl Seasonal {
    /// The defaults: STL with the period that is found, robust, a threshold of 4.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The defaults with STL; see [`Method::Stl`].
    #[must_use]
    pub fn stl() -> Self {
        Self::default()
    }

    /// The textbook preset: an additive classical decomposition of a period of 24 points, and
    /// plain z-scores of its residuals with a threshold of 3.
    #[must_use]
    pub fn classic() -> Self {
        Self {
            method: Method::Classical,
            periods: vec![24],
            robust: false,
            threshold: 3.0,
            ..Self::default()
        }
    }

    /// What tells the expected value. Default: [`Method::Stl`].
    #[must_use]
    pub const fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The period in points. Domain: at least 2. Default: the strongest that is found.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(self, points: usize) -> Result<Self> {
        self.periods(&[points])
    }

    /// The periods in points; several are for [`Method::Mstl`]. None at all means those that are
    /// found by [`crate::period::PeriodSearch`]. Domain: at least 2 each, at most 16 of them.
    /// Default: none.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn periods(mut self, points: &[usize]) -> Result<Self> {
        self.periods = points.to_vec();
        self.check_periods()?;
        Ok(self)
    }

    /// How season and residual combine with the trend; a multiplicative model is for
    /// [`Method::Classical`]. Default: [`Model::Additive`].
    #[must_use]
    pub const fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Whether outliers lose their weight in STL and MSTL (in 3 outer passes), and residuals are judged by median and
    /// median absolute deviation rather than mean and standard deviation. Default: yes.
    #[must_use]
    pub const fn robust(mut self, robust: bool) -> Self {
        self.robust = robust;
        self
    }

    /// Over how many cycles the season of STL and MSTL is averaged, at a constant level each (degree
    /// 0): the more, the slower it follows changes, and the less it bends to noise and anomalies.
    /// STL's own 7 cycles with lines leave residuals of normal noise of which 3 to 28 in 100 score
    /// above 4; the default leaves 1 in 100 with 4 cycles and 1 in 5000 with 60. Domain: odd, at
    /// least 3. Default: 35.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn seasonal_window(mut self, cycles: usize) -> Result<Self> {
        self.smoothness = check_smoothness(cycles)?;
        Ok(self)
    }

    /// The bins of [`Method::Profile`]. Default: [`Bins::HourOfWeek`].
    #[must_use]
    pub const fn bins(mut self, bins: Bins) -> Self {
        self.bins = bins;
        self
    }

    /// The time zone of [`Method::Profile`], such as `Europe/Berlin`. Domain: a name of the IANA
    /// database. Default: `UTC`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(mut self, name: &str) -> Result<Self> {
        Profile::new().timezone(name)?;
        name.clone_into(&mut self.timezone);
        Ok(self)
    }

    /// The score above which a row is anomalous. Domain: finite, above 0. Default: 4.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or two do not fit together.
    pub fn validate(&self) -> Result<()> {
        check::positive("threshold", self.threshold)?;
        check_smoothness(self.smoothness)?;
        self.check_periods()?;
        self.profile()?;
        if self.periods.len() > 1 && self.method != Method::Mstl {
            let count = format!("{} periods", self.periods.len());
            let domain = format!("a single one for the method {}", self.method);
            return Err(Error::parameter("period", count, domain));
        }
        if self.model == Model::Multiplicative && self.method != Method::Classical {
            let domain = format!("additive for the method {}", self.method);
            return Err(Error::parameter("model", "multiplicative", domain));
        }
        Ok(())
    }

    /// Learns from a column of consecutive values without timestamps.
    ///
    /// # Errors
    /// As [`FitDetector::fit`].
    pub fn fit_column(&self, values: &[f64]) -> Result<FittedSeasonal> {
        FittedSeasonal::learn(self.clone(), values, None)
    }

    fn check_periods(&self) -> Result<()> {
        if self.periods.len() > 16 {
            return Err(Error::shape("number of periods", self.periods.len(), 16));
        }
        self.periods
            .iter()
            .try_for_each(|&p| check_period(p).map(|_| ()))
    }

    fn profile(&self) -> Result<Profile> {
        Profile::new()
            .bins(self.bins)?
            .timezone(&self.timezone)?
            .threshold(self.threshold)
    }
}

fn check_smoothness(cycles: usize) -> Result<usize> {
    if cycles >= 3 && cycles % 2 == 1 {
        Ok(cycles)
    } else {
        Err(Error::parameter(
            "seasonal_window",
            cycles,
            "an odd number of cycles of at least 3",
        ))
    }
}

impl FitDetector for Seasonal {
    type Fitted = FittedSeasonal;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedSeasonal> {
        FittedSeasonal::learn(self.clone(), &check::column(&x)?, None)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedSeasonal, Vec<f64>)> {
        use bongsu_core::Detector as _;
        let values = check::column(&rows.values())?;
        let fitted = FittedSeasonal::learn(self.clone(), &values, rows.timestamps())?;
        let scores = fitted.score_rows(rows)?;
        Ok((fitted, scores))
    }
}
