//! Several models together: their median, or a mean that trusts those that forecast well.

mod fitted;
mod weights;

use bongsu_core::{FittedForecaster, Forecaster, Result, SeriesView};
use serde::{Deserialize, Serialize};

use crate::{AutoArima, Ces, Ets, Member, Theta, check};

pub use fitted::FittedEnsemble;

use fitted::combine;

/// The most members.
const MAX_MEMBERS: usize = 64;
/// The most origins of the forecasts that members are weighed by.
const MAX_ORIGINS: usize = 1024;

/// How forecasts of several models become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combination {
    /// Their median.
    #[default]
    Median,
    /// Their mean, each weighted by one over its mean absolute error in a [`Backtest`](crate::Backtest)
    /// over the end of the series.
    ///
    /// A series without room for one origin, or without one at which every member could forecast,
    /// gives all members the same weight.
    InverseError {
        /// The steps of each forecast of the backtest: best the horizon that is wanted. Domain: [1,
        /// 1048576].
        horizon: usize,
        /// How many forecasts it makes, one after the other, the last of which ends with the series;
        /// fewer where less than a horizon would be known before the first. Domain: [1, 1024].
        origins: usize,
    },
}

/// Configuration of several models that forecast together.
///
/// Every step's forecast is the median of the members' forecasts, and each bound of an interval the
/// median of their bounds at that level (which keeps the order of bounds, and the coverage where the
/// members agree), or their weighted mean ([`Ensemble::combination`]). A member that cannot be fitted
/// to a series, for example because it is too short, is left out and named by
/// [`FittedEnsemble::failures`].
///
/// Cost: that of the members; with weights as often again as there are origins.
///
/// Source: Petropoulos & Svetunkov 2020, <https://doi.org/10.1016/j.ijforecast.2019.01.006> (the
/// simple combination of univariate models); Bates & Granger 1969,
/// <https://doi.org/10.1057/jors.1969.103> (weights by past errors).
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{Ensemble, Naive};
/// let times = [0, 60, 120].map(Timestamp::from_secs);
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &[1.0, 2.0, 6.0])?;
/// let members = [Naive::last(), Naive::mean(), Naive::drift()].map(Into::into);
/// let fitted = Ensemble::new(members.to_vec())?.fit(&series)?;
/// assert_eq!(fitted.forecast(&ForecastRequest::steps(1))?.mean, [6.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    members: Vec<Member>,
    #[serde(default)]
    combination: Combination,
}

