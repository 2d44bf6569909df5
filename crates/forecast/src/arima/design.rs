//! The data of a fit, made ready: one scale, and regressors that do not depend on each other.

use bongsu_core::{Error, Result};

use super::Trend;
use super::filter::dot;
use super::orders::Orders;

/// A differenced regressor of which less than this share is left by the others depends on them.
const DEPENDENT: f64 = 1e-9;

/// Values whose largest difference from the regression is below this share of the largest value are
/// met exactly.
const EXPLAINED: f64 = 1e-14;

/// Scaled values and regressors.
#[derive(Debug)]
pub(crate) struct Design {
    /// What the values were multiplied by: a power of two.
    pub(crate) unit: f64,
    /// The scaled values; NaN where missing.
    pub(crate) values: Vec<f64>,
    /// The differenced values; NaN where one of them is missing.
    pub(crate) differenced: Vec<f64>,
    /// Regressors made orthogonal where differenced: of mean square 1 there.
    pub(crate) columns: Vec<Vec<f64>>,
    /// These columns, differenced.
    pub(crate) differenced_columns: Vec<Vec<f64>>,
    /// The regressors in terms of the columns: upper triangle, by columns.
    mix: Vec<Vec<f64>>,
}

/// What the least-squares regression leaves of the differenced values.
#[derive(Debug)]
pub(crate) struct Residual {
    /// With what is missing on straight lines between the values.
    pub(crate) values: Vec<f64>,
    /// How many of them are not missing.
    pub(crate) counted: usize,
    /// The effects of the columns.
    pub(crate) effects: Vec<f64>,
    /// The mean square of those that are not missing, where it is no more than rounding of the values.
    pub(crate) rounding: Option<f64>,
}

/// The regressors of a trend at step `t`, counted from 1.
pub(crate) fn trend_at(trend: Trend, t: usize) -> impl Iterator<Item = f64> {
    let (constant, linear) = match trend {
        Trend::None => (None, None),
        Trend::Constant => (Some(1.0), None),
        Trend::Linear => (None, Some(t as f64)),
        Trend::ConstantLinear => (Some(1.0), Some(t as f64)),
    };
    constant.into_iter().chain(linear)
}

impl Design {
    /// Of values (NaN where missing) and regressors by columns, which start with the trend's.
    pub(crate) fn new(
        orders: &Orders,
        values: &[f64],
        regressors: &[Vec<f64>],
        names: &[String],
    ) -> Result<Self> {
        let largest = values
            .iter()
            .filter(|x| x.is_finite())
            .fold(0.0_f64, |m, x| m.max(x.abs()));
        let unit = inverse_power(largest);
        let values: Vec<f64> = values.iter().map(|x| x * unit).collect();
        let differenced = orders.difference(&values);
        let present = |x: &f64| if x.is_nan() { 0.0 } else { 1.0 };
        let mask: Vec<f64> = differenced.iter().map(present).collect();
        let count = mask.iter().sum::<f64>();
        let mut design = Self {
            unit,
            values,
            differenced,
            columns: Vec::new(),
            differenced_columns: Vec::new(),
            mix: Vec::new(),
        };
        for (column, name) in regressors.iter().zip(names) {
            design.add(orders, column, name, &mask, count)?;
        }
        Ok(design)
    }

