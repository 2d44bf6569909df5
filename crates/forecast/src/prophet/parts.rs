//! The components that a model can be given: seasonalities, holidays, regressors.

use bongsu_core::{Error, Result};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Mode;
use super::country::since_1970;

/// The most pairs of sine and cosine of one seasonality.
const MAX_ORDER: u32 = 1000;

/// The most days that a holiday's window reaches to each side.
const MAX_WINDOW: u32 = 366;

/// Names that a component cannot have.
const RESERVED: [&str; 8] = [
    "trend",
    "holidays",
    "additive_terms",
    "multiplicative_terms",
    "mean",
    "cap",
    "floor",
    "timestamp",
];

/// A scale of a prior: above 0.
pub(super) fn scale(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "above 0 and finite"))
    }
}

fn check_scale(value: Option<f64>) -> Result<()> {
    value.map_or(Ok(()), |value| scale("prior_scale", value).map(drop))
}

/// A name of a component: not empty and not reserved.
pub(super) fn name(value: &str) -> Result<()> {
    if value.is_empty() || RESERVED.contains(&value) {
        let domain = format!("not empty and none of {}", RESERVED.join(", "));
        return Err(Error::parameter("name", format!("`{value}`"), domain));
    }
    Ok(())
}

/// A seasonality: a Fourier series of some period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seasonality {
    pub(super) name: String,
    pub(super) period: f64,
    pub(super) order: u32,
    #[serde(default)]
    pub(super) prior_scale: Option<f64>,
    #[serde(default)]
    pub(super) mode: Option<Mode>,
    #[serde(default)]
    pub(super) condition: Option<String>,
}

impl Seasonality {
    /// With `order` pairs of sine and cosine, the slowest of `period` days. Domains: period above 0,
    /// order in [1, 1000].
    ///
    /// # Errors
    /// When outside the domain, or the name is empty or reserved.
    pub fn new(name: impl Into<String>, period: f64, order: u32) -> Result<Self> {
        let new = Self {
            name: name.into(),
            period,
            order,
            prior_scale: None,
            mode: None,
            condition: None,
        };
        new.validate()?;
        Ok(new)
    }

    /// The scale of the normal prior of its coefficients, above 0. Default: that of the model.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn prior_scale(mut self, value: f64) -> Result<Self> {
        self.prior_scale = Some(scale("prior_scale", value)?);
        Ok(self)
    }

    /// How it acts. Default: the model's mode of seasonalities.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// It acts only where the column `name` is 1, not where that is 0. Default: everywhere.
    ///
    /// # Errors
    /// When the name is empty or reserved.
    pub fn condition(mut self, name: impl Into<String>) -> Result<Self> {
        let condition = name.into();
        self::name(&condition)?;
        self.condition = Some(condition);
        Ok(self)
    }

    pub(super) fn validate(&self) -> Result<()> {
        name(&self.name)?;
        scale("period", self.period)?;
        if !(1..=MAX_ORDER).contains(&self.order) {
            let domain = format!("in [1, {MAX_ORDER}]");
            return Err(Error::parameter("order", self.order, domain));
        }
        self.condition.as_deref().map_or(Ok(()), name)?;
        check_scale(self.prior_scale)
    }
}

/// A holiday or another event: the days on which it happened or will happen.
///
/// Every day of its window has an effect of its own, the same at each occurrence. Days are those of
/// the model's time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub(super) name: String,
    /// Days since 1970-01-01.
    pub(super) days: Vec<i32>,
    #[serde(default)]
    pub(super) before: u32,
    #[serde(default)]
    pub(super) after: u32,
    #[serde(default)]
    pub(super) prior_scale: Option<f64>,
}

impl Holiday {
    /// With its dates, as `2026-12-25`: past ones to learn from, coming ones to forecast.
    ///
    /// # Errors
    /// When the name is empty or reserved, or a date cannot be read.
    pub fn new<'a>(
        name: impl Into<String>,
        dates: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let days = dates.into_iter().map(day_of).collect::<Result<_>>()?;
        let new = Self {
            name: name.into(),
            days,
            before: 0,
            after: 0,
            prior_scale: None,
        };
        new.validate()?;
        Ok(new)
    }

    /// It also affects that many days before and after each date, each day in its own way. Domain:
    /// [0, 366]. Default: 0, 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, before: u32, after: u32) -> Result<Self> {
        (self.before, self.after) = (before, after);
        self.validate()?;
        Ok(self)
    }

    /// The scale of the normal prior of its effects, above 0. Default: that of the model.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn prior_scale(mut self, value: f64) -> Result<Self> {
        self.prior_scale = Some(scale("prior_scale", value)?);
        Ok(self)
    }

    pub(super) fn validate(&self) -> Result<()> {
        name(&self.name)?;
        for (name, days) in [("before", self.before), ("after", self.after)] {
            if days > MAX_WINDOW {
                return Err(Error::parameter(
                    name,
                    days,
                    format!("in [0, {MAX_WINDOW}]"),
                ));
            }
        }
        check_scale(self.prior_scale)
    }
}

/// Days since 1970-01-01 of a date as `2026-12-25`.
fn day_of(text: &str) -> Result<i32> {
    let refused = |domain| Error::parameter("dates", format!("`{text}`"), domain);
    let parsed: Date = text
        .parse()
        .map_err(|_| refused("a date such as 2026-12-25"))?;
    since_1970(parsed).ok_or_else(|| refused("within the calendar"))
}

/// Another series that explains this one, known for the future too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regressor {
    pub(super) name: String,
    #[serde(default)]
    pub(super) prior_scale: Option<f64>,
    #[serde(default)]
    pub(super) mode: Option<Mode>,
    #[serde(default)]
    pub(super) standardise: Option<bool>,
}

impl Regressor {
    /// Its values are the column of this name.
    ///
    /// # Errors
    /// When the name is empty or reserved.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        self::name(&name)?;
        Ok(Self {
            name,
            prior_scale: None,
            mode: None,
            standardise: None,
        })
    }

    /// The scale of the normal prior of its coefficient, above 0. Default: that of holidays.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn prior_scale(mut self, value: f64) -> Result<Self> {
        self.prior_scale = Some(scale("prior_scale", value)?);
        Ok(self)
    }

    /// How it acts. Default: the model's mode of seasonalities.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Whether its mean is taken away and it is divided by its standard deviation. `None`: unless
    /// all its values are 0 or 1. Default: `None`.
    #[must_use]
    pub const fn standardise(mut self, standardise: Option<bool>) -> Self {
        self.standardise = standardise;
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        name(&self.name)?;
        check_scale(self.prior_scale)
    }
}
