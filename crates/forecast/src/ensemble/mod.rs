//! The median of several models.

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Forecaster, PredictionInterval, Result,
    SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::{AutoArima, Ces, Ets, FittedMember, Member, Theta};

/// The most members.
const MAX_MEMBERS: usize = 64;

/// Configuration of the median of several models.
///
/// Every step's forecast is the median of the members' forecasts, and each bound of an interval the
/// median of their bounds at that level (which keeps the order of bounds, and the coverage where the
/// members agree). A member that cannot be fitted to a series, for example because it is too short, is
/// left out and named by [`FittedEnsemble::failures`].
///
/// Cost: that of the members.
///
/// Source: Petropoulos & Svetunkov 2020, <https://doi.org/10.1016/j.ijforecast.2019.01.006> (the
/// simple combination of univariate models).
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
}

impl Ensemble {
    /// Of these members. Domain: 1 to 64.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn new(members: Vec<Member>) -> Result<Self> {
        let ensemble = Self { members };
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

    fn check_count(&self) -> Result<()> {
        let count = self.members.len();
        crate::check::count("members", count, 1, MAX_MEMBERS).map(drop)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When there are no members or too many, or a parameter of one is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.check_count()?;
        self.members.iter().try_for_each(Member::validate)
    }

    /// Fits every member to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or no member can be fitted: the first one's error.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedEnsemble> {
        self.validate()?;
        let mut members = Vec::with_capacity(self.members.len());
        let mut failures = Vec::new();
        let mut first_error = None;
        for member in &self.members {
            match member.fit(series) {
                Ok(fitted) => members.push(fitted),
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
        let residuals = medians(members.iter().map(FittedForecaster::residuals));
        Ok(FittedEnsemble {
            members,
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

/// The fitted members of an ensemble; see [`Ensemble`].
///
/// Takes what the members take, and 8 bytes a fitted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedEnsemble {
    members: Vec<FittedMember>,
    failures: Vec<String>,
    residuals: Vec<f64>,
}

impl FittedEnsemble {
    /// The members that were fitted.
    #[must_use]
    pub fn members(&self) -> &[FittedMember] {
        &self.members
    }

    /// Which members could not be fitted, and why.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl FittedForecaster for FittedEnsemble {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        let forecasts: Vec<Forecast> = self
            .members
            .iter()
            .map(|member| member.forecast(request))
            .collect::<Result<_>>()?;
        let intervals = request.levels.iter().enumerate().map(|(i, &level)| {
            let at = |forecast: &'_ Forecast| forecast.intervals.get(i).cloned();
            let each: Vec<PredictionInterval> = forecasts.iter().filter_map(at).collect();
            PredictionInterval {
                level,
                lower: medians(each.iter().map(|interval| interval.lower.as_slice())),
                upper: medians(each.iter().map(|interval| interval.upper.as_slice())),
            }
        });
        Ok(Forecast {
            mean: medians(forecasts.iter().map(|forecast| forecast.mean.as_slice())),
            intervals: intervals.collect(),
            timestamps: forecasts
                .into_iter()
                .next()
                .map(|forecast| forecast.timestamps)
                .unwrap_or_default(),
        })
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let known = self.residuals.len();
        let mut members = self.members.clone();
        members.iter_mut().try_for_each(|member| member.update(y))?;
        let new = members
            .iter()
            .map(|m| m.residuals().get(known..).unwrap_or_default());
        self.residuals.extend(medians(new));
        self.members = members;
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

/// The median of the columns that are not NaN, row by row; NaN where all are.
fn medians<'a>(columns: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
    let columns: Vec<&[f64]> = columns.collect();
    let rows = columns.iter().map(|column| column.len()).max().unwrap_or(0);
    let mut row_values = Vec::with_capacity(columns.len());
    let median = |row: usize| {
        row_values.clear();
        let values = columns.iter().filter_map(|column| column.get(row));
        row_values.extend(values.filter(|value| !value.is_nan()));
        row_values.sort_unstable_by(f64::total_cmp);
        let middle = row_values.len() / 2;
        match (
            row_values.get(middle.wrapping_sub(1)),
            row_values.get(middle),
        ) {
            (Some(a), Some(b)) if row_values.len() % 2 == 0 => 0.5 * a + 0.5 * b,
            (_, Some(b)) => *b,
            _ => f64::NAN,
        }
    };
    (0..rows).map(median).collect()
}

impl Snapshot for FittedEnsemble {
    const KIND: &'static str = "forecast.ensemble.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.members.iter().try_for_each(FittedMember::validate)?;
        let n = self.residuals.len();
        let alike = self.members.iter().all(|m| m.residuals().len() == n);
        if alike && !self.members.is_empty() && self.members.len() <= MAX_MEMBERS {
            Ok(())
        } else {
            Err(Error::snapshot(
                "an ensemble has no members, too many, or members of other series",
            ))
        }
    }
}
