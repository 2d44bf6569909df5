use bongsu_core::{ScalePrior, StreamDetector};
use bongsu_stats::robust;

/// The fewest siblings that say something about a new series.
pub(super) const FEWEST: usize = 8;

/// The law of scale and level that series follow whose detectors are `siblings`.
///
/// Taken by a Theil-Sen line of `log scale` on `log level` over the siblings that expect a value
/// within a band, with the power kept in [0, 1] (0 when all have about the same level) and the lower
/// tenth of their scales as floor.
///
/// Returns `None` when fewer than 8 of them have warmed up, or fewer than half of these vary at all.
///
/// Cost: O(n^2) time for up to 512 siblings, more take O(n log n).
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stats::Ewma;
/// let mut siblings = Vec::new();
/// for level in 1..=20_u32 {
///     let mut detector = Ewma::new().build()?;
///     for i in 0..200_u32 {
///         detector.learn(&[f64::from(level) * (100.0 + f64::from(i * 7 % 11))])?;
///     }
///     siblings.push(detector);
/// }
/// let prior = bongsu_stream::fleet::scale_of_siblings(&siblings).unwrap();
/// // Their spread is a share of their level.
/// assert!(prior.power() > 0.9 && prior.scale(1_000.0) > 10.0 && prior.scale(1_000.0) < 100.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn scale_of_siblings<'a, D: StreamDetector + 'a>(
    siblings: impl IntoIterator<Item = &'a D>,
) -> Option<ScalePrior> {
    let known: Vec<(f64, f64)> = siblings.into_iter().filter_map(level_and_scale).collect();
    let varying: Vec<(f64, f64)> = known
        .iter()
        .copied()
        .filter(|&(_, scale)| scale > 0.0 && scale.is_finite())
        .collect();
    if known.len() < FEWEST || 2 * varying.len() < known.len() {
        return None;
    }
    let mut scales: Vec<f64> = varying.iter().map(|&(_, scale)| scale).collect();
    scales.sort_by(f64::total_cmp);
    let floor = scales.get(scales.len() / 10).copied()?;
    let (log_levels, log_scales): (Vec<f64>, Vec<f64>) = varying
        .iter()
        .filter(|(level, _)| *level != 0.0)
        .map(|(level, scale)| (level.abs().ln(), scale.ln()))
        .unzip();
    let power = if spread(&log_levels) > NARROW {
        let line = robust::theil_sen(&log_levels, &log_scales, 0.95).ok()?;
        line.slope.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mut heights: Vec<f64> = if power > 0.0 {
        let at_one = log_levels
            .iter()
            .zip(&log_scales)
            .map(|(x, y)| y - power * x);
        at_one.collect()
    } else {
        scales.iter().map(|scale| scale.ln()).collect()
    };
    let middle = heights.len() / 2;
    let (_, &mut height, _) = heights.select_nth_unstable_by(middle, f64::total_cmp);
    ScalePrior::new(height.exp().min(f64::MAX), power, floor).ok()
}

/// Levels within a factor of 1.5 say nothing about how the scale grows with them.
const NARROW: f64 = 0.4;

fn spread(logs: &[f64]) -> f64 {
    let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most - least
}

/// What a detector expects, and what one unit of its score is worth.
fn level_and_scale(detector: &impl StreamDetector) -> Option<(f64, f64)> {
    let (band, threshold) = (detector.expectation()?, detector.threshold()?);
    let scale = (band.upper - band.expected) / threshold;
    (band.expected.is_finite() && scale.is_finite() && scale >= 0.0)
        .then_some((band.expected, scale))
}
