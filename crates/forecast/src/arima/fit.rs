//! From a configuration and a series to a fitted model.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result, SeriesView};

use super::bfgs::{Limits, minimise};
use super::design::{Design, trend_at};
use super::errors::{StandardErrors, standard_errors};
use super::exact::ExactLikelihood;
use super::fitted::{FittedArima, Given};
use super::kalman::Counted;
use super::likelihood::{FilterLikelihood, INFINITE, Likelihood, UNKNOWN, approximate};
use super::orders::Orders;
use super::start::usual_starts;
use super::transform::{chain, constrain, is_inside, release};
use super::{Arima, Diffuse, Trend};
use crate::{Timeline, check};

/// The variance that statsmodels gives to what is unknown before the first value.
const STATSMODELS: f64 = 1e6;

/// The gain in log-likelihood that is not worth another step of the search.
const GAIN: f64 = 1e-7;

/// The iterations of the rough searches from which the best goes on, and the gain that ends them.
const ROUGH: usize = 15;
const ROUGH_GAIN: f64 = 1e-2;

/// A difference between the likelihoods of an infinite and a finite variance of the start that does
/// not move the maximum by as much as counts.
const INDIFFERENT: f64 = 0.03;

/// The number of searches that go on to the end.
const FINE: usize = 2;

/// How far behind the best a rough search may be to be gone on with.
const CLOSE: f64 = 0.5;

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
    residual: Vec<f64>,
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

    /// The problem of fitting this model.
    pub(crate) fn problem(&self, config: &Arima) -> Result<Problem> {
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
        let residual = design.residual()?;
        if residual.len() < inner {
            let what = format!("ARIMA{orders}, between missing values,");
            return Err(Error::not_enough_data(what, inner, residual.len()));
        }
        let diffuse = diffuse_variance(config.diffuse, &orders, &design);
        Ok(Problem {
            orders,
            trend,
            timeline: self.timeline,
            names,
            design,
            diffuse,
            present,
            residual,
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
            let starts = design.values.iter().take(burn).filter(|x| !x.is_nan());
            let largest = starts.fold(0.0_f64, |m, x| m.max(x.abs()));
            let deviation = (sum / count).sqrt();
            let variance = STATSMODELS * squared;
            (deviation * largest.max(deviation) < variance).then_some(variance)
        }
    }
    .filter(|variance| variance.is_finite() && *variance > 0.0)
}

impl Problem {
    /// The likelihood that the search maximises: that of an infinite variance of the start.
    pub(crate) fn likelihood(&self) -> Likelihood {
        if self.design.is_complete() {
            return Likelihood::Exact(Box::new(ExactLikelihood::new(
                self.orders,
                self.design.differenced.clone(),
                self.design.differenced_columns.clone(),
            )));
        }
        let mut values = self.design.values.clone();
        let shift = self.shift();
        values.iter_mut().for_each(|x| *x -= shift);
        Likelihood::Filtered(self.filter(values, INFINITE, Counted::Below(UNKNOWN)))
    }

    /// What is taken from the scaled values before they are filtered: differencing does not see it.
    pub(crate) fn shift(&self) -> f64 {
        if self.orders.burn() == 0 || self.diffuse.is_some() {
            return 0.0;
        }
        let first = self.design.values.iter().find(|x| !x.is_nan());
        first.copied().unwrap_or(0.0)
    }

