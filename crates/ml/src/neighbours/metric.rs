use bongsu_core::Error;
use serde::{Deserialize, Serialize};

/// How far apart two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The root of the sum of the squared differences (the default).
    #[default]
    Euclidean,
    /// The sum of the absolute differences.
    Manhattan,
    /// The largest absolute difference.
    Chebyshev,
}

impl Metric {
    /// The word used in configuration: `euclidean`, `manhattan` or `chebyshev`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
            Self::Chebyshev => "chebyshev",
        }
    }

    /// What a difference in one feature adds to the distance, before any root: its square, or its
    /// magnitude.
    pub(crate) fn share(self, difference: f64) -> f64 {
        match self {
            Self::Euclidean => difference * difference,
            Self::Manhattan | Self::Chebyshev => difference.abs(),
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Euclidean, Self::Manhattan, Self::Chebyshev]
            .into_iter()
            .find(|metric| metric.as_str() == text)
            .ok_or_else(|| {
                let domain = "euclidean, manhattan or chebyshev";
                Error::parameter("metric", format!("`{text}`"), domain)
            })
    }
}

/// A metric as the search sees it: a quantity that grows feature by feature and orders rows as the
/// distance does.
///
/// Nothing is fused into one rounding, so that every processor gives the same digits.
pub(super) trait Measure {
    /// The quantity with one feature more, in which the rows differ by `difference`.
    fn add(sum: f64, difference: f64) -> f64;

    /// The distance for the quantity of all features.
    fn distance(sum: f64) -> f64;
}

pub(super) struct Euclidean;

impl Measure for Euclidean {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference * difference
    }

    #[inline(always)]
    fn distance(sum: f64) -> f64 {
        sum.sqrt()
    }
}

pub(super) struct Manhattan;

impl Measure for Manhattan {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference.abs()
    }

    #[inline(always)]
    fn distance(sum: f64) -> f64 {
        sum
    }
}

pub(super) struct Chebyshev;

impl Measure for Chebyshev {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        let difference = difference.abs();
        if difference > sum { difference } else { sum }
    }

    #[inline(always)]
    fn distance(sum: f64) -> f64 {
        sum
    }
}
