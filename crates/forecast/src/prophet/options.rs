//! The words that settings are given in.

use std::fmt;
use std::str::FromStr;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The form of the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Growth {
    /// Straight lines that meet at the changepoints.
    #[default]
    Linear,
    /// A curve that saturates at a capacity, and at a floor.
    Logistic,
    /// A constant.
    Flat,
}

/// How a component acts on the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is added.
    #[default]
    Additive,
    /// It is a fraction of the trend, which is added.
    Multiplicative,
}

/// In which unit the model sees the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// The largest magnitude is 1.
    #[default]
    AbsMax,
    /// The least value is 0, the largest 1.
    MinMax,
}

/// Whether a built-in seasonality is fitted, and with how many pairs of sine and cosine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fourier {
    /// Where the history is long and dense enough: two periods, and points closer than one.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Always, with the usual number of pairs.
    On,
    /// Always, with that many pairs.
    Order(u32),
}

impl Fourier {
    /// The number of pairs, of which there are usually `usual`; 0 for none.
    pub(super) const fn order(self, automatic: bool, usual: u32) -> u32 {
        match self {
            Self::Auto if automatic => usual,
            Self::Auto | Self::Off => 0,
            Self::On => usual,
            Self::Order(order) => order,
        }
    }
}

macro_rules! words {
    ($type:ident, $name:literal, $($word:literal => $case:ident),*) => {
        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok(Self::$case),)*
                    _ => {
                        let words = [$($word),*].join(", ");
                        Err(Error::parameter($name, format!("`{text}`"), format!("one of {words}")))
                    }
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$case => $word,)*
                })
            }
        }
    };
}

words!(Growth, "growth", "linear" => Linear, "logistic" => Logistic, "flat" => Flat);
words!(Mode, "mode", "additive" => Additive, "multiplicative" => Multiplicative);
words!(Scaling, "scaling", "absmax" => AbsMax, "minmax" => MinMax);

impl FromStr for Fourier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "true" | "on" => Ok(Self::On),
            "false" | "off" => Ok(Self::Off),
            _ => text.parse().map(Self::Order).map_err(|_| {
                let domain = "auto, true, false or the number of pairs of sine and cosine";
                Error::parameter("seasonality", format!("`{text}`"), domain)
            }),
        }
    }
}

impl fmt::Display for Fourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("false"),
            Self::On => f.write_str("true"),
            Self::Order(order) => write!(f, "{order}"),
        }
    }
}
