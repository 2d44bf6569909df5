use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result, Snapshot, Timestamp};
use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use super::config::MAX_CHANGEPOINTS;
use super::design::{Design, Standard};
use super::fit::Found;
use super::history::{History, Scale};
use super::problem::Problem;
use super::sums::Sums;
use super::trend::TrendOf;
use super::{Columns, Growth, Prophet, Seasonality};
use crate::Timeline;

/// The parameters of a fitted Prophet model, in its unit: time from 0 to 1 over the history, values
/// over the scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProphetParameters {
    /// The first slope.
    pub k: f64,
    /// The level at time 0, or the middle of a logistic curve.
    pub m: f64,
    /// The change of slope at each changepoint.
    pub delta: Vec<f64>,
    /// The coefficient of each column of the design matrix.
    pub beta: Vec<f64>,
    /// The deviation of the noise.
    pub sigma: f64,
}

/// A fitted Prophet model; see [`Prophet`].
///
/// Takes 8 bytes a point of the history, 16 a changepoint, 8 a coefficient, its configuration, and for
/// an additive model of p parameters (2, the changepoints and the coefficients) 4 p² more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedProphet {
    pub(super) config: Prophet,
    /// Those of the configuration and the built-in ones that are on.
    pub(super) seasonalities: Vec<Seasonality>,
    pub(super) standards: Vec<Standard>,
    pub(super) scale: Scale,
    pub(super) timeline: Timeline,
    pub(super) changes: Vec<f64>,
    pub(super) parameters: ProphetParameters,
    /// Whether capacities and floors came as columns.
    pub(super) varying: [bool; 2],
    pub(super) log_posterior: f64,
    passes: u64,
    pub(super) converged: bool,
    pub(super) residuals: Vec<f64>,
    /// Of an additive model.
    pub(super) sums: Option<Box<Sums>>,
}

impl FittedProphet {
    pub(super) fn new(
        config: &Prophet,
        history: &History,
        seasonalities: Vec<Seasonality>,
        standards: Vec<Standard>,
        problem: &Problem,
        found: &Found,
    ) -> Self {
        let all = found.at.as_slice();
        let smooth = problem.smooth();
        let at = |i: usize| all.get(i).copied().unwrap_or(0.0);
        Self {
            config: config.clone(),
            seasonalities,
            standards,
            scale: history.scale,
            timeline: history.timeline,
            changes: problem.changes.clone(),
            parameters: ProphetParameters {
                k: at(0),
                m: at(1),
                delta: all.get(smooth..).unwrap_or_default().to_vec(),
                beta: all.get(2..smooth).unwrap_or_default().to_vec(),
                sigma: found.sigma,
            },
            varying: [false; 2],
            log_posterior: found.log_posterior,
            passes: found.passes as u64,
            converged: found.converged,
            residuals: Vec::new(),
            sums: found.sums.clone(),
        }
    }

    /// With the residuals of the present points among `len`, and whether there were columns of
    /// bounds.
    pub(super) fn filled(
        mut self,
        len: usize,
        rows: &[usize],
        residuals: &[f64],
        columns: &Columns<'_>,
    ) -> Result<Self> {
        if self.config.0.growth == Growth::Logistic {
            self.varying = ["cap", "floor"].map(|name| columns.get(name).is_some());
        }
        self.residuals = vec![f64::NAN; len];
        for (&row, residual) in rows.iter().zip(residuals) {
            if let Some(slot) = self.residuals.get_mut(row) {
                *slot = residual * self.scale.size;
            }
        }
        if self.is_sound() {
            Ok(self)
        } else {
            Err(Error::input(
                "the values or the regressors are too far apart for the model",
            ))
        }
    }

    /// Its parameters.
    #[must_use]
    pub const fn parameters(&self) -> &ProphetParameters {
        &self.parameters
    }

