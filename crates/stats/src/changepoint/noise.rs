use crate::robust::{MAD_TO_STD, MEAN_AD_TO_STD, mad, mean_abs_dev, median};

/// The least noise, as a share of the largest deviation from the median.
const RESOLUTION: f64 = 1e-14;

/// Values in units of their noise.
#[derive(Debug)]
pub(super) struct Standardised {
    pub(super) values: Vec<f64>,
    /// The unit: the noise's standard deviation.
    pub(super) noise: f64,
    /// How much longer than for independent noise a segment has to be to tell as much: the ratio of
    /// the variance of the mean of correlated noise to that of independent noise, at least 1.
    pub(super) inflation: f64,
}

/// Centred at the median and divided by the noise, which differences of order `order` (1 or 2) show
/// whatever the level (or the slope): their median absolute deviation, or the mean absolute one when
/// more than half of them are equal.
///
/// When `correlated`, noise is taken as a first-order autoregression, whose coefficient follows from
/// the spread of differences over one and over two points.
pub(super) fn standardise(values: &[f64], order: usize, correlated: bool) -> Standardised {
    let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    // Neither squares nor differences of what is left overflow.
    let unit = if largest > 1e100 || (largest < 1e-100 && largest > 0.0) {
        largest
    } else {
        1.0
    };
    let mut scaled: Vec<f64> = values.iter().map(|x| x / unit).collect();
    let center = median(&scaled);
    for x in &mut scaled {
        *x -= center;
    }
    let farthest = scaled.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let single = differences(&scaled, 1);
    let mut noise = if order == 2 {
        spread(&differences(&single, 1)) / 6.0_f64.sqrt()
    } else {
        spread(&single) / 2.0_f64.sqrt()
    };
    let mut inflation = 1.0;
    if correlated && noise > 0.0 {
        let ratio = spread(&differences(&scaled, 2)) / spread(&single);
        let coefficient = (ratio * ratio - 1.0).clamp(0.0, MOST_CORRELATED);
        // The differences of an autoregression have the variance 2 (1 - coefficient) noise^2.
        noise /= (1.0 - coefficient).sqrt();
        inflation = (1.0 + coefficient) / (1.0 - coefficient);
    }
    noise = noise.max(RESOLUTION * farthest);
    if noise == 0.0 || !noise.is_finite() {
        noise = 1.0;
    }
    for x in &mut scaled {
        *x /= noise;
    }
    Standardised {
        values: scaled,
        // The noise of the tiniest values would round to 0.
        noise: (noise * unit).max(f64::from_bits(1)),
        inflation,
    }
}

/// The largest coefficient of the autoregression that is believed.
const MOST_CORRELATED: f64 = 0.99;

fn differences(values: &[f64], lag: usize) -> Vec<f64> {
    let later = values.iter().skip(lag);
    later.zip(values).map(|(b, a)| b - a).collect()
}

/// A robust standard deviation; 0 when there are no values.
fn spread(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let robust = MAD_TO_STD * mad(values);
    if robust > 0.0 {
        robust
    } else {
        MEAN_AD_TO_STD * mean_abs_dev(values)
    }
}
