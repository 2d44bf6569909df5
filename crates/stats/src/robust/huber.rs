use bongsu_core::{Error, Result};

use super::{MAD_TO_STD, MEAN_AD_TO_STD, mad, mean_abs_dev, median};
use crate::check;
use crate::moments::inverse_power;
use crate::special::{normal_pdf, normal_sf};

/// The result of [`huber`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HuberEstimate {
    /// The location, in the unit of the values.
    pub location: f64,
    /// The scale, an estimate of the standard deviation of normal data.
    pub scale: f64,
}

/// By how much of the scale the last step may still have changed the estimates.
const TOLERANCE: f64 = 1e-8;

/// The values are near 1; beyond this nothing is clipped.
const FARTHEST: f64 = 1e100;

/// Far more steps than data take that are not mostly equal.
const MOST_STEPS: usize = 1000;

/// Huber's proposal 2: location and scale of values of which those further than `c` scales from the
/// location count as if they were there.
///
/// Steps `location = mean(clip(x, location - c scale, location + c scale))` and
/// `scale^2 = sum(min(|x - location|, c scale)^2) / ((n - 1) g)`, from median and median absolute
/// deviation, until neither changes by more than 1e-8 scales; `g` makes the scale that of normal data.
///
/// - `values`: at least 2, finite.
/// - `c`: where values begin to count less, in scales; domain: finite, above 0; 1.5 is usual.
///
/// Where more than half of the values are equal, the estimates begin with the mean absolute
/// deviation, and the scale may become 0.
///
/// # Errors
/// When `c` is outside its domain, there are fewer than 2 values, one is not finite, or the steps do
/// not come to rest.
///
/// Cost: O(n) time a step, some ten steps; a copy of the values.
///
/// Source: Huber 1981, *Robust Statistics*, Wiley; statsmodels 0.15 `robust.scale.Huber`.
///
/// ```
/// let estimate = bongsu_stats::robust::huber(&[9.8, 10.1, 10.0, 9.9, 10.2, 55.0], 1.5)?;
/// assert!((estimate.location - 10.1).abs() < 0.1 && estimate.scale < 0.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn huber(values: &[f64], c: f64) -> Result<HuberEstimate> {
    check::positive("c", c)?;
    if values.len() < 2 {
        return Err(Error::not_enough_data("Huber's estimate", 2, values.len()));
    }
    check::finite_rows(values)?;
    let unit = inverse_power(values.iter().fold(0.0_f64, |m, x| m.max(x.abs())));
    let shift = median(values) * unit;
    let x: Vec<f64> = values.iter().map(|x| x * unit - shift).collect();
    let n = x.len() as f64;
    let inside = 1.0 - 2.0 * normal_sf(c);
    // Beyond the reach of the normal distribution nothing is clipped, and the squares of a huge
    // `c` would overflow.
    let gamma = if inside == 1.0 {
        1.0
    } else {
        inside + c * c * (1.0 - inside) - 2.0 * c * normal_pdf(c)
    };
    let mut location = median(&x);
    let mut scale = MAD_TO_STD * mad(&x);
    if scale == 0.0 {
        scale = MEAN_AD_TO_STD * mean_abs_dev(&x);
    }
    for _ in 0..MOST_STEPS {
        if scale == 0.0 {
            return Ok(HuberEstimate {
                location: (shift + location) / unit,
                scale,
            });
        }
        let reach = (c * scale).min(FARTHEST);
        let (low, high) = (location - reach, location + reach);
        let mean = x.iter().map(|x| x.clamp(low, high)).sum::<f64>() / n;
        let square = |x: &f64| {
            let counts = ((x - location) / scale).abs() <= c;
            let d = if counts { x - mean } else { reach };
            d * d
        };
        let next = (x.iter().map(square).sum::<f64>() / ((n - 1.0) * gamma)).sqrt();
        let rest = (scale - next).abs().max((location - mean).abs());
        if !next.is_finite() {
            break;
        }
        (location, scale) = (mean, next);
        if rest <= TOLERANCE * next {
            return Ok(HuberEstimate {
                location: (shift + location) / unit,
                scale: scale / unit,
            });
        }
    }
    Err(Error::input(format!(
        "Huber's estimate with c = {c} does not come to rest; try another c"
    )))
}
