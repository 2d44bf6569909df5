//! The automatic choice of orders.

use std::f64::consts::LN_2;

use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::candidate::{Rules, Selection, Tried};
use super::determined::determined;
use super::differencing::{SeasonalTest, UnitRootTest, differences, seasonal_differences};
use super::fit::Table;
use super::{Diffuse, Orders, Trend};
use crate::{Criterion, check};

/// The most models that a stepwise search tries.
const MOST_MODELS: usize = 94;

/// How many times as far from 0 as the unit circle every root has to be where the series is short.
const FARTHER: f64 = 1.01;

/// Configuration of the automatic choice of a seasonal ARIMA model.
///
/// One seasonal difference is taken where the season is strong ([`SeasonalTest`] has other rules).
/// Then differences are taken, two at most, while the test of Kwiatkowski, Phillips, Schmidt and Shin
/// says at 5 % that what is left is not stationary ([`UnitRootTest`] has others). The other orders,
/// and whether there is a constant or a drift, come from a search for the least criterion: from four
/// simple models step by step to better neighbours, or over all of them.
///
/// The coefficients maximise the likelihood of the differenced series ([`Diffuse::Exact`]) where every
/// root of the polynomials of more than one lag is farther from 0 than the unit circle, by 1 % or, in a
/// series longer than 69 values, by `ln 2 / n`: what a nearer root remembers does not halve within the
/// `n` values, so that they cannot tell it from one more or one less difference. A model that has its
/// maximum at that limit, in a polynomial of more than one coefficient, is refused; a single
/// coefficient there is a slow return, a fixed season or a difference too many, all of them harmless.
/// The reference refuses at 1 % for any length; where its search for a maximum ends early or at a lower
/// one, it keeps what that happened to be.
///
/// A line, a season, or a season on a line, of which differences and a drift leave nothing but rounding,
/// is met without a search, as in R's `forecast::auto.arima`: the model has no coefficients, and the
/// deviation of its innovations is that of the rounding, at least 2.2e-16 of the largest value.
///
/// Cost: a fit for each of 20 to 90 models, one after the other; the full search in parallel. The
/// result does not depend on the number of threads.
///
/// Source: Hyndman & Khandakar 2008, <https://doi.org/10.18637/jss.v027.i03>; the defaults of
/// statsforecast 2.1 `AutoARIMA`; Wang, Smith & Hyndman 2006 for the strength of seasons,
/// <https://doi.org/10.1007/s10618-005-0039-x>.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_forecast::arima::AutoArima;
/// let times: Vec<_> = (0..96).map(Timestamp::from_secs).collect();
/// let noise = |i: u32| f64::from(i * i % 11) / 11.0;
/// let values: Vec<f64> = (0..96_u32).map(|i| f64::from(i % 12) + noise(i)).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &values)?;
/// let selection = AutoArima::new().period(12)?.fit(&series)?;
/// assert_eq!(selection.fitted.orders().seasonal_diff, 1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoArima {
    period: usize,
    diff: Option<usize>,
    seasonal_diff: Option<usize>,
    unit_root: UnitRootTest,
    level: f64,
    seasonal_test: SeasonalTest,
    max_diff: usize,
    max_seasonal_diff: usize,
    max_order: usize,
    max_seasonal: usize,
    stepwise: bool,
    constant: bool,
    criterion: Criterion,
}

impl Default for AutoArima {
    fn default() -> Self {
        Self {
            period: 1,
            diff: None,
            seasonal_diff: None,
            unit_root: UnitRootTest::Kpss,
            level: 0.05,
            seasonal_test: SeasonalTest::Strength,
            max_diff: 2,
            max_seasonal_diff: 1,
            max_order: 5,
            max_seasonal: 2,
            stepwise: true,
            constant: true,
            criterion: Criterion::Aicc,
        }
    }
}

