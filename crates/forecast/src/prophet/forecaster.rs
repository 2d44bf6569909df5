//! The fitted model as any forecaster.

use bongsu_core::ndarray::{ArrayView1, ArrayView2};
use bongsu_core::{
    Cycle, Error, FittedForecaster, Forecast, ForecastPart, ForecastRequest, Horizon, PartKind,
    Result, SeriesView, Timestamp,
};

use super::design::{DAY_MILLIS, Design};
use super::{Columns, ComponentKind, FittedProphet, Mode, Prediction, Seasonality};
use crate::parts;

/// The points of a turn of a season.
const TURN: i64 = 240;

impl FittedProphet {
    /// The columns of a request by name, as vectors.
    fn named(&self, regressors: Option<&ArrayView2<'_, f64>>) -> Result<Vec<(&str, Vec<f64>)>> {
        let names = self.columns()?;
        let given = regressors.map_or(0, ArrayView2::ncols);
        if let Some(missing) = names.get(given) {
            return Err(Error::input(format!(
                "the future values of `{missing}` are missing: the model needs the columns {}",
                names.join(", ")
            )));
        }
        if given > names.len() {
            return Err(Error::shape("the number of regressors", given, names.len()));
        }
        let column = |(i, name)| {
            let values = regressors.map(|x| x.column(i).to_vec());
            (name, values.unwrap_or_default())
        };
        Ok(names.into_iter().enumerate().map(column).collect())
    }

    fn requested(&self, request: &ForecastRequest<'_>, parts: bool) -> Result<Prediction> {
        let named = self.named(request.regressors.as_ref())?;
        let columns = named
            .iter()
            .fold(Columns::new(), |all, (name, values)| all.with(name, values));
        match request.horizon {
            Horizon::At(times) => self.predict_parts(times, &columns, request.levels, parts),
            horizon => {
                let times = self.timeline.targets(horizon)?.timestamps;
                self.predict_parts(&times, &columns, request.levels, parts)
            }
        }
    }

    /// One turn of a seasonality where it is on, its first column in the design matrix being `from`:
    /// of a week from a Monday, of a year from the first of January, else from a midnight, UTC.
    fn turn(&self, seasonality: &Seasonality, from: usize, scale: f64) -> Result<Cycle> {
        let always = [Seasonality {
            condition: None,
            ..seasonality.clone()
        }];
        let plain = super::Prophet::new().0;
        let design = Design::new(&plain, &always)?;
        let length = (seasonality.period * DAY_MILLIS as f64).round() as i64;
        let start = start_of(self.scale.end(), seasonality.period);
        let at = |i: i64| start.add_millis((length as f64 * i as f64 / TURN as f64) as i64);
        let times: Vec<Timestamp> = (0..=TURN).map(at).collect();
        let x = design.matrix(&times, &Columns::new(), &[])?;
        let beta = self.parameters.beta.get(from..).unwrap_or_default();
        let value = |row: ArrayView1<'_, f64>| {
            let pairs = row.iter().zip(beta);
            scale * pairs.map(|(x, beta)| x * beta).sum::<f64>()
        };
        Ok(Cycle {
            values: x.rows().into_iter().map(value).collect(),
            timestamps: times,
        })
    }
}

/// The last moment before `end` at which a turn of `period` days may be taken to start.
fn start_of(end: Timestamp, period: f64) -> Timestamp {
    let days = end.as_millis().div_euclid(DAY_MILLIS);
    let day = if (period - 7.0).abs() < 1e-9 {
        // 1970-01-05 was a Monday.
        days - (days - 4).rem_euclid(7)
    } else if period > 300.0 {
        let years = days.div_euclid(1461) * 4 + (days.rem_euclid(1461) / 365).min(3);
        // The first of January of that year since 1970, of which the third is a leap year.
        365 * years + (years + 1).div_euclid(4)
    } else {
        days
    };
    Timestamp::from_millis(day * DAY_MILLIS)
}

impl FittedForecaster for FittedProphet {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        let prediction = self.requested(request, false)?;
        Ok(Forecast {
            timestamps: prediction.timestamps,
            mean: prediction.mean,
            intervals: prediction.intervals,
        })
    }

    /// As [`FittedProphet::update_with`] without columns.
    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        self.update_with(y, &Columns::new())
    }

    /// The trend, each seasonality, all holidays together, and each regressor; at past moments too.
    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        let prediction = self.requested(request, true)?;
        let mut all = vec![ForecastPart {
            intervals: prediction.trend_intervals,
            ..parts::trend(prediction.trend)
        }];
        let mut holidays: Option<ForecastPart> = None;
        let mut seasonalities = self.seasonalities.iter();
        let mut from = 0;
        for component in prediction.components {
            let multiplicative = component.mode == Mode::Multiplicative;
            let mut part = ForecastPart {
                name: component.name,
                kind: PartKind::Regressor,
                multiplicative,
                values: component.values,
                intervals: Vec::new(),
                cycle: None,
            };
            match component.kind {
                ComponentKind::Seasonality => {
                    part.kind = PartKind::Season;
                    if let Some(seasonality) = seasonalities.next() {
                        let scale = if multiplicative { 1.0 } else { self.scale.size };
                        part.cycle = Some(self.turn(seasonality, from, scale)?);
                        from += 2 * seasonality.order as usize;
                    }
                    all.push(part);
                }
                ComponentKind::Regressor => all.push(part),
                ComponentKind::Holiday => {
                    if let Some(sum) = &mut holidays {
                        for (sum, value) in sum.values.iter_mut().zip(part.values) {
                            *sum += value;
                        }
                    } else {
                        part.kind = PartKind::Holidays;
                        "holidays".clone_into(&mut part.name);
                        holidays = Some(part);
                    }
                }
            }
        }
        all.extend(holidays);
        Ok(all)
    }

    /// One a point of the fitted series; NaN where it is missing.
    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}
