//! Forecasts, their intervals and their components.

use bongsu_core::{Error, PredictionInterval, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::design::Design;
use super::history::Bounds;
use super::simulate::{Moment, Simulation};
use super::{Columns, ComponentKind, FittedProphet, Growth, Mode, beyond};
use crate::{check, interval};

/// What a component contributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
    /// Whether the values are added, or are fractions of the trend.
    pub mode: Mode,
    /// One a moment: in the unit of the series where they are added.
    pub values: Vec<f64>,
}

/// A forecast with all its parts: `mean = trend (1 + multiplicative) + additive`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// When.
    pub timestamps: Vec<Timestamp>,
    /// The expected values.
    pub mean: Vec<f64>,
    /// One a level: between which bounds values should lie.
    pub intervals: Vec<PredictionInterval>,
    /// The trend.
    pub trend: Vec<f64>,
    /// One a level: between which bounds the trend should lie.
    pub trend_intervals: Vec<PredictionInterval>,
    /// The sum of all components that are added.
    pub additive: Vec<f64>,
    /// The sum of all components that are fractions of the trend.
    pub multiplicative: Vec<f64>,
    /// Each component.
    pub components: Vec<Component>,
}

/// Terms and trend at the moments of a forecast.
struct Terms {
    /// In the unit of the model.
    line: Vec<f64>,
    caps: Vec<f64>,
    prediction: Prediction,
}

impl FittedProphet {
    /// Forecasts the moments `times`, past ones too, with intervals of these coverages, or of the
    /// configured one where `levels` is empty and paths are simulated. `columns` hold the regressors,
    /// conditions and varying bounds at these moments.
    ///
    /// ```
    /// use bongsu_core::{Labels, SeriesView, Timestamp};
    /// use bongsu_forecast::Prophet;
    /// use bongsu_forecast::prophet::{Columns, Regressor};
    /// let times: Vec<_> = (0..60).map(|day| Timestamp::from_secs(86_400 * day)).collect();
    /// let sale: Vec<f64> = (0..60).map(|day| f64::from(day % 9 == 0)).collect();
    /// let values: Vec<f64> = (0..60).map(|day| 10.0 + 5.0 * f64::from(day % 9 == 0)).collect();
    /// let labels = Labels::empty();
    /// let model = Prophet::new().add_regressor(Regressor::new("sale")?)?;
    /// let series = SeriesView::new(&labels, &times, &values)?;
    /// let fitted = model.fit_with(&series, &Columns::new().with("sale", &sale))?;
    /// let next = [Timestamp::from_secs(86_400 * 60), Timestamp::from_secs(86_400 * 61)];
    /// let future = fitted.predict(&next, &Columns::new().with("sale", &[0.0, 1.0]), &[])?;
    /// assert!((future.mean[0] - 10.0).abs() < 0.1 && (future.mean[1] - 15.0).abs() < 0.1);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no moments, they do not strictly increase, a level is outside (0, 1), a column
    /// is missing or has values it cannot have, or the result is beyond the range of numbers.
    pub fn predict(
        &self,
        times: &[Timestamp],
        columns: &Columns<'_>,
        levels: &[f64],
    ) -> Result<Prediction> {
        let width = [self.config.0.interval_width];
        let silent = levels.is_empty() && self.config.0.uncertainty_samples > 0;
        let levels = if silent { &width } else { levels };
        self.predict_parts(times, columns, levels, true)
    }

    pub(super) fn predict_parts(
        &self,
        times: &[Timestamp],
        columns: &Columns<'_>,
        levels: &[f64],
        parts: bool,
    ) -> Result<Prediction> {
        check::levels(levels)?;
        if times.is_empty() {
            return Err(Error::parameter("horizon", 0, "at least one moment"));
        }
        if let Some((_, time)) = times.iter().zip(times.iter().skip(1)).find(|(a, b)| a >= b) {
            return Err(Error::input(format!(
                "the moments of a forecast must strictly increase, but {time} does not"
            )));
        }
        let terms = self.terms(times, columns, parts)?;
        self.with_intervals(terms, levels)
    }

