//! Intervals calibrated on a model's own past.

use bongsu_core::{
    FittedForecaster, Forecast, ForecastRequest, Horizon, Result as CoreResult, SeriesView,
};
use bongsu_forecast::Conformal;
use bongsu_forecast::conformal::{Basis, ConformalBand};

use crate::registry::forecast::ForecastModel;

/// The band of `model` by its errors from past moments of `series`.
pub(super) fn calibrated(
    model: &ForecastModel,
    horizon: usize,
    relative: bool,
    series: &SeriesView<'_>,
) -> CoreResult<ConformalBand> {
    Conformal::new(model.clone().into_model(), horizon)?
        .relative(relative)
        .calibrate(series)
}

/// The forecast with calibrated intervals, as far as there are errors for them; what falls back to
/// the model's own is told in `notes`.
pub(super) fn forecast_calibrated(
    band: CoreResult<ConformalBand>,
    fitted: &dyn FittedForecaster,
    request: &ForecastRequest<'_>,
    has_own: bool,
    notes: &mut Vec<String>,
) -> CoreResult<Forecast> {
    let band = match band {
        Ok(band) => band,
        // The model was fitted to all of the series; of less it may be too much to ask.
        Err(e) if has_own => {
            notes.push(format!(
                "the intervals are the model's own, not calibrated: {e}"
            ));
            return fitted.forecast(request);
        }
        Err(e) => return Err(e),
    };
    if let Horizon::Steps(steps) = request.horizon {
        for &level in request.levels {
            let count = |basis: Basis| {
                let steps = 1..=steps;
                steps
                    .filter(|&step| band.basis(step, level) == basis)
                    .count()
            };
            let percent = 100.0 * level;
            let (wider, own) = (count(Basis::AllSteps), count(Basis::Model));
            if own > 0 {
                notes.push(format!(
                    "there are {} past errors, too few to calibrate at {percent} %: those \
                     intervals are the model's own",
                    band.count()
                ));
            } else if wider > 0 {
                notes.push(format!(
                    "at {percent} % there are too few past errors of {wider} of the steps: they \
                     are calibrated on the errors of all steps together, and never inside of the \
                     model's own interval"
                ));
            }
        }
    }
    band.forecast(fitted, request)
}