impl Ensemble {
    /// Of these members. Domain: 1 to 64.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn new(members: Vec<Member>) -> Result<Self> {
        let ensemble = Self {
            members,
            combination: Combination::Median,
        };
        ensemble.check_count()?;
        Ok(ensemble)
    }

    /// The four of the source: automatic exponential smoothing, automatic complex smoothing,
    /// automatic ARIMA and the dynamic optimised Theta method, for seasons of `period` points (1 for
    /// none; domain [1, 65536]).
    ///
    /// Cost: nearly all of it is the search of the ARIMA; [`Ensemble::smoothing`] is without it.
    /// Seasons longer than an ARIMA can have are left to the three others: it then goes without one.
    ///
    /// # Errors
    /// When outside the domain.
    ///
    /// ```
    /// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
    /// use bongsu_forecast::Ensemble;
    /// let times: Vec<_> = (0..40).map(|i| Timestamp::from_secs(60 * i)).collect();
    /// let noise = |i: usize| (i * i % 7) as f64 / 50.0;
    /// let values = (0..40).map(|i| 10.0 + [3.0, 0.0, -1.0, -2.0][i % 4] + noise(i));
    /// let values: Vec<f64> = values.collect();
    /// let labels = Labels::empty();
    /// let fitted = Ensemble::scum(4)?.fit(&SeriesView::new(&labels, &times, &values)?)?;
    /// assert_eq!(fitted.members().len(), 4);
    /// let next = fitted.forecast(&ForecastRequest::steps(1))?.mean[0];
    /// assert!((next - 13.0).abs() < 0.2, "{next}");
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn scum(period: usize) -> Result<Self> {
        let arima = AutoArima::new();
        Self::new(vec![
            Ets::automatic().period(period)?.into(),
            Ces::automatic().period(period)?.into(),
            arima.clone().period(period).unwrap_or(arima).into(),
            Theta::dynamic_optimised().period(period)?.into(),
        ])
    }

    /// [`Ensemble::scum`] without the ARIMA, for many series or long ones: automatic exponential
    /// smoothing, automatic complex smoothing and the dynamic optimised Theta method, for seasons of
    /// `period` points (1 for none; domain [1, 65536]).
    ///
    /// # Errors
    /// When outside the domain.
    pub fn smoothing(period: usize) -> Result<Self> {
        Self::new(vec![
            Ets::automatic().period(period)?.into(),
            Ces::automatic().period(period)?.into(),
            Theta::dynamic_optimised().period(period)?.into(),
        ])
    }

    /// The four of [`Ensemble::scum`] for a season of many points, such as the weeks of a year: complex
    /// smoothing and Theta with it, exponential smoothing and ARIMA, which would need a state for each
    /// of its points, without. `period` is in [1, 65536].
    ///
    /// # Errors
    /// When outside the domain.
    ///
    /// ```
    /// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
    /// use bongsu_forecast::{Combination, Ensemble};
    /// let times: Vec<_> = (0..156).map(|i| Timestamp::from_secs(604_800 * i)).collect();
    /// let wave = |i: usize| (std::f64::consts::TAU * i as f64 / 52.0).sin();
    /// let values = (0..156).map(|i| 100.0 + 20.0 * wave(i) + (i * i % 7) as f64);
    /// let values: Vec<f64> = values.collect();
    /// let labels = Labels::empty();
    /// let past = Combination::InverseError { horizon: 13, origins: 3 };
    /// let ensemble = Ensemble::long_season(52)?.combination(past)?;
    /// let fitted = ensemble.fit(&SeriesView::new(&labels, &times, &values)?)?;
    /// let total: f64 = fitted.weights().iter().sum();
    /// assert!(fitted.weights().len() == 4 && (total - 1.0).abs() < 1e-12);
    /// let mean = fitted.forecast(&ForecastRequest::steps(13))?.mean;
    /// assert!((mean[12] - 123.0).abs() < 6.0, "{mean:?}");
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn long_season(period: usize) -> Result<Self> {
        Self::new(vec![
            Ets::automatic().into(),
            Ces::automatic().period(period)?.into(),
            AutoArima::new().into(),
            Theta::dynamic_optimised().period(period)?.into(),
        ])
    }

    /// How the members' forecasts become one. Default: [`Combination::Median`].
    ///
    /// # Errors
    /// When a number of [`Combination::InverseError`] is outside its domain.
    pub fn combination(mut self, combination: Combination) -> Result<Self> {
        self.combination = combination;
        self.check_combination()?;
        Ok(self)
    }

    fn check_count(&self) -> Result<()> {
        check::count("members", self.members.len(), 1, MAX_MEMBERS).map(drop)
    }

    fn check_combination(&self) -> Result<()> {
        if let Combination::InverseError { horizon, origins } = self.combination {
            check::count("horizon", horizon, 1, crate::timeline::MAX_STEPS)?;
            check::count("origins", origins, 1, MAX_ORIGINS)?;
        }
        Ok(())
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When there are no members or too many, or a parameter of one is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.check_count()?;
        self.check_combination()?;
        self.members.iter().try_for_each(Member::validate)
    }

    /// Fits every member to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or no member can be fitted: the first one's error.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedEnsemble> {
        self.validate()?;
        let mut members = Vec::with_capacity(self.members.len());
        let mut kept = Vec::with_capacity(self.members.len());
        let mut failures = Vec::new();
        let mut first_error = None;
        for member in &self.members {
            match member.fit(series) {
                Ok(fitted) => {
                    members.push(fitted);
                    kept.push(member);
                }
                Err(error) => {
                    failures.push(format!("{}: {error}", member.name()));
                    first_error.get_or_insert(error);
                }
            }
        }
        if members.is_empty()
            && let Some(error) = first_error
        {
            return Err(error);
        }
        let weights = match self.combination {
            Combination::Median => Vec::new(),
            Combination::InverseError { horizon, origins } => {
                weights::by_error(&kept, series, horizon, origins)?
            }
        };
        let residuals = combine(members.iter().map(FittedForecaster::residuals), &weights);
        Ok(FittedEnsemble {
            members,
            weights,
            failures,
            residuals,
        })
    }
}

impl Forecaster for Ensemble {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}