    /// What a value of 1 of the model is in the unit of the series.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale.size
    }

    /// The changepoints, to the millisecond; one at the start where the slope never changes.
    #[must_use]
    pub fn changepoints(&self) -> Vec<Timestamp> {
        let at = |t: &f64| {
            let millis = (t * self.scale.span).round() as i64;
            self.scale.start.add_millis(millis)
        };
        self.changes.iter().map(at).collect()
    }

    /// The changepoints in the model's time, from 0 to 1.
    #[must_use]
    pub fn changepoint_times(&self) -> &[f64] {
        &self.changes
    }

    /// The seasonalities, the built-in ones that are on among them.
    #[must_use]
    pub fn seasonalities(&self) -> &[Seasonality] {
        &self.seasonalities
    }

    /// The logarithm of the posterior at the parameters, less its constants; infinite where a
    /// constant series was not fitted.
    #[must_use]
    pub const fn log_posterior(&self) -> f64 {
        self.log_posterior
    }

    /// Passes over the data that the fit took.
    #[must_use]
    pub const fn passes(&self) -> u64 {
        self.passes
    }

    /// Whether the search ended because the posterior no longer grew, not because of its limit.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    /// The grid that a forecast by steps goes on with: that of the series, or from its last point on
    /// in steps of its median gap where time is irregular.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The columns that a forecast needs, in the order in which
    /// [`ForecastRequest::regressors`](bongsu_core::ForecastRequest::regressors) brings them:
    /// regressors, conditions, and `cap` and `floor` where the fit was given them.
    ///
    /// # Errors
    /// When the model has too many coefficients, which a fitted one has not.
    pub fn columns(&self) -> Result<Vec<&str>> {
        let design = Design::new(&self.config.0, &self.seasonalities)?;
        let mut names = design.needs();
        for (name, varies) in ["cap", "floor"].into_iter().zip(self.varying) {
            if varies {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The names of the columns of the design matrix, and the matrix at `times`, one row each;
    /// `columns` hold the regressors and conditions there.
    ///
    /// # Errors
    /// When a column is missing or has values it cannot have.
    pub fn design_matrix(
        &self,
        times: &[Timestamp],
        columns: &Columns<'_>,
    ) -> Result<(Vec<String>, Array2<f64>)> {
        let design = Design::new(&self.config.0, &self.seasonalities)?;
        let x = design.matrix(times, columns, &self.standards)?;
        let names = design.features.into_iter().map(|feature| feature.name);
        Ok((names.collect(), x))
    }

    /// The last present point in the time of the model; 1 is the last one of the fit.
    pub(super) fn end(&self) -> f64 {
        self.sums.as_ref().map_or(1.0, |sums| sums.end)
    }

    pub(super) fn trend(&self) -> TrendOf<'_> {
        TrendOf {
            growth: self.config.0.growth,
            rate: self.parameters.k,
            offset: self.parameters.m,
            changes: &self.changes,
            deltas: &self.parameters.delta,
        }
    }

    /// The parameters as a start of another fit with as many, and their noise.
    pub(super) fn start(&self, scale: &Scale, problem: &Problem) -> Option<(DVector<f64>, f64)> {
        let p = &self.parameters;
        let same = p.delta.len() == problem.changes.len() && p.beta.len() == problem.priors.len();
        if !same || self.config.0.growth != problem.growth || p.sigma <= 0.0 {
            return None;
        }
        // Slopes are per history, which has become longer.
        let (stretch, size) = (scale.span / self.scale.span, self.scale.size / scale.size);
        let logistic = problem.growth == Growth::Logistic;
        let slope = if logistic { stretch } else { stretch * size };
        let offset = if logistic { p.m / stretch } else { p.m * size };
        let beta = p.beta.iter().zip(&problem.multiplies);
        let beta = beta.map(|(b, &multiplies)| if multiplies { *b } else { b * size });
        let values = [p.k * slope, offset].into_iter().chain(beta);
        let values = values.chain(p.delta.iter().map(|delta| delta * slope));
        let start = DVector::from_iterator(problem.len(), values);
        start
            .iter()
            .all(|x| x.is_finite())
            .then_some((start, p.sigma * size))
    }

    /// Whether all that forecasts rely on holds.
    fn is_sound(&self) -> bool {
        let p = &self.parameters;
        let numbers = [p.k, p.m, self.scale.low];
        let finite = numbers
            .iter()
            .chain(&p.delta)
            .chain(&p.beta)
            .all(|x| x.is_finite());
        let scale = self.scale.span >= 1.0 && self.scale.size > 0.0;
        let sizes = self.scale.span.is_finite() && self.scale.size.is_finite();
        let noise = p.sigma > 0.0 && p.sigma.is_finite();
        let changes = (1..=MAX_CHANGEPOINTS).contains(&self.changes.len())
            && self.changes.len() == p.delta.len()
            && self.changes.iter().all(|t| (0.0..=1.0).contains(t))
            && self
                .changes
                .iter()
                .zip(self.changes.iter().skip(1))
                .all(|(a, b)| a <= b);
        let standards = self.standards.len() == self.config.0.regressors.len()
            && self
                .standards
                .iter()
                .all(|(mean, deviation)| mean.is_finite() && *deviation > 0.0);
        let parameters = 2 + p.delta.len() + p.beta.len();
        let sums = self
            .sums
            .as_ref()
            .is_none_or(|sums| sums.is_sound(parameters));
        finite && scale && sizes && noise && changes && standards && sums
    }
}

impl Snapshot for FittedProphet {
    const KIND: &'static str = "forecast.prophet.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.timeline.validate()?;
        let unlike = self
            .config
            .0
            .seasonalities
            .iter()
            .any(|own| !self.seasonalities.iter().any(|s| s.name == own.name));
        let most = self.config.0.seasonalities.len() + 3;
        if unlike || self.seasonalities.len() > most {
            return Err(Error::snapshot(
                "the seasonalities of the Prophet model are not those of its configuration",
            ));
        }
        self.seasonalities
            .iter()
            .try_for_each(Seasonality::validate)?;
        let design = Design::new(&self.config.0, &self.seasonalities)?;
        if design.features.len() == self.parameters.beta.len() && self.is_sound() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the parameters, the scale or the changepoints of the Prophet model are outside \
                 their domain",
            ))
        }
    }
}
