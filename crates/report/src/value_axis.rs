//! The value axis: its range and its round ticks.

use crate::Unit;

/// Beyond this, numbers would overflow while they are scaled.
const LIMIT: f64 = 1e300;

/// Values are cut off only where they are this many times the spread of the others away.
const ABSURD: f64 = 300.0;

/// The bounds of a forecast are cut off only where they lie this many times the range of the values
/// away.
const COMING: f64 = 3.0;

/// The range of values that are drawn, and the ticks in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueAxis {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    pub(crate) ticks: Vec<(f64, String)>,
}

/// What a range has to show, gathered point by point.
#[derive(Debug, Default)]
pub(crate) struct RangeFinder {
    values: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// The lowest and the highest bound of a forecast.
    coming: Option<(f64, f64)>,
}

impl RangeFinder {
    /// Takes in observed values; those that are not finite say nothing.
    pub(crate) fn values(&mut self, values: impl Iterator<Item = f64>) {
        self.values.extend(tame(values));
    }

    /// Takes in the edges of a band, which get less of a say.
    pub(crate) fn band(
        &mut self,
        lower: impl Iterator<Item = f64>,
        upper: impl Iterator<Item = f64>,
    ) {
        self.lower.extend(tame(lower));
        self.upper.extend(tame(upper));
    }

    /// Takes in the bounds of a forecast, which are shown whole unless they are far wider than the
    /// values.
    pub(crate) fn prospect(&mut self, lower: &[f64], upper: &[f64]) {
        for bound in tame(lower.iter().chain(upper).copied()) {
            let (lo, hi) = self.coming.unwrap_or((bound, bound));
            self.coming = Some((lo.min(bound), hi.max(bound)));
        }
    }

    /// The range to draw; `None` when there is nothing finite.
    pub(crate) fn range(mut self) -> Option<(f64, f64)> {
        let observed = robust_range(&mut self.values);
        // A band that is still learning may be huge, so its extremes do not count.
        let lower = quantile(&mut self.lower, 0.03);
        let upper = quantile(&mut self.upper, 0.97);
        let (mut lo, mut hi) = match (observed, lower, upper) {
            (Some((lo, hi)), lower, upper) => {
                let room = if hi > lo {
                    (hi - lo) * 1.2
                } else {
                    f64::INFINITY
                };
                (
                    lower.unwrap_or(lo).min(lo).max(lo - room),
                    upper.unwrap_or(hi).max(hi).min(hi + room),
                )
            }
            (None, lower, upper) => {
                let either = lower.or(upper)?;
                let (lower, upper) = (lower.unwrap_or(either), upper.unwrap_or(either));
                (lower.min(upper), upper.max(lower))
            }
        };
        if let Some((lowest, highest)) = self.coming {
            let room = if hi > lo {
                (hi - lo) * COMING
            } else {
                f64::INFINITY
            };
            (lo, hi) = (lowest.clamp(lo - room, lo), highest.clamp(hi, hi + room));
        }
        // Zero is worth showing when it is near.
        if lo > 0.0 && lo < hi * 0.4 {
            lo = 0.0;
        }
        if hi < 0.0 && hi > lo * 0.4 {
            hi = 0.0;
        }
        let magnitude = hi.abs().max(lo.abs());
        if magnitude < 1e-290 {
            return Some((0.0, 1.0));
        }
        if hi - lo < magnitude * 1e-8 {
            let middle = lo + (hi - lo) / 2.0;
            let margin = if hi > lo { 1e-8 } else { 0.1 } * magnitude;
            return Some((middle - margin, middle + margin));
        }
        let margin = (hi - lo) * 0.06;
        Some((
            if lo == 0.0 { lo } else { lo - margin },
            if hi == 0.0 { hi } else { hi + margin },
        ))
    }
}

fn tame(values: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    values
        .filter(|value| value.is_finite())
        .map(|value| value.clamp(-LIMIT, LIMIT))
}

