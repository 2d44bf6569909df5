//! The configuration.

use std::collections::BTreeSet;

use bongsu_core::{Error, Result, Timestamp};
use bongsu_stats::calendar::Clock;
use serde::{Deserialize, Serialize};

use super::parts::scale;
use super::{Country, Fourier, Growth, Holiday, Mode, Prophet, Regressor, Scaling, Seasonality};
use crate::check;

/// The most changepoints.
pub(super) const MAX_CHANGEPOINTS: usize = 1000;

/// The most simulated paths.
const MAX_SAMPLES: usize = 1 << 20;

/// All settings; see [`Prophet`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) growth: Growth,
    pub(super) cap: Option<f64>,
    pub(super) floor: Option<f64>,
    pub(super) changepoints: usize,
    pub(super) changepoints_at: Option<Vec<Timestamp>>,
    pub(super) changepoint_range: f64,
    pub(super) changepoint_prior_scale: f64,
    pub(super) yearly: Fourier,
    pub(super) weekly: Fourier,
    pub(super) daily: Fourier,
    pub(super) seasonalities: Vec<Seasonality>,
    pub(super) seasonality_mode: Mode,
    pub(super) seasonality_prior_scale: f64,
    pub(super) holidays: Vec<Holiday>,
    pub(super) countries: Vec<Country>,
    pub(super) holidays_mode: Option<Mode>,
    pub(super) holidays_prior_scale: f64,
    pub(super) regressors: Vec<Regressor>,
    pub(super) scaling: Scaling,
    pub(super) timezone: String,
    pub(super) interval_width: f64,
    pub(super) uncertainty_samples: usize,
    pub(super) seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            growth: Growth::Linear,
            cap: None,
            floor: None,
            changepoints: 25,
            changepoints_at: None,
            changepoint_range: 0.8,
            changepoint_prior_scale: 0.05,
            yearly: Fourier::Auto,
            weekly: Fourier::Auto,
            daily: Fourier::Auto,
            seasonalities: Vec::new(),
            seasonality_mode: Mode::Additive,
            seasonality_prior_scale: 10.0,
            holidays: Vec::new(),
            countries: Vec::new(),
            holidays_mode: None,
            holidays_prior_scale: 10.0,
            regressors: Vec::new(),
            scaling: Scaling::AbsMax,
            timezone: "UTC".to_owned(),
            interval_width: 0.95,
            uncertainty_samples: 1000,
            seed: 0,
        }
    }
}

impl Prophet {
    /// The form of the trend. Logistic growth needs a capacity. Default: [`Growth::Linear`].
    #[must_use]
    pub const fn growth(mut self, growth: Growth) -> Self {
        self.0.growth = growth;
        self
    }

    /// The capacity of logistic growth, the same at every moment; a column `cap` gives one for each
    /// moment instead. Finite. Default: none.
    ///
    /// # Errors
    /// When not finite.
    pub fn cap(mut self, cap: f64) -> Result<Self> {
        self.0.cap = Some(finite("cap", cap)?);
        Ok(self)
    }

    /// The floor of logistic growth, the same at every moment; a column `floor` gives one for each
    /// moment instead. Finite. Default: 0, and the least value with [`Scaling::MinMax`].
    ///
    /// # Errors
    /// When not finite.
    pub fn floor(mut self, floor: f64) -> Result<Self> {
        self.0.floor = Some(finite("floor", floor)?);
        Ok(self)
    }