    fn add(
        &mut self,
        orders: &Orders,
        column: &[f64],
        name: &str,
        mask: &[f64],
        count: f64,
    ) -> Result<()> {
        let scale = inverse_power(column.iter().fold(0.0_f64, |m, x| m.max(x.abs())));
        let mut level: Vec<f64> = column.iter().map(|x| x * scale).collect();
        let mut inner: Vec<f64> = orders
            .difference(&level)
            .iter()
            .zip(mask)
            .map(|(x, m)| x * m)
            .collect();
        let length = dot(&inner, &inner).sqrt();
        if length <= 1e-12 * dot(&level, &level).sqrt() {
            return Err(Error::input(format!(
                "the regressor `{name}` does not vary once differenced as the orders {orders} say: \
                 its effect cannot be told"
            )));
        }
        let mut mix = vec![0.0; self.columns.len()];
        // Twice is enough to be orthogonal to rounding.
        for _ in 0..2 {
            let others = self.columns.iter().zip(&self.differenced_columns);
            for ((other, other_inner), share) in others.zip(&mut mix) {
                let s = dot(&inner, other_inner) / count;
                take(&mut inner, other_inner, s);
                take(&mut level, other, s);
                *share += s;
            }
            for (x, m) in inner.iter_mut().zip(mask) {
                *x *= m;
            }
        }
        let left = dot(&inner, &inner).sqrt();
        if left <= DEPENDENT * length || left.is_nan() {
            return Err(Error::input(format!(
                "the regressor `{name}` is a combination of the trend and the other regressors: \
                 its effect cannot be told"
            )));
        }
        let size = left / count.sqrt();
        for x in level.iter_mut().chain(&mut inner) {
            *x /= size;
        }
        mix.push(size);
        // In the unit of the regressor as it was given.
        mix.iter_mut().for_each(|s| *s /= scale);
        self.columns.push(level);
        self.differenced_columns.push(inner);
        self.mix.push(mix);
        Ok(())
    }

    /// The differenced values less their least-squares regression.
    pub(crate) fn residual(&self, orders: &Orders) -> Residual {
        let present = |x: &f64| if x.is_nan() { 0.0 } else { *x };
        let mut out: Vec<f64> = self.differenced.iter().map(present).collect();
        let n = out.len() as f64;
        let mut shares = Vec::with_capacity(self.columns.len());
        for column in &self.differenced_columns {
            let share = dot(&out, column) / dot(column, column);
            take(&mut out, column, share);
            shares.push(share);
        }
        let kept = out.iter().zip(&self.differenced);
        let kept = kept.filter(|(_, w)| !w.is_nan());
        let largest = kept.clone().fold(0.0_f64, |m, (x, _)| m.max(x.abs()));
        let squares: f64 = kept.clone().map(|(x, _)| x * x).sum();
        let counted = kept.count();
        let mean_square = squares / counted.max(1) as f64;
        let rounding = (largest <= EXPLAINED * n.sqrt().max(4.0)).then_some(mean_square);
        if counted < out.len() {
            let mut level = self.without(&shares);
            crate::gaps::fill(&mut level);
            out = orders.difference(&level);
        }
        Residual {
            values: out,
            counted,
            effects: shares,
            rounding,
        }
    }

    /// The effects of the regressors as they were given, from those of the columns.
    pub(crate) fn original(&self, effects: &[f64]) -> Vec<f64> {
        let mut out = effects.to_vec();
        for (j, mix) in self.mix.iter().enumerate().rev() {
            let (before, rest) = out.split_at_mut(j);
            let (Some(effect), Some((diagonal, shares))) = (rest.first_mut(), mix.split_last())
            else {
                continue;
            };
            *effect /= diagonal;
            for (slot, share) in before.iter_mut().zip(shares) {
                *slot -= share * *effect;
            }
        }
        out.iter_mut().for_each(|x| *x /= self.unit);
        out
    }

    /// The effects of the columns, from those of the regressors as they were given.
    pub(crate) fn mixed(&self, effects: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; effects.len()];
        for (mix, effect) in self.mix.iter().zip(effects) {
            for (slot, share) in out.iter_mut().zip(mix) {
                *slot += share * effect * self.unit;
            }
        }
        out
    }

    /// The scaled values less the regression with these effects of the columns.
    pub(crate) fn without(&self, effects: &[f64]) -> Vec<f64> {
        let mut out = self.values.clone();
        for (column, &effect) in self.columns.iter().zip(effects) {
            take(&mut out, column, effect);
        }
        out
    }
}

fn take(values: &mut [f64], column: &[f64], share: f64) {
    for (x, c) in values.iter_mut().zip(column) {
        *x -= share * c;
    }
}

/// A power of two that brings `largest` near 1; 1 for 0.
pub(crate) fn inverse_power(largest: f64) -> f64 {
    if !(largest > 0.0 && largest < f64::INFINITY) {
        return 1.0;
    }
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
    (-exponent).exp2()
}
