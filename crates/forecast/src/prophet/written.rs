//! Components in words, as in a configuration or on a command line.

use std::str::FromStr;

use bongsu_core::{Error, Result};

use super::{Mode, Regressor, Seasonality};

/// `name:days:pairs`, behind which `:additive` or `:multiplicative`, `:prior=5` and
/// `:condition=column` may stand in any order.
///
/// ```
/// use bongsu_forecast::prophet::{Mode, Seasonality};
/// let month: Seasonality = "month:30.5:5:multiplicative".parse()?;
/// assert_eq!(month, Seasonality::new("month", 30.5, 5)?.mode(Mode::Multiplicative));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
impl FromStr for Seasonality {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            let domain = "name:days:pairs of sine and cosine, as `month:30.5:5`";
            Error::parameter("seasonality", format!("`{text}`"), domain)
        };
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let period = words.next().and_then(|word| word.parse().ok());
        let order = words.next().and_then(|word| word.parse().ok());
        let (Some(period), Some(order)) = (period, order) else {
            return Err(refused());
        };
        let mut seasonality = Self::new(name, period, order)?;
        for word in words {
            seasonality = match word.split_once('=') {
                Some(("prior", value)) => seasonality.prior_scale(number("prior", value)?)?,
                Some(("condition", column)) => seasonality.condition(column)?,
                _ => seasonality.mode(mode(
                    "seasonality",
                    word,
                    "prior=NUMBER or condition=COLUMN",
                )?),
            };
        }
        Ok(seasonality)
    }
}

/// `column`, behind which `:additive` or `:multiplicative`, `:standardize` or `:raw` and `:prior=5` may
/// stand in any order.
///
/// ```
/// use bongsu_forecast::prophet::Regressor;
/// let sale: Regressor = "sale:raw:prior=5".parse()?;
/// assert_eq!(sale, Regressor::new("sale")?.standardise(Some(false)).prior_scale(5.0)?);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
impl FromStr for Regressor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split(':');
        let mut regressor = Self::new(words.next().unwrap_or_default())?;
        for word in words {
            regressor = match (word, word.split_once('=')) {
                ("standardize" | "standardise", _) => regressor.standardise(Some(true)),
                ("raw", _) => regressor.standardise(Some(false)),
                (_, Some(("prior", value))) => regressor.prior_scale(number("prior", value)?)?,
                _ => regressor.mode(mode("regressor", word, "standardize, raw or prior=NUMBER")?),
            };
        }
        Ok(regressor)
    }
}

fn number(name: &str, text: &str) -> Result<f64> {
    let refused = |_| Error::parameter(name, format!("`{text}`"), "a number");
    text.parse().map_err(refused)
}

fn mode(what: &str, word: &str, others: &str) -> Result<Mode> {
    word.parse().map_err(|_| {
        let domain = format!("additive, multiplicative, {others}");
        Error::parameter(format!("{what} option"), format!("`{word}`"), domain)
    })
}
