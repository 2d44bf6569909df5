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
    /// A factor multiplies the level at every step; for values above 0.
    Multiplicative,
    /// A factor that nears 1 with every step; for values above 0.
    MultiplicativeDamped,
}

impl TrendType {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [
        Self::None,
        Self::Additive,
        Self::Damped,
        Self::Multiplicative,
        Self::MultiplicativeDamped,
    ];
}

/// Whether and how a model has a slope, damped or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlopeType {
    /// A level alone.
    None,
    /// A slope is added at every step.
    Additive,
    /// A factor multiplies the level at every step; for values above 0.
    Multiplicative,
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

impl SeasonType {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Additive, Self::Multiplicative];
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

    /// Whether its slope is a factor.
    pub(super) const fn trend_multiplies(self) -> bool {
        use TrendType as T;
        matches!(self.trend, T::Multiplicative | T::MultiplicativeDamped)
    }

    /// Whether its slope fades.
    pub(super) const fn is_damped(self) -> bool {
        use TrendType as T;
        matches!(self.trend, T::Damped | T::MultiplicativeDamped)
    }

    /// What is left of `slope` after a step.
    pub(super) fn damp(self, slope: f64, damping: f64) -> f64 {
        match self.trend {
            TrendType::None => 0.0,
            TrendType::Additive | TrendType::Multiplicative => slope,
            TrendType::Damped => damping * slope,
            TrendType::MultiplicativeDamped => slope.powf(damping),
        }
    }

    /// The next level without an error, from the level and the damped slope.
    pub(super) fn join(self, level: f64, trend: f64) -> f64 {
        if self.trend_multiplies() {
            level * trend
        } else {
            level + trend
        }
    }

    /// Whether it divides by what it forecasts, or multiplies by it.
    pub(super) const fn needs_positive(self) -> bool {
        self.trend_multiplies()
            || matches!(self.error, ErrorType::Multiplicative)
            || matches!(self.season, SeasonType::Multiplicative)
    }

    /// Whether the variance of its forecasts has a closed form.
    pub(super) const fn has_analytic_variance(self) -> bool {
        !self.trend_multiplies()
            && (matches!(self.error, ErrorType::Multiplicative)
                || !matches!(self.season, SeasonType::Multiplicative))
    }

    /// The number of smoothing parameters.
    pub(super) const fn smoothing_count(self) -> usize {
        1 + self.has_slope() as usize + self.is_damped() as usize + self.has_season() as usize
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
            TrendType::Multiplicative => "M",
            TrendType::MultiplicativeDamped => "Md",
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
/// Parsed from three letters for error, trend and season: `A` additive, `M` multiplicative, `N`
/// none, `Z` any; for example `AAN` or `ZZZ`. A trend of any kind is one that multiplies only where
/// [`Ets::allow_multiplicative_trend`](super::Ets::allow_multiplicative_trend) says so.
///
/// ```
/// use bongsu_forecast::ets::{ErrorType, Family, SlopeType};
/// let family: Family = "AZN".parse()?;
/// assert_eq!((family.error, family.slope), (Some(ErrorType::Additive), None));
/// assert_eq!("MMN".parse::<Family>()?.slope, Some(SlopeType::Multiplicative));
/// assert!("AXN".parse::<Family>().is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Family {
    /// How the error enters; `None` for any.
    pub error: Option<ErrorType>,
    /// The slope; `None` for any.
    pub slope: Option<SlopeType>,
    /// The season; `None` for any.
    pub season: Option<SeasonType>,
}

impl Family {
    /// Its models in the order in which they are tried. Those that multiply a season or a slope and
    /// add an error are unstable, and so are those that multiply error and slope and add a season:
    /// they are tried only where the family names all of these. A slope that multiplies is tried
    /// where it is named, or where `growth` allows it.
    pub(super) fn models(self, damped: Option<bool>, growth: bool) -> Vec<EtsModel> {
        use {ErrorType as E, SeasonType as S, SlopeType as T};
        let mut models = Vec::with_capacity(15);
        for error in [E::Additive, E::Multiplicative] {
            for slope in [T::None, T::Additive, T::Multiplicative] {
                for season in S::ALL {
                    let multiplies = slope == T::Multiplicative;
                    let named = self.error.is_some()
                        && self.season.is_some()
                        && (self.slope.is_some() || !multiplies);
                    let unstable = match error {
                        E::Additive => season == S::Multiplicative || multiplies,
                        E::Multiplicative => multiplies && season == S::Additive,
                    };
                    let wanted = self.error.is_none_or(|wanted| wanted == error)
                        && self.slope.is_none_or(|wanted| wanted == slope)
                        && self.season.is_none_or(|wanted| wanted == season)
                        && (!multiplies || growth || self.slope.is_some());
                    if wanted && (named || !unstable) {
                        let trends = trends(slope, damped);
                        models.extend(trends.map(|trend| EtsModel {
                            error,
                            trend,
                            season,
                        }));
                    }
                }
            }
        }
        models
    }
}

/// The trends of a slope, damped ones first.
fn trends(slope: SlopeType, damped: Option<bool>) -> impl Iterator<Item = TrendType> {
    use TrendType as T;
    let both: &[(T, bool)] = match slope {
        SlopeType::None => &[(T::None, false)],
        SlopeType::Additive => &[(T::Damped, true), (T::Additive, false)],
        SlopeType::Multiplicative => &[(T::MultiplicativeDamped, true), (T::Multiplicative, false)],
    };
    let wanted = move |(trend, is_damped): &(T, bool)| {
        let wanted = slope == SlopeType::None || damped.is_none_or(|wanted| wanted == *is_damped);
        wanted.then_some(*trend)
    };
    both.iter().filter_map(wanted)
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::parameter(
                "model",
                text,
                "three letters: error A, M or Z, trend N, A, M or Z, season N, A, M or Z",
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
                'N' => Some(SlopeType::None),
                'A' => Some(SlopeType::Additive),
                'M' => Some(SlopeType::Multiplicative),
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
            Some(SlopeType::None) => 'N',
            Some(SlopeType::Additive) => 'A',
            Some(SlopeType::Multiplicative) => 'M',
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