/// From the smallest to the largest value, without those that are absurdly far from the others.
fn robust_range(values: &mut [f64]) -> Option<(f64, f64)> {
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values.iter() {
        lo = lo.min(value);
        hi = hi.max(value);
    }
    if lo > hi {
        return None;
    }
    let core_lo = quantile(values, 0.02)?;
    let core_hi = quantile(values, 0.98)?;
    let spread = core_hi - core_lo;
    if spread > core_hi.abs().max(core_lo.abs()) * 1e-9 {
        if hi - core_hi > spread * ABSURD {
            hi = core_hi + spread;
        }
        if core_lo - lo > spread * ABSURD {
            lo = core_lo - spread;
        }
    }
    Some((lo, hi))
}

/// The element at share `q` of the order. Linear time.
fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let at = ((last as f64) * q).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(at.min(last), f64::total_cmp);
    Some(*value)
}

impl ValueAxis {
    /// An axis over `range` with about `count` ticks.
    pub(crate) fn new((lo, hi): (f64, f64), unit: &Unit, count: f64) -> Self {
        let scale = unit.scale(hi.abs().max(lo.abs()));
        let (from, to) = (lo / scale.divisor, hi / scale.divisor);
        let step = round_step((to - from) / count.max(1.0));
        let mut ticks = Vec::new();
        let first = (from / step - 1e-9).ceil();
        for i in 0..32_u8 {
            let k = first + f64::from(i);
            let tick = k * step;
            if !tick.is_finite() || tick > to + step * 1e-9 {
                break;
            }
            let value = tick * scale.divisor;
            let decimals = if !scale.is_scientific() {
                decimals_of(step)
            } else if value == 0.0 {
                0
            } else {
                decimals_of(step / 10_f64.powf(value.abs().log10().floor()))
            };
            ticks.push((value, scale.write(value, decimals)));
        }
        Self { lo, hi, ticks }
    }

    /// Where `value` lies: 0 at the lower end, 1 at the upper; an infinity is far outside.
    pub(crate) fn position(&self, value: f64) -> f64 {
        ((value.clamp(-LIMIT, LIMIT) - self.lo) / (self.hi - self.lo)).clamp(-4.0, 5.0)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let raw = if raw.is_finite() && raw > 1e-306 {
        raw
    } else {
        1.0
    };
    let power = 10_f64.powf(raw.log10().floor());
    let lead = raw / power;
    let lead = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| lead <= round * (1.0 + 1e-9))
        .unwrap_or(10.0);
    lead * power
}

fn decimals_of(step: f64) -> usize {
    (-(step * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 12.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, unit: &str) -> Vec<String> {
        ValueAxis::new((lo, hi), &Unit::from(unit), 5.0)
            .ticks
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 1.03, ""), ["0.0", "0.5", "1.0"]);
        assert_eq!(
            labels(0.0, 97.0, "percent"),
            ["0%", "20%", "40%", "60%", "80%"]
        );
        assert_eq!(
            labels(0.0, 0.5, "ratio"),
            ["0%", "10%", "20%", "30%", "40%", "50%"]
        );
        assert_eq!(labels(-3e4, 3e4, ""), ["-20k", "0k", "20k"]);
        assert_eq!(
            labels(0.0, 0.05, "seconds"),
            ["0 ms", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms"]
        );
        assert_eq!(
            labels(0.0, 5e300, ""),
            ["0", "1×10³⁰⁰", "2×10³⁰⁰", "3×10³⁰⁰", "4×10³⁰⁰", "5×10³⁰⁰"]
        );
    }

    #[test]
    fn one_absurd_value_does_not_ruin_the_range_but_an_anomaly_counts() {
        let rhythm: Vec<f64> = (0..1_000).map(|i| f64::from(i % 10)).collect();
        let range = |extra: f64| {
            let mut finder = RangeFinder::default();
            finder.values(rhythm.iter().copied().chain([extra]));
            finder.range().unwrap()
        };
        assert!(range(f64::INFINITY).1 < 20.0);
        assert!(range(1e300).1 < 50.0);
        assert!(range(500.0).1 >= 500.0);
    }

    #[test]
    fn a_band_as_wide_as_the_sky_leaves_the_values_visible() {
        let mut finder = RangeFinder::default();
        finder.values([1.0, 2.0].into_iter());
        finder.band([-1e9; 9].into_iter(), [1e9; 9].into_iter());
        let (lo, hi) = finder.range().unwrap();
        assert!(lo > -2.0 && hi < 5.0, "{lo} {hi}");
    }
}
