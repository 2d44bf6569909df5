use bongsu_core::{Error, Result};

/// Where lambda is looked for.
const RANGE: [f64; 2] = [-1.0, 2.0];
/// The steps of the first look.
const STEPS: usize = 60;

/// The parameter of Box and Cox in [-1, 2] with which the spread of a season hardly depends on its
/// level.
///
/// The last whole seasons (pairs where the period is 1) have means `m_i` and sample standard
/// deviations `s_i`; lambda makes the coefficient of variation of `s_i / m_i^(1 - lambda)` least.
///
/// - `values`: above 0, without missing ones; at least two seasons.
/// - `period`: the points of a season, at least 1.
///
/// # Errors
/// When a value is not finite or not above 0, or there are fewer than two seasons.
///
/// Cost: O(n) time, and some 100 times the number of seasons.
///
/// Source: Guerrero 1993, <https://doi.org/10.1002/for.3980120104>.
///
/// ```
/// let values: Vec<f64> = (0..40).map(|i| (f64::from(i / 4) + 1.0) * [1.0, 1.2, 0.9, 1.1][i as usize % 4]).collect();
/// let lambda = bongsu_forecast::transform::guerrero(&values, 4)?;
/// assert!(lambda.abs() < 1e-3); // the spread grows with the level: a logarithm
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn guerrero(values: &[f64], period: usize) -> Result<f64> {
    if let Some(row) = values.iter().position(|&v| !(v > 0.0 && v.is_finite())) {
        return Err(Error::input(format!(
            "the value in row {row} is not above 0 and finite, as a power needs"
        )));
    }
    let period = period.max(2);
    if values.len() / 2 < period {
        let needed = period.saturating_mul(2);
        return Err(Error::not_enough_data(
            "the search for lambda",
            needed,
            values.len(),
        ));
    }
    let largest = values.iter().fold(0.0, |most: f64, &value| most.max(value));
    let whole = values.len() - values.len() % period;
    let recent = values.get(values.len() - whole..).unwrap_or_default();
    let seasons: Vec<(f64, f64)> = recent
        .chunks_exact(period)
        .map(|season| {
            let season: Vec<f64> = season.iter().map(|value| value / largest).collect();
            let (mean, deviation) = moments(&season);
            (mean.ln(), deviation)
        })
        .collect();
    let variation = |lambda: f64| {
        let ratio =
            |(log_mean, deviation): &(f64, f64)| deviation * ((lambda - 1.0) * log_mean).exp();
        let ratios: Vec<f64> = seasons.iter().map(ratio).collect();
        let (mean, deviation) = moments(&ratios);
        // Seasons without any spread leave every lambda alike.
        if mean > 0.0 { deviation / mean } else { 0.0 }
    };
    Ok(least(variation))
}

/// The mean and the sample standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Where `f` is least in the range: the best of a grid, refined by golden sections.
fn least(f: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let [from, to] = RANGE;
    let width = (to - from) / STEPS as f64;
    let grid = (0..=STEPS).map(|i| from + width * i as f64);
    let best = grid.min_by(|&a, &b| f(a).total_cmp(&f(b))).unwrap_or(1.0);
    let (mut low, mut high) = ((best - width).max(from), (best + width).min(to));
    while high - low > 1e-9 {
        let left = high - GOLDEN * (high - low);
        let right = low + GOLDEN * (high - low);
        if f(left) < f(right) {
            high = right;
        } else {
            low = left;
        }
    }
    0.5 * (low + high)
}