    /// How many moments, evenly spread over the first part of the history, where the trend may bend.
    /// Domain: [0, 1000]. Default: 25; fewer where the history has fewer points.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn changepoints(mut self, count: usize) -> Result<Self> {
        self.0.changepoints = check::count("changepoints", count, 0, MAX_CHANGEPOINTS)?;
        self.0.changepoints_at = None;
        Ok(self)
    }

    /// The moments where the trend may bend, all within the history; at most 1000.
    ///
    /// # Errors
    /// When there are more.
    pub fn changepoints_at(mut self, mut at: Vec<Timestamp>) -> Result<Self> {
        check::count("changepoints", at.len(), 0, MAX_CHANGEPOINTS)?;
        at.sort_unstable();
        at.dedup();
        self.0.changepoints_at = Some(at);
        Ok(self)
    }

    /// The part of the history in which changepoints lie. Domain: [0, 1]. Default: 0.8.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn changepoint_range(mut self, share: f64) -> Result<Self> {
        self.0.changepoint_range = share_of("changepoint_range", share)?;
        Ok(self)
    }

    /// The scale of the Laplace prior of the changes of slope: larger ones follow bends more closely.
    /// Above 0. Default: 0.05.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn changepoint_prior_scale(mut self, value: f64) -> Result<Self> {
        self.0.changepoint_prior_scale = scale("changepoint_prior_scale", value)?;
        Ok(self)
    }

    /// The seasonality of 365.25 days, usually with 10 pairs. Default: [`Fourier::Auto`].
    #[must_use]
    pub const fn yearly(mut self, yearly: Fourier) -> Self {
        self.0.yearly = yearly;
        self
    }

    /// The seasonality of 7 days, usually with 3 pairs. Default: [`Fourier::Auto`].
    #[must_use]
    pub const fn weekly(mut self, weekly: Fourier) -> Self {
        self.0.weekly = weekly;
        self
    }

    /// The seasonality of a day, usually with 4 pairs. Default: [`Fourier::Auto`].
    #[must_use]
    pub const fn daily(mut self, daily: Fourier) -> Self {
        self.0.daily = daily;
        self
    }

    /// One more seasonality. One called `yearly`, `weekly` or `daily` stands in for the built-in one
    /// where that is on [`Fourier::Auto`].
    ///
    /// # Errors
    /// When its name is taken.
    pub fn add_seasonality(mut self, seasonality: Seasonality) -> Result<Self> {
        self.0.seasonalities.push(seasonality);
        self.names()?;
        Ok(self)
    }

    /// How seasonalities and regressors act where they do not say so themselves. Default:
    /// [`Mode::Additive`].
    #[must_use]
    pub const fn seasonality_mode(mut self, mode: Mode) -> Self {
        self.0.seasonality_mode = mode;
        self
    }

    /// The scale of the normal prior of seasonalities. Above 0. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn seasonality_prior_scale(mut self, value: f64) -> Result<Self> {
        self.0.seasonality_prior_scale = scale("seasonality_prior_scale", value)?;
        Ok(self)
    }

    /// One more holiday; several of one name add their days.
    ///
    /// # Errors
    /// When its name is taken by another component, or another of its name has another prior scale.
    pub fn add_holiday(mut self, holiday: Holiday) -> Result<Self> {
        self.0.holidays.push(holiday);
        self.names()?;
        Ok(self)
    }

    /// More holidays, for example those of a country.
    ///
    /// # Errors
    /// As [`Prophet::add_holiday`].
    pub fn add_holidays(mut self, holidays: impl IntoIterator<Item = Holiday>) -> Result<Self> {
        self.0.holidays.extend(holidays);
        self.names()?;
        Ok(self)
    }

    /// The public holidays of a country, without windows; of several countries those of one name are
    /// one holiday. History and forecast must lie in the years that are known.
    ///
    /// # Errors
    /// When a name is taken by a component that is no holiday.
    pub fn add_country(mut self, country: Country) -> Result<Self> {
        if !self.0.countries.contains(&country) {
            self.0.countries.push(country);
        }
        self.names()?;
        Ok(self)
    }

    /// The columns that a fit needs beside the series: regressors, then conditions.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let regressors = self.0.regressors.iter().map(|r| r.name.as_str());
        let mut names: Vec<&str> = regressors.collect();
        let conditions = self.0.seasonalities.iter();
        for name in conditions.filter_map(|s| s.condition.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Which of `cap` and `floor` logistic growth may take from columns of these names, since they are
    /// not set: a capacity it needs.
    pub fn open_bounds(&self) -> impl Iterator<Item = &'static str> {
        let logistic = self.0.growth == Growth::Logistic;
        let bounds = [("cap", self.0.cap), ("floor", self.0.floor)].into_iter();
        bounds.filter_map(move |(name, set)| (logistic && set.is_none()).then_some(name))
    }

    /// How holidays act. Default: as seasonalities.
    #[must_use]
    pub const fn holidays_mode(mut self, mode: Mode) -> Self {
        self.0.holidays_mode = Some(mode);
        self
    }

    /// The scale of the normal prior of holidays and regressors. Above 0. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn holidays_prior_scale(mut self, value: f64) -> Result<Self> {
        self.0.holidays_prior_scale = scale("holidays_prior_scale", value)?;
        Ok(self)
    }

    /// One more regressor.
    ///
    /// # Errors
    /// When its name is taken.
    pub fn add_regressor(mut self, regressor: Regressor) -> Result<Self> {
        self.0.regressors.push(regressor);
        self.names()?;
        Ok(self)
    }

    /// In which unit the model sees the values. Default: [`Scaling::AbsMax`].
    #[must_use]
    pub const fn scaling(mut self, scaling: Scaling) -> Self {
        self.0.scaling = scaling;
        self
    }

    /// The zone of the clocks and calendars that seasonalities and holidays follow: a name of the
    /// IANA database. Default: `UTC`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(mut self, name: &str) -> Result<Self> {
        Clock::new(name)?;
        name.clone_into(&mut self.0.timezone);
        Ok(self)
    }

    /// The coverage of the intervals of a [`Prediction`](super::Prediction) that was not asked for
    /// other ones. Domain: (0, 1). Default: 0.95.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn interval_width(mut self, width: f64) -> Result<Self> {
        self.0.interval_width = width_of(width)?;
        Ok(self)
    }

    /// The number of simulated futures of the trend. Domain: [0, 1048576]; with 0 there are no
    /// intervals. Default: 1000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn uncertainty_samples(mut self, count: usize) -> Result<Self> {
        self.0.uncertainty_samples = check::count("uncertainty_samples", count, 0, MAX_SAMPLES)?;
        Ok(self)
    }

    /// The seed of the simulation (PCG64). Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or two contradict each other.
    pub fn validate(&self) -> Result<()> {
        let s = &self.0;
        for (name, value) in [("cap", s.cap), ("floor", s.floor)] {
            if let Some(value) = value {
                finite(name, value)?;
            }
        }
        check::count("changepoints", s.changepoints, 0, MAX_CHANGEPOINTS)?;
        let at = s.changepoints_at.as_deref().unwrap_or_default();
        check::count("changepoints", at.len(), 0, MAX_CHANGEPOINTS)?;
        if at.iter().zip(at.iter().skip(1)).any(|(a, b)| a >= b) {
            return Err(Error::input("the changepoints must strictly increase"));
        }
        share_of("changepoint_range", s.changepoint_range)?;
        scale("changepoint_prior_scale", s.changepoint_prior_scale)?;
        scale("seasonality_prior_scale", s.seasonality_prior_scale)?;
        scale("holidays_prior_scale", s.holidays_prior_scale)?;
        for fourier in [s.yearly, s.weekly, s.daily] {
            if let Fourier::Order(order) = fourier {
                check::count("order", order as usize, 0, 1000)?;
            }
        }
        s.seasonalities.iter().try_for_each(Seasonality::validate)?;
        s.holidays.iter().try_for_each(Holiday::validate)?;
        s.regressors.iter().try_for_each(Regressor::validate)?;
        Clock::new(&s.timezone)?;
        width_of(s.interval_width)?;
        check::count("uncertainty_samples", s.uncertainty_samples, 0, MAX_SAMPLES)?;
        if let (Some(cap), Some(floor)) = (s.cap, s.floor)
            && cap <= floor
        {
            let domain = format!("above the floor, {floor}");
            return Err(Error::parameter("cap", cap, domain));
        }
        self.names()
    }

    /// Every component has a name of its own.
    fn names(&self) -> Result<()> {
        let s = &self.0;
        let mut seen = BTreeSet::new();
        let mut holidays: BTreeSet<&str> = s.holidays.iter().map(|h| h.name.as_str()).collect();
        for name in s.countries.iter().flat_map(Country::names) {
            holidays.insert(name);
        }
        let seasonalities = s.seasonalities.iter().map(|x| x.name.as_str());
        let regressors = s.regressors.iter().map(|x| x.name.as_str());
        for name in seasonalities.chain(holidays).chain(regressors) {
            if !seen.insert(name) {
                return Err(taken(name));
            }
        }
        for name in ["yearly", "weekly", "daily"] {
            let of_others = s.holidays.iter().any(|h| h.name == name);
            if of_others || s.regressors.iter().any(|r| r.name == name) {
                return Err(taken(name));
            }
        }
        for holiday in &s.holidays {
            let namesake = s.holidays.iter().find(|other| other.name == holiday.name);
            if namesake.is_some_and(|other| other.prior_scale != holiday.prior_scale) {
                return Err(Error::input(format!(
                    "the holiday `{}` has two prior scales",
                    holiday.name
                )));
            }
        }
        Ok(())
    }
}

fn taken(name: &str) -> Error {
    Error::parameter(
        "name",
        format!("`{name}`"),
        "not the name of another component",
    )
}

fn finite(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite"))
    }
}

fn share_of(name: &str, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in [0, 1]"))
    }
}

fn width_of(value: f64) -> Result<f64> {
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter("interval_width", value, "in (0, 1)"))
    }
}
