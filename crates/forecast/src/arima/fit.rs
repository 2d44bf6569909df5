//! From a configuration and a series to a fitted model.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result, SeriesView};

use super::design::{Design, Residual, trend_at};
use super::errors::{StandardErrors, standard_errors};
use super::exact::ExactLikelihood;
use super::fitted::{FittedArima, Given};
use super::kalman::Counted;
use super::likelihood::{FilterLikelihood, INFINITE, Likelihood, UNKNOWN, approximate};
use super::missing::Missing;
use super::orders::Orders;
use super::transform::is_inside;
use super::{Arima, Diffuse, Trend};
use crate::{Timeline, check};

/// The variance that statsmodels gives to what is unknown before the first value.
const STATSMODELS: f64 = 1e6;

/// By how many standard deviations that variance may pull the first innovation before it counts as
/// too small for the series.
const HARMLESS: f64 = 100.0;

/// Everything about the data that the orders, but not the coefficients, decide.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) orders: Orders,
    pub(crate) trend: Trend,
    pub(crate) timeline: Timeline,
    pub(crate) names: Vec<String>,
    pub(crate) design: Design,
    /// The variance of the start in the scaled unit; `None` where it is infinite.
    pub(crate) diffuse: Option<f64>,
    /// The number of values that are not missing.
    pub(crate) present: usize,
    pub(super) residual: Residual,
    /// Whether missing values are integrated out, rather than left out by the Kalman filter.
    integrates: bool,
}

/// What a search found, in the unit of the design.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    pub(crate) coefficients: Vec<f64>,
    /// Of the columns of the design.
    pub(crate) effects: Vec<f64>,
    pub(crate) variance: f64,
    pub(crate) converged: bool,
    /// By the likelihood that was maximised, in the scaled unit.
    pub(crate) value: f64,
}

/// Values on their grid and the regressors by columns, those of the trend first.
#[derive(Debug)]
pub(crate) struct Table {
    timeline: Timeline,
    values: Vec<f64>,
    names: Vec<String>,
    regressors: Vec<Vec<f64>>,
}

impl Table {
    pub(crate) fn new(
        y: &SeriesView<'_>,
        names: &[&str],
        x: Option<ArrayView2<'_, f64>>,
    ) -> Result<Self> {
        let (timeline, values) = Timeline::of(y)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let Some(x) = x else {
            if let Some(first) = names.first() {
                return Err(Error::input(format!(
                    "the regressor `{first}` has no values"
                )));
            }
            return Ok(Self {
                timeline,
                values,
                names,
                regressors: Vec::new(),
            });
        };
        if x.ncols() != names.len() {
            return Err(Error::shape("number of regressors", x.ncols(), names.len()));
        }
        if x.nrows() != y.len() {
            return Err(Error::shape(
                "number of rows of regressors",
                x.nrows(),
                y.len(),
            ));
        }
        check::regressors(&x, &names)?;
        let mut regressors = vec![vec![0.0; values.len()]; names.len()];
        for (column, source) in regressors.iter_mut().zip(x.columns()) {
            for (&time, &value) in y.timestamps().iter().zip(source) {
                if let Some(slot) = timeline.index_of(time).and_then(|i| column.get_mut(i)) {
                    *slot = value;
                }
            }
        }
        Ok(Self {
            timeline,
            values,
            names,
            regressors,
        })
    }

    /// The values on the grid.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The problem of fitting this model; an error where nothing is left to explain.
    pub(crate) fn problem(&self, config: &Arima) -> Result<Problem> {
        let problem = self.any_problem(config)?;
        if problem.residual.rounding.is_some() {
            return Err(Error::input(
                "the series is constant once differenced and without its trend and regressors: \
                 there is nothing left to model",
            ));
        }
        Ok(problem)
    }

    /// As [`Self::problem`], also where the regression explains the series without a remainder.
    pub(super) fn any_problem(&self, config: &Arima) -> Result<Problem> {
        config.validate()?;
        let (orders, trend) = (config.orders, config.effective_trend());
        let steps = self.values.len();
        let mut columns: Vec<Vec<f64>> =
            vec![Vec::with_capacity(steps); trend_at(trend, 1).count()];
        for t in 1..=steps {
            for (column, x) in columns.iter_mut().zip(trend_at(trend, t)) {
                column.push(x);
            }
        }
        columns.extend(self.regressors.iter().cloned());
        let mut names = trend_names(trend);
        names.extend(self.names.iter().cloned());
        let inner = orders.coefficients() + names.len() + 2;
        let season = orders.period * orders.seasonal_ar.max(orders.seasonal_ma) + 1;
        let needed = orders.burn() + inner.max(season);
        let present = check::enough(&format!("ARIMA{orders}"), &self.values, needed)?;
        let design = Design::new(&orders, &self.values, &columns, &names)?;
        let residual = design.residual(&orders);
        if residual.counted < inner && residual.rounding.is_none() {
            let what = format!("ARIMA{orders}, between missing values,");
            return Err(Error::not_enough_data(what, inner, residual.counted));
        }
        let diffuse = diffuse_variance(config.diffuse, &orders, &design);
        let missing = Missing::of(&orders, &design.values);
        let integrates = is_integrated(&orders, &missing, design.differenced.len());
        Ok(Problem {
            orders,
            trend,
            timeline: self.timeline,
            names,
            design,
            diffuse,
            present,
            residual,
            integrates,
        })
    }
}

