//! Every model of a grid of orders.

use bongsu_core::{FittedForecaster, Forecaster, Result, SeriesView};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::candidate::{Rules, Selection, Tried};
use super::fit::Table;
use super::{Arima, Diffuse, Orders};
use crate::{Criterion, check};

/// Configuration of a search over all orders `p <= max_ar`, `d <= max_diff`, `q <= max_ma`.
///
/// Each model is fitted as by [`Arima`] with its default trend, from the coefficients of its smaller
/// neighbours too, so that a larger model is hardly ever worse than a smaller one. What could not be
/// fitted is in the result with the reason. The search for each starts from those neighbours and one
/// estimate, and goes on to the end from the best of them only, where [`Arima`] alone compares dozens of
/// places and goes on from up to five: fit the model that was chosen again where its last decimals of
/// likelihood matter.
///
/// Criteria of models with different numbers of differences are of different values; they are
/// compared all the same, as users of statsmodels do.
///
/// Cost: one fit a model, in parallel; the result does not depend on the number of threads.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_forecast::arima::Grid;
/// let times: Vec<_> = (0..80).map(Timestamp::from_secs).collect();
/// let mut level = 0.0;
/// let values: Vec<f64> = (0..80_u32).map(|i| {
///     level = 0.7 * level + f64::from(i * i % 7) - 3.0;
///     level
/// }).collect();
/// let labels = Labels::empty();
/// let selection = Grid::new(2, 1, 1)?.fit(&SeriesView::new(&labels, &times, &values)?)?;
/// assert_eq!(selection.candidates.len(), 12);
/// assert_eq!(selection.fitted.orders().ar, 2);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    max_ar: usize,
    max_diff: usize,
    max_ma: usize,
    criterion: Criterion,
    diffuse: Diffuse,
    iterations: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            max_ar: 5,
            max_diff: 2,
            max_ma: 5,
            criterion: Criterion::Aic,
            diffuse: Diffuse::Auto,
            iterations: 200,
        }
    }
}

impl Grid {
    /// All orders up to these, domain [0, 12], [0, 3] and [0, 12]. Default: 5, 2, 5.
    ///
    /// # Errors
    /// When one is outside its domain.
    pub fn new(max_ar: usize, max_diff: usize, max_ma: usize) -> Result<Self> {
        let grid = Self {
            max_ar,
            max_diff,
            max_ma,
            ..Self::default()
        };
        grid.validate()?;
        Ok(grid)
    }

    /// By which criterion models are compared. Default: Akaike's.
    #[must_use]
    pub const fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// See [`Arima::diffuse`]. Default: automatic.
    ///
    /// # Errors
    /// As [`Arima::diffuse`].
    pub fn diffuse(mut self, diffuse: Diffuse) -> Result<Self> {
        self.diffuse = diffuse;
        self.validate()?;
        Ok(self)
    }

    /// The largest number of iterations of each search. Domain: [1, 100000]. Default: 200.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn iterations(mut self, iterations: usize) -> Result<Self> {
        self.iterations = iterations;
        self.validate()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("max_p", self.max_ar, 0, 12)?;
        check::count("max_d", self.max_diff, 0, 3)?;
        check::count("max_q", self.max_ma, 0, 12)?;
        Arima::default()
            .diffuse(self.diffuse)?
            .iterations(self.iterations)
            .map(drop)
    }

    /// Fits every model of the grid.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an infinite
    /// value, or no model could be fitted.
    pub fn fit(&self, y: &SeriesView<'_>) -> Result<Selection> {
        self.validate()?;
        let table = Table::new(y, &[], None)?;
        let rules = Rules {
            diffuse: self.diffuse,
            iterations: self.iterations,
            farther: 1.0,
        };
        let (width, height) = (self.max_ma + 1, self.max_ar + 1);
        let place = |orders: &Orders| (orders.diff * height + orders.ar) * width + orders.ma;
        let mut tried: Vec<Option<Tried>> = vec![None; (self.max_diff + 1) * width * height];
        // Models of as many coefficients at once: their smaller neighbours are done then.
        for count in 0..=self.max_ar + self.max_ma {
            let ar = count.saturating_sub(self.max_ma)..=count.min(self.max_ar);
            let shape = |diff| ar.clone().map(move |ar| Orders::new(ar, diff, count - ar));
            let same: Vec<Orders> = (0..=self.max_diff).flat_map(shape).collect();
            let fit = |&orders: &Orders| {
                let mut smaller = [orders; 2];
                smaller[0].ar = orders.ar.wrapping_sub(1);
                smaller[1].ma = orders.ma.wrapping_sub(1);
                let related: Vec<(Orders, &[f64])> = smaller
                    .into_iter()
                    .filter(|o| o.ar <= self.max_ar && o.ma <= self.max_ma)
                    .filter_map(|o| {
                        let solution = tried.get(place(&o))?.as_ref()?.solution.as_ref()?;
                        Some((o, solution.coefficients.as_slice()))
                    })
                    .collect();
                let trend = Arima::new(orders).effective_trend();
                (place(&orders), rules.fit(&table, orders, trend, &related))
            };
            let done: Vec<(usize, Tried)> = same.par_iter().map(fit).collect();
            for (index, one) in done {
                if let Some(slot) = tried.get_mut(index) {
                    *slot = Some(one);
                }
            }
        }
        let tried = tried.into_iter().flatten().collect();
        rules.select(&table, tried, self.criterion)
    }
}

impl Forecaster for Grid {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?.fitted))
    }
}
