//! The design matrix: what seasonalities, holidays and regressors are at each moment.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::f64::consts::PI;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result, Timestamp};
use bongsu_stats::calendar::Clock;
use jiff::ToSpan as _;
use serde::{Deserialize, Serialize};

use super::columns::place;
use super::config::Settings;
use super::{Columns, Country, Mode, Seasonality};

pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// The most columns of a design matrix.
const MAX_FEATURES: usize = 4096;

/// What a component of a forecast is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ComponentKind {
    /// A seasonality.
    Seasonality,
    /// A holiday with all days of its window.
    Holiday,
    /// A regressor.
    Regressor,
}

/// A component: a run of columns that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) kind: ComponentKind,
    pub(super) mode: Mode,
}

/// A column of the design matrix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Feature {
    pub(super) name: String,
    /// The index of its component.
    pub(super) part: usize,
    pub(super) mode: Mode,
    /// The standard deviation of the normal prior of its coefficient.
    pub(super) prior: f64,
}

/// The mean and the deviation that a regressor is standardised by.
pub(super) type Standard = (f64, f64);

/// Which columns there are, and how they come about.
#[derive(Debug)]
pub(super) struct Design<'a> {
    settings: &'a Settings,
    seasonalities: &'a [Seasonality],
    pub(super) parts: Vec<Part>,
    pub(super) features: Vec<Feature>,
    /// For each day of a holiday's window: the column.
    days: BTreeMap<i32, Vec<usize>>,
    /// The columns of the public holidays of countries, by name.
    public: BTreeMap<&'static str, usize>,
    clock: Option<Clock>,
}

impl<'a> Design<'a> {
    /// With `seasonalities` instead of those of the settings, which may be automatic.
    pub(super) fn new(settings: &'a Settings, seasonalities: &'a [Seasonality]) -> Result<Self> {
        let clock = if settings.timezone == "UTC" {
            None
        } else {
            Some(Clock::new(&settings.timezone)?)
        };
        let mut design = Self {
            settings,
            seasonalities,
            parts: Vec::new(),
            features: Vec::new(),
            days: BTreeMap::new(),
            public: BTreeMap::new(),
            clock,
        };
        design.add_seasonalities();
        design.add_holidays();
        design.add_regressors();
        if design.features.len() > MAX_FEATURES {
            return Err(Error::input(format!(
                "the components have {} coefficients, but must have at most {MAX_FEATURES}",
                design.features.len()
            )));
        }
        Ok(design)
    }

    fn add_part(&mut self, name: &str, kind: ComponentKind, mode: Mode) -> usize {
        self.parts.push(Part {
            name: name.to_owned(),
            kind,
            mode,
        });
        self.parts.len() - 1
    }

    fn add_seasonalities(&mut self) {
        for s in self.seasonalities {
            let mode = s.mode.unwrap_or(self.settings.seasonality_mode);
            let part = self.add_part(&s.name, ComponentKind::Seasonality, mode);
            let scale = self.settings.seasonality_prior_scale;
            let prior = s.prior_scale.unwrap_or(scale);
            let columns = 1..=2 * s.order as usize;
            self.features.extend(columns.map(|i| Feature {
                name: format!("{}_{i}", s.name),
                part,
                mode,
                prior,
            }));
        }
    }

    /// One column a holiday and day of its window, in the order of their names.
    fn add_holidays(&mut self) {
        let s = self.settings;
        let mode = s.holidays_mode.unwrap_or(s.seasonality_mode);
        let mut columns: BTreeMap<String, (usize, f64, Vec<i32>)> = BTreeMap::new();
        let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
        for holiday in &s.holidays {
            let part = match parts.get(holiday.name.as_str()) {
                Some(&part) => part,
                None => self.add_part(&holiday.name, ComponentKind::Holiday, mode),
            };
            parts.insert(&holiday.name, part);
            let prior = holiday.prior_scale.unwrap_or(s.holidays_prior_scale);
            let (before, after) = (i64::from(holiday.before), i64::from(holiday.after));
            for offset in -before..=after {
                let sign = if offset < 0 { '-' } else { '+' };
                let name = format!("{}_{sign}{}", holiday.name, offset.abs());
                let days = holiday.days.iter();
                // Days of the calendar are far from the ends of the type.
                let days = days.map(|&day| (i64::from(day) + offset) as i32);
                let column = columns.entry(name).or_insert((part, prior, Vec::new()));
                column.2.extend(days);
            }
        }
        let mut public = BTreeMap::new();
        for name in s.countries.iter().flat_map(Country::names) {
            let part = match parts.get(name) {
                Some(&part) => part,
                None => self.add_part(name, ComponentKind::Holiday, mode),
            };
            parts.insert(name, part);
            let column = format!("{name}_+0");
            let new = (part, s.holidays_prior_scale, Vec::new());
            columns.entry(column.clone()).or_insert(new);
            public.insert(column, name);
        }
        for (name, (part, prior, mut days)) in columns {
            if let Some(&public) = public.get(&name) {
                self.public.insert(public, self.features.len());
            }
            days.sort_unstable();
            days.dedup();
            for day in days {
                self.days.entry(day).or_default().push(self.features.len());
            }
            self.features.push(Feature {
                name,
                part,
                mode,
                prior,
            });
        }
    }