    fn filter(&self, values: Vec<f64>, diffuse: f64, counted: Counted) -> FilterLikelihood {
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

    /// Searches from several starts, first roughly, then on from where that was best; from the next
    /// best where it did not converge. With `starts`, of a related model, the estimates of Hannan and
    /// Rissanen are the only others.
    pub(crate) fn solve(&self, starts: &[Vec<f64>], iterations: usize) -> Result<Solution> {
        let mut likelihood = self.likelihood();
        let mut usual = usual_starts(&self.orders, &self.residual);
        if !starts.is_empty() {
            usual.truncate(1);
        }
        let mut found: Vec<Solution> = starts
            .iter()
            .chain(&usual)
            .filter_map(|start| search(&self.orders, &mut likelihood, start, ROUGH, ROUGH_GAIN))
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value));
        let mut best: Option<Solution> = None;
        let (mut last, mut fine_searches) = (f64::INFINITY, 0);
        for rough in &found {
            // Others that are as good may end higher, unless they are on the same way.
            let same = last - rough.value < ROUGH_GAIN;
            let behind = best.as_ref().is_some_and(|b| b.value > rough.value + CLOSE)
                || fine_searches >= FINE;
            if best.as_ref().is_some_and(|b| b.converged) && (same || behind) {
                continue;
            }
            last = rough.value;
            fine_searches += 1;
            let start = &rough.coefficients;
            if let Some(fine) = search(&self.orders, &mut likelihood, start, iterations, GAIN)
                && best.as_ref().is_none_or(|best| fine.value > best.value)
            {
                best = Some(fine);
            }
        }
        let solution = best.ok_or_else(|| {
            Error::input(format!(
                "ARIMA{} has no finite likelihood for this series at any start of the search",
                self.orders
            ))
        })?;
        Ok(self.polish(solution, iterations))
    }

    /// Improves a solution for a start of infinite variance where the wanted variance is finite and
    /// that makes a difference.
    fn polish(&self, solution: Solution, iterations: usize) -> Solution {
        let Some(diffuse) = self.diffuse else {
            return solution;
        };
        let ratio = self.ratio(diffuse, solution.variance);
        let counted = Counted::From(self.orders.burn());
        let filter = self.filter(self.design.values.clone(), ratio, counted);
        // What a better place would gain is of the order of the square of the difference.
        let here = filter.value(&solution.coefficients);
        if here.is_some_and(|(value, _)| (value - solution.value).abs() < INDIFFERENT) {
            return solution;
        }
        let mut likelihood = Likelihood::Filtered(filter);
        let Some(found) = search(
            &self.orders,
            &mut likelihood,
            &solution.coefficients,
            iterations.min(50),
            GAIN,
        ) else {
            return solution;
        };
        Solution {
            converged: solution.converged,
            ..found
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
                Likelihood::Exact(exact) => {
                    let w = self.orders.difference(&values);
                    **exact = ExactLikelihood::new(self.orders, w, Vec::new());
                }
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

    /// The number of values whose density the likelihood counts.
    fn counted(&self) -> f64 {
        if self.diffuse.is_none() {
            return self.present.saturating_sub(self.orders.burn()) as f64;
        }
        let after = self.design.values.iter().skip(self.orders.burn());
        after.filter(|x| !x.is_nan()).count() as f64
    }
}

/// Searches for the coefficients that maximise `likelihood`, from those given.
fn search(
    orders: &Orders,
    likelihood: &mut Likelihood,
    start: &[f64],
    iterations: usize,
    gain: f64,
) -> Option<Solution> {
    let mut coefficients = Vec::new();
    let mut slopes = vec![0.0; orders.coefficients()];
    let free = release(orders, start);
    // A mean, so that the size of the function does not grow with the series.
    constrain(orders, &free, &mut coefficients);
    likelihood.evaluate(&coefficients, None)?;
    let scale = 1.0 / likelihood.count().max(1) as f64;
    let function = |free: &[f64], gradient: &mut [f64]| {
        constrain(orders, free, &mut coefficients);
        let value = likelihood.evaluate(&coefficients, Some(&mut slopes))?;
        chain(orders, free, &slopes, gradient);
        gradient.iter_mut().for_each(|g| *g *= -scale);
        Some(-scale * value)
    };
    let limits = Limits {
        iterations,
        gain: gain * scale,
    };
    let found = minimise(function, &free, limits)?;
    constrain(orders, &found.x, &mut coefficients);
    let value = likelihood.evaluate(&coefficients, None)?;
    Some(Solution {
        effects: likelihood.effects().to_vec(),
        variance: likelihood.variance(),
        converged: found.converged,
        value,
        coefficients,
    })
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