impl AutoArima {
    /// The defaults: no season, orders up to 5 and seasonal ones up to 2, stepwise, by `AICc`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The season in steps. Domain: [1, 366]; 1 is none. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(mut self, steps: usize) -> Result<Self> {
        self.period = check::count("period", steps, 1, 366)?;
        Ok(self)
    }

    /// The number of differences. Domain: [0, 2]. Default: by the test.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn diff(mut self, count: usize) -> Result<Self> {
        self.diff = Some(check::count("d", count, 0, 2)?);
        Ok(self)
    }

    /// The number of seasonal differences. Domain: [0, 2]. Default: by the strength of the season.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn seasonal_diff(mut self, count: usize) -> Result<Self> {
        self.seasonal_diff = Some(check::count("D", count, 0, 2)?);
        Ok(self)
    }

    /// By which test the number of differences is decided. Default: that of Kwiatkowski, Phillips,
    /// Schmidt and Shin.
    #[must_use]
    pub const fn unit_root(mut self, test: UnitRootTest) -> Self {
        self.unit_root = test;
        self
    }

    /// The level of that test. Domain: [0.01, 0.1]. Default: 0.05.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(mut self, level: f64) -> Result<Self> {
        self.level = level;
        self.validate()?;
        Ok(self)
    }

    /// By what the number of seasonal differences is decided. Default: the strength of the season.
    #[must_use]
    pub const fn seasonal_test(mut self, test: SeasonalTest) -> Self {
        self.seasonal_test = test;
        self
    }

    /// The most differences that the test may ask for. Domain: [0, 2]. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_diff(mut self, count: usize) -> Result<Self> {
        self.max_diff = check::count("max_d", count, 0, 2)?;
        Ok(self)
    }

    /// The most seasonal differences that the test may ask for. Domain: [0, 2]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_seasonal_diff(mut self, count: usize) -> Result<Self> {
        self.max_seasonal_diff = check::count("max_D", count, 0, 2)?;
        Ok(self)
    }

    /// The largest autoregressive and moving-average orders, and the most coefficients of a full
    /// search. Domain: [0, 12]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_order(mut self, order: usize) -> Result<Self> {
        self.max_order = check::count("max_order", order, 0, 12)?;
        Ok(self)
    }

    /// The largest seasonal orders. Domain: [0, 3]. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_seasonal(mut self, order: usize) -> Result<Self> {
        self.max_seasonal = check::count("max_seasonal", order, 0, 3)?;
        Ok(self)
    }

    /// Whether the search goes step by step instead of over all models. Default: it does.
    #[must_use]
    pub const fn stepwise(mut self, stepwise: bool) -> Self {
        self.stepwise = stepwise;
        self
    }

    /// Whether a constant, or with one difference a drift, may be in the model. Default: it may.
    #[must_use]
    pub const fn constant(mut self, constant: bool) -> Self {
        self.constant = constant;
        self
    }

    /// By which criterion models are compared. Default: `AICc`.
    #[must_use]
    pub const fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("period", self.period, 1, 366)?;
        check::count("d", self.diff.unwrap_or(0), 0, 2)?;
        check::count("D", self.seasonal_diff.unwrap_or(0), 0, 2)?;
        check::count("max_d", self.max_diff, 0, 2)?;
        check::count("max_D", self.max_seasonal_diff, 0, 2)?;
        // Written so that a NaN is refused too.
        if !(self.level >= 0.01 && self.level <= 0.1) {
            return Err(Error::parameter("level", self.level, "in [0.01, 0.1]"));
        }
        check::count("max_order", self.max_order, 0, 12)?;
        check::count("max_seasonal", self.max_seasonal, 0, 3)?;
        Ok(())
    }

    /// Chooses and fits a model.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an infinite
    /// value, or no model could be fitted, as for a constant series.
    pub fn fit(&self, y: &SeriesView<'_>) -> Result<Selection> {
        self.validate()?;
        let table = Table::new(y, &[], None)?;
        let mut search = Search::new(self, &table)?;
        if let Some(selection) = determined(&table, &self.simplest(&search.base))? {
            return Ok(selection);
        }
        if self.stepwise {
            search.stepwise();
        } else {
            search.full();
        }
        search.rules.select(&table, search.tried, self.criterion)
    }

    /// The trend of a model with a constant and this many differences in all.
    const fn trend(&self, differences: usize) -> Trend {
        match differences {
            0 if self.constant => Trend::Constant,
            1 if self.constant => Trend::Linear,
            _ => Trend::None,
        }
    }

    /// The models without coefficients that explain a line, a season or both, from few differences to
    /// those of `base`.
    fn simplest(&self, base: &Orders) -> Vec<(Orders, Trend)> {
        let from = |given: Option<usize>, most: usize| given.unwrap_or(0)..=given.unwrap_or(most);
        // No test asks for the difference of a line that is met exactly.
        let most = base.diff.max(self.max_diff.min(1));
        let mut all = Vec::new();
        for seasonal_diff in from(
            self.seasonal_diff.map(|_| base.seasonal_diff),
            base.seasonal_diff,
        ) {
            for diff in from(self.diff, most) {
                let orders = Orders {
                    diff,
                    seasonal_diff,
                    ..*base
                };
                all.push((orders, Trend::None));
                let trend = self.trend(diff + seasonal_diff);
                if trend != Trend::None {
                    all.push((orders, trend));
                }
            }
        }
        all
    }
}

