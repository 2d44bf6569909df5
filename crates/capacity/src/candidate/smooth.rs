//! Models of `bongsu-forecast`.

use bongsu_core::{FittedForecaster as _, ForecastRequest, Result, SeriesView};
use bongsu_forecast::{AutoArima, Ets, Prophet};

use super::{Known, no_labels};

/// The greatest orders that are tried: what is left has no season, and horizons are long.
const MAX_ORDER: usize = 3;

pub(super) fn ets(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let fitted = Ets::automatic().polish(false).fit(&known.series()?)?;
    Ok(known.with_season(fitted.forecast(&ForecastRequest::steps(ahead))?.mean))
}

pub(super) fn arima(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let model = AutoArima::new().max_order(MAX_ORDER)?.max_diff(1)?;
    let fitted = model.fit(&known.series()?)?.fitted;
    Ok(known.with_season(fitted.forecast(&ForecastRequest::steps(ahead))?.mean))
}

pub(super) fn prophet(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(known.len());
    let mut values = Vec::with_capacity(known.len());
    // It takes holes as they are; the last step keeps the grid's end.
    for (i, (&time, &value)) in known.times.iter().zip(&known.values).enumerate() {
        if value.is_finite() || i + 1 == known.len() {
            times.push(time);
            values.push(value);
        }
    }
    let series = SeriesView::new(no_labels(), &times, &values)?;
    let model = Prophet::new()
        .timezone(known.timezone)?
        .uncertainty_samples(0)?;
    let fitted = model.fit(&series)?;
    Ok(fitted.forecast(&ForecastRequest::steps(ahead))?.mean)
}
