//! New points without a new fit.

use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result, SeriesView, Timestamp};
use nalgebra::DVector;

use super::design::Design;
use super::fit::improve;
use super::problem::Problem;
use super::{Columns, FittedProphet, Growth, Mode};
use crate::{Timeline, check};

/// New moments, one a new residual, with their values.
type Steps = (Timeline, Vec<Timestamp>, Vec<f64>);

impl FittedProphet {
    /// Takes points that follow the fitted ones into account without looking at those again, with
    /// `columns` of as many values as `series` has: regressors and conditions.
    ///
    /// The parameters are then the most probable ones of all points, as a fit with the same design
    /// would find them. What a fit takes from its history stays as it was: the units of time and of
    /// values, the changepoints, which seasonalities are on, and how regressors are standardised. New
    /// changes of the trend bend its last piece, so that a new fit is due when the history has
    /// [grown](FittedProphet::growth) by a quarter or so.
    ///
    /// Residuals of new points are those of the forecast before the update.
    ///
    /// Cost: O(p²) a point and some steps of O(p³) for p parameters, whatever the length of the
    /// history.
    ///
    /// # Errors
    /// When the model is not additive or has more than 512 parameters (it has to be fitted again), a
    /// point is not after the last one or is infinite, or a column is missing; the model is then
    /// unchanged.
    ///
    /// ```
    /// use bongsu_core::{Labels, SeriesView, Timestamp};
    /// use bongsu_forecast::Prophet;
    /// use bongsu_forecast::prophet::Columns;
    /// let times: Vec<_> = (0..120).map(|i| Timestamp::from_secs(3600 * i)).collect();
    /// let values: Vec<f64> = (0..120).map(|i| f64::from(i % 24) + f64::from(i) / 50.0).collect();
    /// let labels = Labels::empty();
    /// let mut fitted = Prophet::new().fit(&SeriesView::new(&labels, &times[..96], &values[..96])?)?;
    /// let day = SeriesView::new(&labels, &times[96..], &values[96..])?;
    /// fitted.update_with(&day, &Columns::new())?;
    /// assert_eq!(fitted.timeline().len(), 120);
    /// assert!((fitted.growth() - 24.0 / 95.0).abs() < 1e-12);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn update_with(&mut self, series: &SeriesView<'_>, columns: &Columns<'_>) -> Result<()> {
        check::series(series.values())?;
        let Some(sums) = &self.sums else {
            return Err(Error::unsupported(
                "a Prophet model that is not additive, or has more than 512 parameters, has to be \
                 fitted again to take new points into account",
            ));
        };
        if series.is_empty() {
            return Ok(());
        }
        let mut sums = sums.clone();
        let (timeline, steps, values) = self.steps(series)?;
        let present: Vec<usize> = (0..series.values().len())
            .filter(|&row| {
                series
                    .values()
                    .get(row)
                    .is_some_and(|value| !value.is_nan())
            })
            .collect();
        let at = |&row: &usize| series.timestamps().get(row).copied();
        let times: Vec<Timestamp> = present.iter().filter_map(at).collect();
        let design = Design::new(&self.config.0, &self.seasonalities)?;
        design.check(columns, series.timestamps(), &present)?;
        let columns = columns.picked(&design.needs(), &present, series.values().len())?;
        let columns = columns
            .iter()
            .fold(Columns::new(), |all, (name, values)| all.with(name, values));
        let x = design.matrix(&times, &columns, &self.standards)?;
        let errors = self.take(&mut sums, &times, &present, series.values(), &x)?;
        let problem = self.problem(&design, sums.points);
        let mut parameters = self.vector();
        let mut pass = sums.pass();
        let sigma = improve(&problem, &mut parameters, &mut pass, self.parameters.sigma);
        let sigma = sigma.ok_or_else(super::beyond)?;
        sums.about(&pass);
        self.log_posterior = problem.log_posterior(&parameters, pass.squares, sigma);
        self.converged = true;
        self.set(&parameters, sigma);
        self.sums = Some(sums);
        // A step without a value has no residual.
        let mut errors = errors.into_iter();
        let mut left = |value: f64| if value.is_nan() { None } else { errors.next() };
        let new = steps
            .iter()
            .zip(values)
            .map(|(_, value)| left(value).unwrap_or(f64::NAN));
        self.residuals.extend(new);
        self.timeline = timeline;
        Ok(())
    }

    /// By which part of its length the history has grown since the fit.
    #[must_use]
    pub fn growth(&self) -> f64 {
        self.end() - 1.0
    }

    /// The grid with the points of `series`, and its new moments: steps of the grid where residuals
    /// are, else those of the points.
    fn steps(&self, series: &SeriesView<'_>) -> Result<Steps> {
        let on_grid = self.residuals.len() == self.timeline.len();
        let own = || (series.timestamps().to_vec(), series.values().to_vec());
        match self.timeline.continued(series) {
            Ok((timeline, values)) if on_grid => {
                let new = self.timeline.len()..timeline.len();
                let times = new.map(|step| timeline.at(step)).collect::<Result<_>>()?;
                Ok((timeline, times, values))
            }
            Ok((timeline, _)) => {
                let (times, values) = own();
                Ok((timeline, times, values))
            }
            Err(error) => {
                let last = self.timeline.at(self.timeline.len() - 1)?;
                let (times, values) = own();
                match (times.first(), times.last()) {
                    (Some(&first), Some(&end)) if first > last && !on_grid => {
                        Ok((Timeline::new(end, self.timeline.step(), 1)?, times, values))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Adds the points of `rows` to `sums`; what the model leaves of them, in the unit of the series.
    fn take(
        &self,
        sums: &mut super::sums::Sums,
        times: &[Timestamp],
        rows: &[usize],
        values: &[f64],
        x: &Array2<f64>,
    ) -> Result<Vec<f64>> {
        let trend = self.trend();
        let (pieces, derivatives) = (trend.pieces(), trend.derivatives());
        let width = self.parameters.beta.len();
        let mut errors = Vec::with_capacity(rows.len());
        let mut row = Vec::with_capacity(width + derivatives.len());
        for ((&time, &at), x) in times.iter().zip(rows).zip(x.rows()) {
            let t = self.scale.time(time);
            let piece = self.changes.partition_point(|&change| change <= t);
            let of_piece = pieces.get(piece).ok_or_else(super::beyond)?;
            let effects = x.iter().zip(&self.parameters.beta);
            let mean =
                of_piece.at(Growth::Linear, t, 0.0) + effects.map(|(x, b)| x * b).sum::<f64>();
            let value = values.get(at).copied().unwrap_or(f64::NAN);
            let error = (value - self.scale.low) / self.scale.size - mean;
            let by_trend = |(i, [one, slope]): (usize, &[f64; 2])| {
                // Changes that have not come yet do not count.
                if i < piece + 2 { one + slope * t } else { 0.0 }
            };
            let mut of_trend = derivatives.iter().enumerate().map(by_trend);
            row.clear();
            row.extend(of_trend.by_ref().take(2));
            row.extend(x);
            row.extend(of_trend);
            if !error.is_finite() || row.iter().any(|x| !x.is_finite()) {
                return Err(super::beyond());
            }
            sums.add(&row, error);
            sums.end = sums.end.max(t);
            errors.push(error * self.scale.size);
        }
        Ok(errors)
    }

    /// The posterior of as many points, without the points.
    fn problem(&self, design: &Design<'_>, points: u64) -> Problem {
        let features = &design.features;
        Problem {
            growth: self.config.0.growth,
            t: Vec::new(),
            y: Vec::new(),
            cap: Vec::new(),
            points: points as f64,
            x: Array2::zeros((0, features.len())),
            multiplies: features
                .iter()
                .map(|f| f.mode == Mode::Multiplicative)
                .collect(),
            priors: features.iter().map(|f| f.prior).collect(),
            changes: self.changes.clone(),
            tau: self.config.0.changepoint_prior_scale,
        }
    }

    /// Its parameters as one vector.
    fn vector(&self) -> DVector<f64> {
        let p = &self.parameters;
        let all = [p.k, p.m].into_iter().chain(p.beta.iter().copied());
        let all: Vec<f64> = all.chain(p.delta.iter().copied()).collect();
        DVector::from_vec(all)
    }

    fn set(&mut self, all: &DVector<f64>, sigma: f64) {
        let p = &mut self.parameters;
        let mut values = all.iter().copied();
        let mut next = || values.next().unwrap_or(0.0);
        (p.k, p.m) = (next(), next());
        p.beta
            .iter_mut()
            .chain(&mut p.delta)
            .for_each(|slot| *slot = next());
        // As a fit without changepoints: its only change is a part of the first slope.
        if let ([0.0], [delta]) = (self.changes.as_slice(), p.delta.as_mut_slice()) {
            p.k += *delta;
            *delta = 0.0;
        }
        p.sigma = sigma;
    }
}
