use bongsu_core::{Error, Result};

use crate::check;
use crate::fourier::{Fourier, fast_length};

/// The autocorrelation of a series at lags 0 to `lags`.
///
/// `r(k) = sum (x_t - m)(x_{t+k} - m) / sum (x_t - m)^2`; with `adjusted` the numerator is over
/// `n - k` rather than `n` terms, which removes the pull to 0 at long lags and adds noise there.
///
/// `lags`: in points, domain below the number of values.
///
/// # Errors
/// When a value is not finite, all are alike, or there are no more than `lags`.
///
/// Cost: O(n log n) time and O(n) memory.
///
/// Source: Box & Jenkins 1976, *Time Series Analysis*; equals `acf` of statsmodels 0.15.
///
/// ```
/// let r = bongsu_stats::period::acf(&[1.0, -1.0, 1.0, -1.0], 2, true)?;
/// assert!((r[1] + 1.0).abs() < 1e-12 && (r[2] - 1.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn acf(values: &[f64], lags: usize, adjusted: bool) -> Result<Vec<f64>> {
    check::finite_rows(values)?;
    if values.len() <= lags {
        return Err(Error::not_enough_data(
            format!("an autocorrelation at lag {lags}"),
            lags.saturating_add(1),
            values.len(),
        ));
    }
    let n = values.len() as f64;
    // Halved before the sum and scaled after it, so that neither huge nor tiny values overflow.
    let half_mean: f64 = values.iter().map(|x| x * 0.5 / n).sum();
    let largest = values
        .iter()
        .fold(0.0_f64, |m, x| m.max((x * 0.5 - half_mean).abs()));
    // The mean of equal values may differ from them by rounding, which must not be judged.
    if values.iter().all(|x| Some(x) == values.first()) || largest == 0.0 {
        return Err(Error::input(
            "the values are all alike: they have no autocorrelation",
        ));
    }
    let centered: Vec<f64> = values
        .iter()
        .map(|x| (x * 0.5 - half_mean) / largest)
        .collect();
    let sums = lagged_products(&centered, lags)?;
    let whole = sums.first().copied().unwrap_or(f64::NAN);
    let share = |(lag, sum): (usize, f64)| {
        let terms = if adjusted { n - lag as f64 } else { n };
        sum / whole * (n / terms)
    };
    Ok(sums.into_iter().enumerate().map(share).collect())
}

/// The sums of the products of values `lag` apart, for lags 0 to `lags`.
pub(super) fn lagged_products(values: &[f64], lags: usize) -> Result<Vec<f64>> {
    let mut fourier = Fourier::new(fast_length(values.len() + lags));
    let mut padded = values.to_vec();
    padded.resize(fourier.len(), 0.0);
    let mut spectrum = fourier.spectrum();
    fourier.forward(&mut padded, &mut spectrum)?;
    for c in &mut spectrum {
        c.re = c.norm_sqr();
        c.im = 0.0;
    }
    fourier.inverse(&mut spectrum, &mut padded)?;
    let length = fourier.len() as f64;
    padded.truncate(lags + 1);
    for sum in &mut padded {
        *sum /= length;
    }
    Ok(padded)
}
