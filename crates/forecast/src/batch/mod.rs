//! Many series at once.

use bongsu_core::{FittedForecaster, Forecast, ForecastRequest, Forecaster, Result, Series};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

/// Series that are read before any of them is forecast, in [`forecast_each`].
const CHUNK: usize = 256;

/// Fits `model` to each of `series`, on all threads of the current rayon pool: one result a series, in
/// their order, that of one not touched by another's error.
///
/// Cost: that of the fits; holds every fitted model.
///
/// ```
/// use bongsu_core::{Labels, Series, Timestamp};
/// use bongsu_forecast::{batch, Naive};
/// let times = vec![Timestamp::from_secs(0), Timestamp::from_secs(60)];
/// let good = Series::new(Labels::empty(), times, vec![1.0, 2.0])?;
/// let fits = batch::fit_many(&Naive::last(), &[good, Series::empty(Labels::empty())]);
/// assert!(fits[0].is_ok() && fits[1].is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn fit_many(
    model: &dyn Forecaster,
    series: &[Series],
) -> Vec<Result<Box<dyn FittedForecaster>>> {
    let fit = |series: &Series| model.fit(&series.view());
    series.par_iter().map(fit).collect()
}

/// Forecasts each of `series` by `model`, on all threads of the current rayon pool: one result a
/// series, in their order, that of one not touched by another's error.
///
/// Cost: that of the fits and forecasts; a fitted model is dropped as soon as it has forecast.
///
/// ```
/// use bongsu_core::{ForecastRequest, Labels, Series, Timestamp};
/// use bongsu_forecast::{batch, Naive};
/// let times = vec![Timestamp::from_secs(0), Timestamp::from_secs(60)];
/// let series = Series::new(Labels::empty(), times, vec![1.0, 2.0])?;
/// let mut all = batch::forecast_many(&Naive::drift(), &[series], &ForecastRequest::steps(1));
/// assert_eq!(all.remove(0)?.mean, [3.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn forecast_many(
    model: &dyn Forecaster,
    series: &[Series],
    request: &ForecastRequest<'_>,
) -> Vec<Result<Forecast>> {
    let forecast = |series: &Series| model.fit(&series.view())?.forecast(request);
    series.par_iter().map(forecast).collect()
}

/// As [`forecast_many`] for series that need not be in memory together: at most 256 are at a time.
/// `each` is called with the index of a series, the series and its result, in their order.
///
/// ```
/// use bongsu_core::{ForecastRequest, Labels, Series};
/// use bongsu_forecast::{batch, Naive};
/// let source = (0..3).map(|_| Series::empty(Labels::empty()));
/// let mut failed = Vec::new();
/// batch::forecast_each(&Naive::last(), source, &ForecastRequest::steps(1), |index, _, result| {
///     failed.extend(result.is_err().then_some(index));
/// });
/// assert_eq!(failed, [0, 1, 2]);
/// ```
pub fn forecast_each(
    model: &dyn Forecaster,
    series: impl IntoIterator<Item = Series>,
    request: &ForecastRequest<'_>,
    mut each: impl FnMut(usize, Series, Result<Forecast>),
) {
    let mut series = series.into_iter();
    let mut index = 0;
    loop {
        let chunk: Vec<Series> = series.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return;
        }
        let forecasts = forecast_many(model, &chunk, request);
        for (series, forecast) in chunk.into_iter().zip(forecasts) {
            each(index, series, forecast);
            index += 1;
        }
    }
}
