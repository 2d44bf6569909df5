//! The last season goes on, with the mean drift from season to season.

use bongsu_core::{Error, Result};

use super::{Known, filled, window};

pub(super) fn forecast(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let period = window(known.step, known.block, known.len());
    let values = filled(&known.values);
    let (Some(last), Some(first)) = (
        values
            .len()
            .checked_sub(period)
            .and_then(|i| values.get(i..)),
        values.get(..period),
    ) else {
        return Err(Error::not_enough_data(
            "a seasonal naive forecast",
            period,
            values.len(),
        ));
    };
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let apart = (values.len() - period) as f64;
    let drift = if apart > 0.0 {
        (mean(last) - mean(first)) / apart
    } else {
        0.0
    };
    let season = last.iter().cycle().take(ahead).enumerate();
    Ok(season
        .map(|(i, value)| value + drift * ((i / period + 1) * period) as f64)
        .collect())
}
