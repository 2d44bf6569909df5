use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Expectation, Result, Rows, Snapshot};
use bongsu_stats::robust::{MAD_TO_STD, median, quantile};
use serde::{Deserialize, Serialize};

use super::{LONGEST, Poly, filter};
use crate::check;

/// The filter and the size of usual errors; see [`Poly`].
///
/// Memory: `8 w` bytes.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let x = Array2::from_shape_fn((100, 1), |(i, _)| i as f64 + ((i * 7) % 5) as f64);
/// let fitted = bongsu_ml::Poly::new().window(20)?.power(1)?.fit(x.view())?;
/// let bands = fitted.expectations(&x.view().into())?.unwrap_or_default();
/// assert!((bands[99].expected - 101.0).abs() < 2.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPoly {
    power: usize,
    filter: Vec<f64>,
    average: usize,
    causal: bool,
    scale: f64,
    threshold: f64,
}

impl FittedPoly {
    pub(super) fn learn(config: &Poly, values: &[f64]) -> Result<Self> {
        let mut fitted = Self {
            power: config.power,
            filter: filter::prediction(config.window, config.power),
            average: config.average,
            causal: config.causal,
            scale: 1.0,
            threshold: f64::MAX,
        };
        let mut errors = Vec::with_capacity(values.len());
        fitted.predict(values, |_, predicted, x| errors.push((x - predicted).abs()));
        if errors.iter().any(|e| !e.is_finite()) {
            return Err(Error::input(
                "prediction errors leave the range of floats; scale the values down first",
            ));
        }
        // Of full windows only.
        let full = errors.get(config.window..).unwrap_or_default();
        let robust = MAD_TO_STD * median(full);
        let n = full.len() as f64;
        let mean: f64 = full.iter().map(|e| e / n).sum();
        let scale = [robust, mean].into_iter().find(|s| *s >= f64::MIN_POSITIVE);
        fitted.scale = scale.unwrap_or(f64::MIN_POSITIVE).min(f64::MAX);
        let mut scores = vec![0.0; errors.len()];
        fitted.score_errors(&errors, &mut scores);
        fitted.threshold = quantile(&scores, 1.0 - config.contamination);
        Ok(fitted)
    }

    /// The size of a usual prediction error, in the unit of the series.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// Writes the scores of rows with these absolute errors.
    fn score_errors(&self, errors: &[f64], out: &mut [f64]) {
        let after = if self.causal { 0 } else { self.average / 2 };
        let before = self.average - 1 - after.min(self.average - 1);
        for (row, slot) in out.iter_mut().enumerate() {
            let end = (row + after + 1).min(errors.len());
            let around = errors.get(row.saturating_sub(before)..end);
            *slot = (quadratic_mean(around.unwrap_or_default()) / self.scale).min(f64::MAX);
        }
    }

    /// Calls `take` with the number, the prediction and the value of each row.
    fn predict(&self, values: &[f64], mut take: impl FnMut(usize, f64, f64)) {
        let window = self.filter.len();
        for (row, &x) in values.iter().enumerate().take(window) {
            let past = values.get(..row).unwrap_or_default();
            let predicted = match row {
                0 => x,
                _ => product(&filter::prediction(row, self.power * row / window), past),
            };
            take(row, predicted, x);
        }
        let later = values.get(window..).unwrap_or_default();
        for (i, (past, &x)) in values.windows(window).zip(later).enumerate() {
            take(window + i, product(&self.filter, past), x);
        }
    }
}

/// The root of the mean square.
fn quadratic_mean(errors: &[f64]) -> f64 {
    let n = errors.len() as f64;
    if let [error] = errors {
        return *error;
    }
    let squares: f64 = errors.iter().map(|e| e * e).sum();
    if squares.is_normal() && squares < f64::MAX {
        return (squares / n).sqrt();
    }
    // The squares leave the range of floats, or all are 0.
    let largest = errors.iter().fold(0.0_f64, |m, e| m.max(*e));
    if largest == 0.0 {
        return 0.0;
    }
    let squares: f64 = errors.iter().map(|e| (e / largest).powi(2)).sum();
    (squares / n).sqrt() * largest
}

/// The filtered value. Differences from the last value are filtered, not the values themselves:
/// the filter sums to 1, and an offset costs no digits.
fn product(filter: &[f64], past: &[f64]) -> f64 {
    let last = past.last().copied().unwrap_or(0.0);
    let mut sums = [0.0; 8];
    let (filters, filter_rest) = filter.as_chunks::<8>();
    let (pasts, past_rest) = past.as_chunks::<8>();
    for (f, p) in filters.iter().zip(pasts) {
        for ((sum, f), p) in sums.iter_mut().zip(f).zip(p) {
            *sum += f * (p - last);
        }
    }
    let rest: f64 = filter_rest
        .iter()
        .zip(past_rest)
        .map(|(f, p)| f * (p - last))
        .sum();
    last + (sums.iter().sum::<f64>() + rest)
}

impl Detector for FittedPoly {
    fn n_features(&self) -> usize {
        1
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, 1)?;
        let values: Vec<f64> = x.iter().copied().collect();
        let mut errors = Vec::with_capacity(values.len());
        self.predict(&values, |_, predicted, x| {
            errors.push((x - predicted).abs());
        });
        if let Some(row) = errors.iter().position(|e| e.is_nan()) {
            return Err(overflow(row));
        }
        self.score_errors(&errors, out);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        let mut bands = Vec::with_capacity(rows.len());
        if rows.values().ncols() != 1 {
            let columns = rows.values().ncols();
            return Err(Error::shape("number of features", columns, 1));
        }
        check::finite(&rows.values())?;
        let values: Vec<f64> = rows.values().iter().copied().collect();
        let half_width = (self.threshold * self.scale).min(f64::MAX);
        self.predict(&values, |_, predicted, _| {
            bands.push(Expectation::symmetric(predicted, half_width));
        });
        match bands.iter().position(|band| !band.expected.is_finite()) {
            Some(row) => Err(overflow(row)),
            None => Ok(Some(bands)),
        }
    }
}

fn overflow(row: usize) -> Error {
    Error::input(format!(
        "the prediction of row {row} leaves the range of floats; scale the values down first"
    ))
}

impl Snapshot for FittedPoly {
    const KIND: &'static str = "ml.poly";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        let filter = (2..=LONGEST).contains(&self.filter.len())
            && self.power < self.filter.len()
            && self.power <= 10
            && self.filter.iter().all(|f| f.is_finite());
        let average = (1..=LONGEST).contains(&self.average);
        let scale = self.scale.is_finite() && self.scale >= f64::MIN_POSITIVE;
        if filter && average && scale && self.threshold.is_finite() && self.threshold >= 0.0 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the filter, scale or threshold of a polynomial is not valid",
            ))
        }
    }
}