    fn add_regressors(&mut self) {
        let s = self.settings;
        for r in &s.regressors {
            let mode = r.mode.unwrap_or(s.seasonality_mode);
            let part = self.add_part(&r.name, ComponentKind::Regressor, mode);
            self.features.push(Feature {
                name: r.name.clone(),
                part,
                mode,
                prior: r.prior_scale.unwrap_or(s.holidays_prior_scale),
            });
        }
    }

    /// The names of the columns that are needed beside the series: regressors, then conditions.
    pub(super) fn needs(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self
            .settings
            .regressors
            .iter()
            .map(|r| r.name.as_str())
            .collect();
        let conditions = self
            .seasonalities
            .iter()
            .filter_map(|s| s.condition.as_deref());
        for name in conditions {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Checks the columns of the settings at `times` in the rows `kept`, so that messages count rows as
    /// they were given.
    pub(super) fn check(
        &self,
        columns: &Columns<'_>,
        times: &[Timestamp],
        kept: &[usize],
    ) -> Result<()> {
        let kept = || kept.iter().copied();
        for r in &self.settings.regressors {
            columns.finite("regressor", &r.name, times, kept())?;
        }
        for s in self.seasonalities {
            if let Some(name) = &s.condition {
                condition(columns, name, times, kept())?;
            }
        }
        Ok(())
    }

    /// How each regressor is standardised, from its values in the history.
    pub(super) fn standards(&self, columns: &Columns<'_>, keep: &[usize]) -> Result<Vec<Standard>> {
        let standard = |r: &super::Regressor| {
            let values = columns
                .get(&r.name)
                .ok_or_else(|| Error::input(format!("the regressor `{}` is missing", r.name)))?;
            let kept = || keep.iter().filter_map(|&row| values.get(row)).copied();
            let Some(first) = kept().next() else {
                return Ok((0.0, 1.0));
            };
            let constant = kept().all(|value| value == first);
            let binary = kept().all(|value| value == 0.0 || value == 1.0);
            if constant || !r.standardise.unwrap_or(!binary) {
                return Ok((0.0, 1.0));
            }
            let n = kept().count() as f64;
            let mean = kept().sum::<f64>() / n;
            let squares: f64 = kept().map(|value| (value - mean) * (value - mean)).sum();
            let deviation = (squares / (n - 1.0)).sqrt();
            if deviation > 0.0 && deviation.is_finite() {
                Ok((mean, deviation))
            } else {
                Err(Error::input(format!(
                    "the values of the regressor `{}` are too far apart or too close together to be \
                     standardised",
                    r.name
                )))
            }
        };
        self.settings.regressors.iter().map(standard).collect()
    }

    /// Milliseconds on the local clock since 1970-01-01 00:00 on that clock.
    fn local(&self, time: Timestamp) -> Result<i64> {
        match &self.clock {
            None => Ok(time.as_millis()),
            Some(clock) => {
                let seconds = clock.local_seconds(time)?;
                Ok(seconds * 1000 + time.as_millis().rem_euclid(1000))
            }
        }
    }

    /// The columns of every holiday of the years of `times`.
    fn days_at(&self, times: &[Timestamp]) -> Result<Cow<'_, BTreeMap<i32, Vec<usize>>>> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Ok(Cow::Borrowed(&self.days));
        };
        if self.public.is_empty() {
            return Ok(Cow::Borrowed(&self.days));
        }
        let mut days = self.days.clone();
        for year in year_of(self.local(first)?)?..=year_of(self.local(last)?)? {
            for country in &self.settings.countries {
                for (day, name) in country.holidays(year)? {
                    if let Some(&column) = self.public.get(name) {
                        days.entry(day).or_default().push(column);
                    }
                }
            }
        }
        Ok(Cow::Owned(days))
    }

