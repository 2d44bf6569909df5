use std::fmt::{self, Display};
use std::str::FromStr;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the error enters an exponential smoothing model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// It is added to the forecast.
    Additive,
    /// It is a fraction of the forecast; for values above 0.
    Multiplicative,
}

/// The trend of an exponential smoothing model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendType {
    /// A level alone.
    None,
    /// A slope is added at every step.
    Additive,
    /// A slope that shrinks with every step.
    Damped,
}

/// The season of an exponential smoothing model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeasonType {
    /// No season.
    None,
    /// It is added to the level.
    Additive,
    /// It multiplies the level; for values above 0.
    Multiplicative,
}

/// One exponential smoothing model, written as in `ETS(A,Ad,N)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EtsModel {
    /// How the error enters.
    pub error: ErrorType,
    /// The trend.
    pub trend: TrendType,
    /// The season.
    pub season: SeasonType,
}

impl EtsModel {
    /// Whether it has a slope.
    pub(super) const fn has_slope(self) -> bool {
        !matches!(self.trend, TrendType::None)
    }

    /// Whether it has a season.
    pub(super) const fn has_season(self) -> bool {
        !matches!(self.season, SeasonType::None)
    }

    /// Whether it divides by what it forecasts.
    pub(super) const fn needs_positive(self) -> bool {
        matches!(self.error, ErrorType::Multiplicative)
            || matches!(self.season, SeasonType::Multiplicative)
    }

    /// Whether the variance of its forecasts has a closed form.
    pub(super) const fn has_analytic_variance(self) -> bool {
        matches!(self.error, ErrorType::Multiplicative)
            || !matches!(self.season, SeasonType::Multiplicative)
    }

    /// The number of smoothing parameters.
    pub(super) const fn smoothing_count(self) -> usize {
        let trend = match self.trend {
            TrendType::None => 0,
            TrendType::Additive => 1,
            TrendType::Damped => 2,
        };
        1 + trend + self.has_season() as usize
    }

    /// The number of free states at the start, for a season of `period` points.
    pub(super) const fn start_count(self, period: usize) -> usize {
        let season = if self.has_season() { period - 1 } else { 0 };
        1 + self.has_slope() as usize + season
    }
}

impl Display for EtsModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.error {
            ErrorType::Additive => "A",
            ErrorType::Multiplicative => "M",
        };
        let trend = match self.trend {
            TrendType::None => "N",
            TrendType::Additive => "A",
            TrendType::Damped => "Ad",
        };
        let season = match self.season {
            SeasonType::None => "N",
            SeasonType::Additive => "A",
            SeasonType::Multiplicative => "M",
        };
        write!(f, "ETS({error},{trend},{season})")
    }
}

/// Which exponential smoothing models are tried: each part is one type, or any.
///
/// Parsed from three letters for error, trend and season: `A` additive, `M` multiplicative (not for
/// the trend), `N` none, `Z` any; for example `AAN` or `ZZZ`.
///
/// ```
/// use bongsu_forecast::ets::{ErrorType, Family};
/// let family: Family = "AZN".parse()?;
/// assert_eq!((family.error, family.slope), (Some(ErrorType::Additive), None));
/// assert!("AMN".parse::<Family>().is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Family {
    /// How the error enters; `None` for any.
    pub error: Option<ErrorType>,
    /// Whether there is a slope; `None` for either.
    pub slope: Option<bool>,
    /// The season; `None` for any.
    pub season: Option<SeasonType>,
}

impl Family {
    /// Its models in the order in which they are tried. Those that multiply a season and add an
    /// error are unstable: they are tried only where the family names both.
    pub(super) fn models(self, damped: Option<bool>) -> Vec<EtsModel> {
        let mut models = Vec::with_capacity(15);
        let trends = |slope: bool| match slope {
            false => &[TrendType::None][..],
            true => &[TrendType::Damped, TrendType::Additive],
        };
        let seasons = [
            SeasonType::None,
            SeasonType::Additive,
            SeasonType::Multiplicative,
        ];
        for error in [ErrorType::Additive, ErrorType::Multiplicative] {
            for slope in [false, true] {
                for season in seasons {
                    let unstable = error == ErrorType::Additive
                        && season == SeasonType::Multiplicative
                        && (self.error.is_none() || self.season.is_none());
                    let wanted = self.error.is_none_or(|wanted| wanted == error)
                        && self.slope.is_none_or(|wanted| wanted == slope)
                        && self.season.is_none_or(|wanted| wanted == season);
                    if !wanted || unstable {
                        continue;
                    }
                    models.extend(trends(slope).iter().filter_map(|&trend| {
                        let is_damped = trend == TrendType::Damped;
                        let wanted = !slope || damped.is_none_or(|wanted| wanted == is_damped);
                        wanted.then_some(EtsModel {
                            error,
                            trend,
                            season,
                        })
                    }));
                }
            }
        }
        models
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::parameter(
                "model",
                text,
                "three letters: error A, M or Z, trend N, A or Z, season N, A, M or Z",
            )
        };
        let mut letters = text.chars();
        let (Some(error), Some(trend), Some(season), None) = (
            letters.next(),
            letters.next(),
            letters.next(),
            letters.next(),
        ) else {
            return Err(refused());
        };
        Ok(Self {
            error: match error {
                'A' => Some(ErrorType::Additive),
                'M' => Some(ErrorType::Multiplicative),
                'Z' => None,
                _ => return Err(refused()),
            },
            slope: match trend {
                'N' => Some(false),
                'A' => Some(true),
                'Z' => None,
                _ => return Err(refused()),
            },
            season: match season {
                'N' => Some(SeasonType::None),
                'A' => Some(SeasonType::Additive),
                'M' => Some(SeasonType::Multiplicative),
                'Z' => None,
                _ => return Err(refused()),
            },
        })
    }
}

impl Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.error {
            Some(ErrorType::Additive) => 'A',
            Some(ErrorType::Multiplicative) => 'M',
            None => 'Z',
        };
        let trend = match self.slope {
            Some(false) => 'N',
            Some(true) => 'A',
            None => 'Z',
        };
        let season = match self.season {
            Some(SeasonType::None) => 'N',
            Some(SeasonType::Additive) => 'A',
            Some(SeasonType::Multiplicative) => 'M',
            None => 'Z',
        };
        write!(f, "{error}{trend}{season}")
    }
}

impl TryFrom<String> for Family {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Family> for String {
    fn from(family: Family) -> Self {
        family.to_string()
    }
}