    /// Trend, components and means.
    fn terms(&self, times: &[Timestamp], columns: &Columns<'_>, parts: bool) -> Result<Terms> {
        let design = Design::new(&self.config.0, &self.seasonalities)?;
        let x = design.matrix(times, columns, &self.standards)?;
        let (size, growth) = (self.scale.size, self.config.0.growth);
        let bounds = match growth {
            Growth::Logistic => Some(Bounds::new(&self.config.0, columns, times)?),
            Growth::Linear | Growth::Flat => None,
        };
        let mut components: Vec<Component> = Vec::new();
        if parts {
            components.extend(design.parts.iter().map(|part| Component {
                name: part.name.clone(),
                kind: part.kind,
                mode: part.mode,
                values: vec![0.0; times.len()],
            }));
        }
        let count = times.len();
        let [
            mut mean,
            mut trend,
            mut additive,
            mut multiplicative,
            mut line,
            mut caps,
        ] = [(); 6].map(|()| Vec::with_capacity(count));
        let pieces = self.trend().pieces();
        for (row, (&time, x)) in times.iter().zip(x.rows()).enumerate() {
            let t = self.scale.time(time);
            let piece = self.changes.partition_point(|&change| change <= t);
            let piece = pieces.get(piece).copied().ok_or_else(beyond)?;
            let of = |values: &Vec<f64>| values.get(row).copied().unwrap_or(f64::NAN);
            let floor = bounds.as_ref().and_then(|b| b.floor.as_ref());
            let floor = floor.map_or(self.scale.low, of);
            let cap = bounds.as_ref().map_or(0.0, |b| (of(&b.cap) - floor) / size);
            if bounds.is_some() && cap <= 0.0 {
                return Err(Error::input(format!(
                    "the capacity must be above the floor, but is not at {time}"
                )));
            }
            let value = piece.at(growth, t, cap) * size + floor;
            let (mut sum, mut product) = (0.0, 0.0);
            for ((x, beta), feature) in x.iter().zip(&self.parameters.beta).zip(&design.features) {
                let effect = match feature.mode {
                    Mode::Additive => {
                        let effect = x * beta * size;
                        sum += effect;
                        effect
                    }
                    Mode::Multiplicative => {
                        product += x * beta;
                        x * beta
                    }
                };
                let values = components.get_mut(feature.part).map(|c| &mut c.values);
                if let Some(slot) = values.and_then(|values| values.get_mut(row)) {
                    *slot += effect;
                }
            }
            line.push(t);
            caps.push(cap);
            trend.push(value);
            additive.push(sum);
            multiplicative.push(product);
            mean.push(value * (1.0 + product) + sum);
        }
        if mean.iter().any(|value| !value.is_finite()) {
            return Err(beyond());
        }
        let prediction = Prediction {
            timestamps: times.to_vec(),
            mean,
            intervals: Vec::new(),
            trend,
            trend_intervals: Vec::new(),
            additive,
            multiplicative,
            components,
        };
        Ok(Terms {
            line,
            caps,
            prediction,
        })
    }

    /// Adds the bounds at each of `levels`.
    fn with_intervals(&self, terms: Terms, levels: &[f64]) -> Result<Prediction> {
        let Terms {
            line,
            caps,
            mut prediction,
        } = terms;
        if levels.is_empty() {
            return Ok(prediction);
        }
        if self.config.0.uncertainty_samples == 0 {
            return Err(Error::unsupported(
                "a model with `uncertainty_samples` of 0 has no intervals",
            ));
        }
        let (size, sigma) = (self.scale.size, self.parameters.sigma);
        // The past is known, and a flat trend does not change: only noise is uncertain.
        let past = match self.config.0.growth {
            Growth::Flat => line.len(),
            Growth::Linear | Growth::Logistic => line.partition_point(|&t| t <= self.end()),
        };
        let mut shares: Vec<f64> = levels
            .iter()
            .flat_map(|level| [0.5 * (1.0 - level), 0.5 * (1.0 + level)])
            .collect();
        shares.sort_unstable_by(f64::total_cmp);
        let deltas = &self.parameters.delta;
        let magnitude = deltas.iter().map(|d| d.abs()).sum::<f64>() / deltas.len() as f64;
        let simulation = Simulation {
            growth: self.config.0.growth,
            last: self.trend().pieces().last().copied().ok_or_else(beyond)?,
            frequency: self.changes.len() as f64,
            // Never 0, as in the reference.
            scale: magnitude + 1e-8,
            sigma,
            start: self.end(),
            samples: self.config.0.uncertainty_samples,
            seed: self.config.0.seed,
            shares: &shares,
        };
        let moments = line.iter().zip(&caps).zip(&prediction.multiplicative);
        let moments = moments.skip(past).map(|((&t, &cap), product)| Moment {
            t,
            cap,
            factor: 1.0 + product,
        });
        let simulated = if past < line.len() {
            simulation.run(moments)?
        } else {
            Vec::new()
        };
        let width = shares.len();
        for &level in levels {
            let reach = interval::normal_reach(level)? * sigma * size;
            let at = |share: f64| shares.iter().position(|&s| s == share).unwrap_or(0);
            let [low, high] = [0.5 * (1.0 - level), 0.5 * (1.0 + level)].map(at);
            let bound = |base: &[f64], of_past: f64, from: usize| -> Vec<f64> {
                let known = base.iter().take(past).map(|value| value + of_past);
                let quantiles = simulated.iter().skip(from).step_by(2 * width);
                let coming = base.iter().skip(past).zip(quantiles);
                known
                    .chain(coming.map(|(value, q)| value + q * size))
                    .collect()
            };
            prediction.trend_intervals.push(PredictionInterval {
                level,
                lower: bound(&prediction.trend, 0.0, low),
                upper: bound(&prediction.trend, 0.0, high),
            });
            prediction.intervals.push(PredictionInterval {
                level,
                lower: bound(&prediction.mean, -reach, width + low),
                upper: bound(&prediction.mean, reach, width + high),
            });
        }
        let mut all = prediction
            .intervals
            .iter()
            .chain(&prediction.trend_intervals);
        let finite = |i: &PredictionInterval| i.lower.iter().chain(&i.upper).all(|x| x.is_finite());
        if all.all(finite) {
            Ok(prediction)
        } else {
            Err(beyond())
        }
    }
}