impl Forecaster for AutoArima {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?.fitted))
    }
}

/// A search under way.
struct Search<'a> {
    table: &'a Table,
    rules: Rules,
    criterion: Criterion,
    /// The differences and the season, without other orders.
    base: Orders,
    /// The trend where there is a constant.
    trend: Trend,
    /// The largest `p`, `q`, `P`, `Q`.
    most: [usize; 4],
    /// The most coefficients of a full search.
    most_coefficients: usize,
    tried: Vec<Tried>,
    best: Option<usize>,
}

impl<'a> Search<'a> {
    fn new(config: &AutoArima, table: &'a Table) -> Result<Self> {
        let values = table.values();
        let present = check::enough("automatic ARIMA", values, 4)?;
        let first = values.iter().find(|x| !x.is_nan());
        if values.iter().all(|x| x.is_nan() || Some(x) == first) {
            return Err(Error::input(
                "the series is constant: there is nothing to model",
            ));
        }
        let seasonal = config.period > 1;
        let seasonal_diff = match config.seasonal_diff {
            _ if !seasonal => 0,
            Some(count) => count,
            None => {
                let most = config.max_seasonal_diff;
                seasonal_differences(values, config.period, config.seasonal_test, most)?
            }
        };
        let period = if seasonal { config.period } else { 0 };
        let mut base = Orders::new(0, 0, 0).seasonal(0, seasonal_diff, 0, period);
        base.diff = config.diff.unwrap_or_else(|| {
            let (test, level) = (config.unit_root, config.level);
            differences(&base.difference(values), test, level, config.max_diff)
        });
        let trend = config.trend(base.diff + base.seasonal_diff);
        let mut own = config.max_order.min(present / 3);
        let mut season = 0;
        if seasonal {
            own = own.min(config.period - 1);
            season = config.max_seasonal.min(present / 3 / config.period);
        }
        let steps = values.len().saturating_sub(base.burn()).max(1);
        Ok(Self {
            table,
            rules: Rules {
                diffuse: Diffuse::Exact,
                iterations: 100,
                farther: FARTHER.min(1.0 + LN_2 / steps as f64),
            },
            criterion: config.criterion,
            base,
            trend,
            most: [own, own, season, season],
            most_coefficients: config.max_order,
            tried: Vec::new(),
            best: None,
        })
    }

    fn orders(&self, [ar, ma, seasonal_ar, seasonal_ma]: [usize; 4]) -> Orders {
        Orders {
            ar,
            ma,
            seasonal_ar,
            seasonal_ma,
            ..self.base
        }
    }