fn trend_names(trend: Trend) -> Vec<String> {
    let names: &[&str] = match trend {
        Trend::None => &[],
        Trend::Constant => &["const"],
        Trend::Linear => &["trend"],
        Trend::ConstantLinear => &["const", "trend"],
    };
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Whether missing values are integrated out: where they can be told, and are so few that it costs less
/// than the filter with its numeric gradient.
fn is_integrated(orders: &Orders, missing: &Missing, len: usize) -> bool {
    let (m, states) = (missing.len() as f64, orders.states() as f64);
    let coefficients = orders.coefficients() as f64;
    let lags = (orders.ar + orders.ma + 1) * (orders.seasonal_ar + orders.seasonal_ma + 1);
    let integrating = m * m * (m + 10.0 * lags as f64 + 3.0 * states);
    let filtering = (2.0 * coefficients + 1.0) * len as f64 * (4.0 * states * states + 60.0);
    integrating < 2.5 * filtering && missing.is_determined(len)
}

/// The variance of the start in the scaled unit; `None` where it is infinite.
fn diffuse_variance(diffuse: Diffuse, orders: &Orders, design: &Design) -> Option<f64> {
    let burn = orders.burn();
    if burn == 0 {
        return None;
    }
    let squared = design.unit * design.unit;
    match diffuse {
        Diffuse::Exact => None,
        Diffuse::Approximate(variance) => Some(variance * squared),
        Diffuse::Auto => {
            let differences = design.differenced.iter().filter(|x| !x.is_nan());
            let (mut sum, mut count) = (0.0, 0.0);
            for x in differences {
                sum += x * x;
                count += 1.0;
            }
            let starts = design.values.iter().take(burn);
            if starts.clone().any(|x| x.is_nan()) {
                return None;
            }
            let largest = starts.fold(0.0_f64, |m, x| m.max(x.abs()));
            let deviation = (sum / count).sqrt();
            let variance = STATSMODELS * squared;
            (deviation * largest.max(deviation) < HARMLESS * variance).then_some(variance)
        }
    }
    .filter(|variance| variance.is_finite() && *variance > 0.0)
}

impl Problem {
    /// The likelihood that the search maximises: that of an infinite variance of the start.
    pub(crate) fn likelihood(&self) -> Likelihood {
        if self.integrates {
            return Likelihood::Exact(Box::new(
                self.exact(&self.design.values, &self.design.columns),
            ));
        }
        let mut values = self.design.values.clone();
        let shift = self.shift();
        values.iter_mut().for_each(|x| *x -= shift);
        Likelihood::Filtered(self.filter(values, INFINITE, Counted::Below(UNKNOWN)))
    }

    /// The likelihood by the recursion of values and regressors that are not differenced.
    fn exact(&self, values: &[f64], columns: &[Vec<f64>]) -> ExactLikelihood {
        let missing = Missing::of(&self.orders, values);
        let mut filled = values.to_vec();
        if missing.len() > 0 {
            crate::gaps::fill(&mut filled);
        }
        let w = self.orders.difference(&filled);
        let columns = columns.iter().map(|c| self.orders.difference(c)).collect();
        ExactLikelihood::new(self.orders, w, columns, missing)
    }

    /// What is taken from the scaled values before they are filtered: differencing does not see it.
    pub(crate) fn shift(&self) -> f64 {
        if self.orders.burn() == 0 || self.diffuse.is_some() {
            return 0.0;
        }
        let first = self.design.values.iter().find(|x| !x.is_nan());
        first.copied().unwrap_or(0.0)
    }

    pub(super) fn filter(
        &self,
        values: Vec<f64>,
        diffuse: f64,
        counted: Counted,
    ) -> FilterLikelihood {
        FilterLikelihood {
            orders: self.orders,
            values,
            columns: self.design.columns.clone(),
            diffuse,
            counted,
            effects: Vec::new(),
            variance: f64::NAN,
            count: 0,
        }
    }

    /// The variance of the start in units of the innovations', no larger than what digits allow:
    /// there it makes no more difference, unless missing values let it into the likelihood.
    pub(crate) fn ratio(&self, diffuse: f64, variance: f64) -> f64 {
        let mut starts = self.design.values.iter().take(self.orders.burn());
        let most = if starts.any(|x| x.is_nan()) {
            1e12
        } else {
            1e9
        };
        (diffuse / variance).min(most)
    }

    /// The normal matrix of the regression on the columns of the design at these coefficients.
    pub(crate) fn normal_matrix(&self, coefficients: &[f64]) -> Option<Vec<f64>> {
        let counted = Counted::Below(UNKNOWN);
        let filter = self.filter(self.design.values.clone(), INFINITE, counted);
        filter.value(coefficients).map(|(_, pass)| pass.normal)
    }

    /// The log-likelihood of a solution, in the unit of the series.
    pub(crate) fn log_likelihood(&self, solution: &Solution) -> Option<f64> {
        if self.residual.rounding.is_some() {
            return Some(self.rounding_likelihood(solution.variance));
        }
        let values = self.design.without(&solution.effects);
        let coefficients = &solution.coefficients;
        let scaled = if let Some(diffuse) = self.diffuse {
            let ratio = self.ratio(diffuse, solution.variance);
            approximate(
                &self.orders,
                coefficients,
                solution.variance,
                &values,
                ratio,
            )?
        } else {
            let mut likelihood = self.likelihood();
            match &mut likelihood {
                Likelihood::Exact(exact) => **exact = self.exact(&values, &[]),
                Likelihood::Filtered(filter) => {
                    let shift = self.shift();
                    filter.values = values.iter().map(|x| x - shift).collect();
                    filter.columns.clear();
                }
            }
            let largest = likelihood.evaluate(coefficients, None)?;
            // From the best variance to this one.
            let n = likelihood.count() as f64;
            let ratio = likelihood.variance() / solution.variance;
            largest - 0.5 * n * (ratio - 1.0 - ratio.ln())
        };
        Some(scaled + self.counted() * self.design.unit.ln())
    }

    /// The log-likelihood of rounding errors of this variance, in the unit of the series.
    fn rounding_likelihood(&self, variance: f64) -> f64 {
        let constant = (2.0 * std::f64::consts::PI).ln() + 1.0;
        self.counted() * (self.design.unit.ln() - 0.5 * (constant + variance.ln()))
    }

    /// Whether there is a constant that the series cannot tell, because its autoregression remembers
    /// for much longer than it lasts.
    pub(crate) fn loses_mean(&self, solution: &Solution) -> bool {
        /// The memory of what counts as endless, in lengths of the series.
        const ENDLESS: f64 = 20.0;
        if !matches!(self.trend, Trend::Constant | Trend::ConstantLinear) {
            return false;
        }
        let factors = self.orders.split(&solution.coefficients);
        let left = |part: &[f64]| 1.0 - part.iter().sum::<f64>();
        let seasons = self.present as f64 / self.orders.period.max(1) as f64;
        left(factors.ar) * ENDLESS * (self.present as f64) < 1.0
            || left(factors.seasonal_ar) * ENDLESS * seasons < 1.0
    }

    /// The number of values whose density the likelihood counts.
    fn counted(&self) -> f64 {
        if self.diffuse.is_none() {
            return self.present.saturating_sub(self.orders.burn()) as f64;
        }
        let after = self.design.values.iter().skip(self.orders.burn());
        after.filter(|x| !x.is_nan()).count() as f64
    }
}

/// See [`Arima::fit_regressors`].
pub(crate) fn fit(
    config: &Arima,
    y: &SeriesView<'_>,
    names: &[&str],
    x: Option<ArrayView2<'_, f64>>,
) -> Result<FittedArima> {
    let problem = Table::new(y, names, x)?.problem(config)?;
    let solution = problem.solve(&[], config.iterations)?;
    let errors = standard_errors(&problem, &solution);
    FittedArima::new(&problem, &solution, errors)
}

/// See [`Arima::at`].
pub(crate) fn at(
    config: &Arima,
    y: &SeriesView<'_>,
    names: &[&str],
    x: Option<ArrayView2<'_, f64>>,
    parameters: &[f64],
) -> Result<FittedArima> {
    let problem = Table::new(y, names, x)?.problem(config)?;
    let given = Given::new(&problem, parameters)?;
    if !is_inside(&problem.orders, &given.coefficients) {
        return Err(Error::input(
            "the coefficients must be stationary and invertible",
        ));
    }
    let solution = given.solution(&problem);
    FittedArima::new(&problem, &solution, StandardErrors::default())
}