    /// The matrix at `times`, one row each; `columns` have as many values.
    pub(super) fn matrix(
        &self,
        times: &[Timestamp],
        columns: &Columns<'_>,
        standards: &[Standard],
    ) -> Result<Array2<f64>> {
        let width = self.features.len();
        let mut x = Array2::zeros((times.len(), width));
        let mut conditions = Vec::with_capacity(self.seasonalities.len());
        for s in self.seasonalities {
            conditions.push(match &s.condition {
                None => None,
                Some(name) => Some(condition(columns, name, times, 0..times.len())?),
            });
        }
        let mut regressors = Vec::with_capacity(standards.len());
        for (r, &standard) in self.settings.regressors.iter().zip(standards) {
            let values = columns.finite("regressor", &r.name, times, 0..times.len())?;
            regressors.push((values, standard));
        }
        if width == 0 {
            return Ok(x);
        }
        let holidays = self.days_at(times)?;
        let rows = x.as_slice_mut().unwrap_or_default().chunks_exact_mut(width);
        for (row, (out, &time)) in rows.zip(times).enumerate() {
            let local = self.local(time)?;
            // As the reference, digit for digit: seconds, days, then the angle of one day.
            let days = local as f64 / 1000.0 / 86_400.0;
            let angle = PI * 2.0 * days;
            let mut rest = &mut *out;
            for (s, condition) in self.seasonalities.iter().zip(&conditions) {
                let Some((mine, others)) = rest.split_at_mut_checked(2 * s.order as usize) else {
                    break;
                };
                rest = others;
                let on = condition.is_none_or(|values| values.get(row).is_some_and(|&v| v == 1.0));
                if on {
                    for (i, pair) in mine.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                        let (sine, cosine) = ((i + 1) as f64 / s.period * angle).sin_cos();
                        *pair = [sine, cosine];
                    }
                }
            }
            let of_regressors = width - regressors.len().min(width);
            let mine = out.get_mut(of_regressors..).unwrap_or_default();
            for (out, (values, (mean, deviation))) in mine.iter_mut().zip(&regressors) {
                let value = values.get(row).copied().unwrap_or(f64::NAN);
                *out = (value - mean) / deviation;
            }
            if !holidays.is_empty() {
                let day = day_of(local);
                for &column in holidays.get(&day).map_or(&[][..], Vec::as_slice) {
                    if let Some(out) = out.get_mut(column) {
                        *out = 1.0;
                    }
                }
            }
        }
        Ok(x)
    }
}

/// Days since 1970-01-01 of a moment of a local clock.
fn day_of(local: i64) -> i32 {
    i32::try_from(local.div_euclid(DAY_MILLIS)).unwrap_or(i32::MAX)
}

/// The year of a moment of a local clock.
fn year_of(local: i64) -> Result<i16> {
    let start = jiff::civil::date(1970, 1, 1);
    let day = start.checked_add(day_of(local).days());
    let beyond = |_| Error::input("a moment is beyond the calendar that holidays follow");
    day.map(jiff::civil::Date::year).map_err(beyond)
}

/// The values of a condition, 0 or 1 in the rows `kept`.
fn condition<'a>(
    columns: &Columns<'a>,
    name: &str,
    times: &[Timestamp],
    kept: impl IntoIterator<Item = usize> + Clone,
) -> Result<&'a [f64]> {
    let values = columns.finite("condition", name, times, kept.clone())?;
    for row in kept {
        let (Some(&value), Some(&time)) = (values.get(row), times.get(row)) else {
            continue;
        };
        if value != 0.0 && value != 1.0 {
            return Err(Error::input(format!(
                "the condition `{name}` is {value} {}, but must be 0 or 1",
                place(row, time)
            )));
        }
    }
    Ok(values)
}

/// The seasonalities of the settings, with the built-in ones that are on for a history from `first`
/// to `last` whose closest points are `gap` milliseconds apart.
pub(super) fn seasonalities(
    settings: &Settings,
    first: Timestamp,
    last: Timestamp,
    gap: i64,
) -> Vec<Seasonality> {
    let mut all = settings.seasonalities.clone();
    let span = last.millis_since(first);
    let builtin = [
        ("yearly", settings.yearly, 365.25, 10, 730, i64::MAX),
        ("weekly", settings.weekly, 7.0, 3, 14, 7 * DAY_MILLIS),
        ("daily", settings.daily, 1.0, 4, 2, DAY_MILLIS),
    ];
    for (name, choice, period, usual, days, too_wide) in builtin {
        let own = all.iter().position(|s| s.name == name);
        let automatic = span >= days * DAY_MILLIS && gap < too_wide && own.is_none();
        let order = choice.order(automatic, usual);
        if order == 0 {
            continue;
        }
        let seasonality = Seasonality {
            name: name.to_owned(),
            period,
            order,
            prior_scale: None,
            mode: None,
            condition: None,
        };
        match own.and_then(|at| all.get_mut(at)) {
            Some(slot) => *slot = seasonality,
            None => all.push(seasonality),
        }
    }
    all
}