    /// Tries a model that has not been tried; whether it is the best so far.
    fn attempt(&mut self, shape: [usize; 4], trend: Trend) -> bool {
        let orders = self.orders(shape);
        let known = |one: &Tried| one.candidate.orders == orders && one.candidate.trend == trend;
        if self.tried.iter().any(known) || self.tried.len() >= MOST_MODELS {
            return false;
        }
        let best = self.best.and_then(|i| self.tried.get(i));
        let related: Vec<(Orders, &[f64])> = best
            .and_then(|b| {
                Some((
                    b.candidate.orders,
                    b.solution.as_ref()?.coefficients.as_slice(),
                ))
            })
            .into_iter()
            .collect();
        let one = self.rules.fit(self.table, orders, trend, &related);
        let least = best.map_or(f64::INFINITY, |b| b.candidate.score(self.criterion));
        let better = one.candidate.score(self.criterion) < least;
        if better {
            self.best = Some(self.tried.len());
        }
        self.tried.push(one);
        better
    }

    /// From simple models step by step to better neighbours.
    fn stepwise(&mut self) {
        let most = self.most;
        let few = self.table.values().len() < 10;
        let start = if few { [1, 1, 0, 0] } else { [2, 2, 1, 1] };
        let limited = |shape: [usize; 4]| {
            let mut out = shape;
            out.iter_mut()
                .zip(most)
                .for_each(|(x, most)| *x = (*x).min(most));
            out
        };
        for shape in [start, [0; 4], [1, 0, 1, 0], [0, 1, 0, 1]] {
            self.attempt(limited(shape), self.trend);
        }
        if self.trend != Trend::None {
            self.attempt([0; 4], Trend::None);
        }
        while self.improve() {}
    }

    /// Moves to the first better neighbour of the best model.
    fn improve(&mut self) -> bool {
        /// Changes of `p`, `q`, `P`, `Q`, in the order in which they are tried.
        const MOVES: [[isize; 4]; 16] = [
            [0, 0, -1, 0],
            [0, 0, 0, -1],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
            [0, 0, -1, -1],
            [0, 0, -1, 1],
            [0, 0, 1, -1],
            [0, 0, 1, 1],
            [-1, 0, 0, 0],
            [0, -1, 0, 0],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [-1, -1, 0, 0],
            [-1, 1, 0, 0],
            [1, -1, 0, 0],
            [1, 1, 0, 0],
        ];
        let Some(best) = self.best.and_then(|i| self.tried.get(i)) else {
            return false;
        };
        let (orders, trend) = (best.candidate.orders, best.candidate.trend);
        let shape = [orders.ar, orders.ma, orders.seasonal_ar, orders.seasonal_ma];
        for change in MOVES {
            let mut next = shape;
            let mut inside = true;
            for ((slot, step), most) in next.iter_mut().zip(change).zip(self.most) {
                match slot.checked_add_signed(step) {
                    Some(moved) if moved <= most => *slot = moved,
                    _ => inside = false,
                }
            }
            if inside && self.attempt(next, trend) {
                return true;
            }
        }
        let other = if trend == Trend::None {
            self.trend
        } else {
            Trend::None
        };
        self.attempt(shape, other)
    }

    /// Every model of few enough coefficients.
    fn full(&mut self) {
        let mut all = Vec::new();
        let [ar, ma, seasonal_ar, seasonal_ma] = self.most;
        for p in 0..=ar {
            for q in 0..=ma {
                for sp in 0..=seasonal_ar {
                    for sq in 0..=seasonal_ma {
                        if p + q + sp + sq > self.most_coefficients {
                            continue;
                        }
                        let orders = self.orders([p, q, sp, sq]);
                        all.push((orders, Trend::None));
                        if self.trend != Trend::None {
                            all.push((orders, self.trend));
                        }
                    }
                }
            }
        }
        let (rules, table) = (self.rules, self.table);
        let fit = |&(orders, trend): &(Orders, Trend)| rules.fit(table, orders, trend, &[]);
        self.tried = all.par_iter().map(fit).collect();
    }
}
