use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::acf::lagged_products;
use crate::check;
use crate::fourier::{Fourier, fast_length};
use crate::robust::{MAD_TO_STD, mad, median};

/// A number of points after which a series repeats itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Period {
    /// The period in points, at least 2.
    pub points: usize,
    /// The correlation of one cycle with the next, without what is slower than the period and
    /// what shorter periods explain; in (0, 1].
    pub strength: f64,
}

/// Configuration of the search for periods.
///
/// Missing values are interpolated, a line is removed and outliers are clipped to 4 robust standard
/// deviations. Peaks of the periodogram (Hann window) propose periods; the nearest peak of the
/// autocorrelation, and those of its multiples, refine them. A candidate `p` is judged by the
/// correlation of the series with itself `p` points later, after a moving average over `p` points
/// was taken off: trends and random walks then show none. The shortest clear candidate counts; its
/// cycle is taken off and the search goes on, so that a day and a week are both found. Of a
/// period and its double, triple or quadruple the longer one counts where the series repeats itself
/// clearly better after it, else the shorter one. Peaks too rare to survive the
/// clipping are looked for in a second search, which clips at 12.
///
/// Cost: O(n log n) time and O(n) memory for each period found.
///
/// Source: in the manner of AUTOPERIOD, Vlachos, Yu & Castelli 2005,
/// <https://doi.org/10.1137/1.9781611972757.40>.
///
/// ```
/// use bongsu_stats::period::PeriodSearch;
/// let season = [0.0, 5.0, 9.0, 4.0, 1.0, -3.0, -4.0];
/// let values: Vec<f64> = (0..70).map(|i| season[i % 7] + 0.1 * i as f64).collect();
/// let found = PeriodSearch::new().find(&values)?;
/// assert_eq!((found.len(), found[0].points), (1, 7));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeriodSearch {
    min_strength: f64,
    max_periods: usize,
    min_period: usize,
}

impl Default for PeriodSearch {
    fn default() -> Self {
        Self {
            min_strength: 0.3,
            max_periods: 3,
            min_period: 3,
        }
    }
}

/// Fewer values than this tell nothing.
const MIN_VALUES: usize = 8;

/// Peaks of the periodogram that are looked into.
const PEAKS: usize = 24;

/// Multiples of a proposed period that are looked into: harmonics are often its strongest part.
const MULTIPLES: usize = 8;

/// Robust standard deviations beyond which values are clipped: first so that outliers count for
/// little, then, when nothing was found, so that rare peaks that return count for more.
const CLIPS: [f64; 2] = [4.0, 12.0];

/// By how much a period seen twice must be stronger than one seen very often.
const FEW_CYCLES: f64 = 0.45;

/// A shorter candidate is preferred to the best one from this share of its strength on.
const CLEAR_SHARE: f64 = 0.6;

/// By how much the correlation must be higher after a multiple of a period for the multiple to count.
const CLEARLY_BETTER: f64 = 0.1;

impl PeriodSearch {
    /// The defaults: at most 3 periods of at least 3 points and a strength of 0.3.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The least strength of a period. Domain: (0, 1). Default: 0.3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_strength(mut self, strength: f64) -> Result<Self> {
        self.min_strength = strength;
        self.validate()?;
        Ok(self)
    }

    /// The most periods to find. Domain: [1, 16]. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_periods(mut self, count: usize) -> Result<Self> {
        self.max_periods = count;
        self.validate()?;
        Ok(self)
    }

    /// The shortest period in points. Domain: at least 2. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_period(mut self, points: usize) -> Result<Self> {
        self.min_period = points;
        self.validate()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        if !(self.min_strength > 0.0 && self.min_strength < 1.0) {
            return Err(Error::parameter(
                "min_strength",
                self.min_strength,
                "in (0, 1)",
            ));
        }
        if !(1..=16).contains(&self.max_periods) {
            return Err(Error::parameter(
                "max_periods",
                self.max_periods,
                "in [1, 16]",
            ));
        }
        if self.min_period < 2 {
            return Err(Error::parameter(
                "min_period",
                self.min_period,
                "a number of points of at least 2",
            ));
        }
        Ok(())
    }

    /// The periods of `values` (NaN marks a missing one), strongest first; none for noise, for
    /// trends and for fewer than 8 values. Two whole cycles at least are seen of each.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn find(&self, values: &[f64]) -> Result<Vec<Period>> {
        self.validate()?;
        check::no_infinity(values)?;
        for clip in CLIPS {
            let Some(series) = prepared(values, clip) else {
                break;
            };
            let found = self.find_prepared(series)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn find_prepared(&self, mut series: Vec<f64>) -> Result<Vec<Period>> {
        let n = series.len();
        let original = &series.clone();
        let mut found: Vec<Period> = Vec::new();
        while found.len() < self.max_periods {
            let judged: Vec<Period> = self
                .candidates(&series)?
                .into_iter()
                .filter(|&points| !found.iter().any(|known| alike(known.points, points, n)))
                .map(|points| refined(&series, points))
                .filter(|period| period.strength >= self.least_strength(n, period.points))
                .collect();
            let stronger = |a: &&Period, b: &&Period| a.strength.total_cmp(&b.strength);
            let best = judged.iter().max_by(stronger).map_or(0.0, |p| p.strength);
            let clear = judged
                .iter()
                .filter(|p| p.strength >= CLEAR_SHARE * best)
                .min_by_key(|p| p.points);
            let Some(clear) = clear else { break };
            let same = |p: &&Period| alike(p.points, clear.points, n);
            let Some(&period) = judged.iter().filter(same).max_by(stronger) else {
                break;
            };
            let period = sharpened(&series, period);
            if found.iter().any(|known| known.points == period.points) {
                break;
            }
            take_off_cycle(&mut series, period.points);
            found.push(period);
        }
        let is_part = |short: &Period| {
            let whole = |long: &Period| {
                let multiple = (2..=4).any(|times| near(short.points * times, long.points));
                multiple && repeats_better(original, long.points, short.points)
            };
            found.iter().any(whole)
        };
        let is_multiple = |long: &Period| {
            let part = |short: &Period| {
                let multiple = (2..=4).any(|times| near(short.points * times, long.points));
                multiple && !repeats_better(original, long.points, short.points)
            };
            found.iter().any(part)
        };
        let mut kept = found.clone();
        kept.retain(|period| !is_part(period) && !is_multiple(period));
        kept.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        Ok(kept)
    }

    /// The strength that a period must have: more where few cycles were seen, since two stretches
    /// of a wandering series often look alike.
    fn least_strength(&self, n: usize, points: usize) -> f64 {
        let (n, points) = (n as f64, points as f64);
        let pairs = (n / points - 1.0).max(1.0);
        let by_chance = 4.0 / (n - points).max(1.0).sqrt();
        (self.min_strength + FEW_CYCLES / pairs)
            .max(by_chance)
            .min(0.95)
    }

    /// Periods that are worth a judgement, shortest first.
    fn candidates(&self, series: &[f64]) -> Result<Vec<usize>> {
        let n = series.len();
        let longest = n / 2;
        let correlation = lagged_products(series, longest + 1)?;
        let at = |lag: usize| correlation.get(lag).copied().unwrap_or(f64::NEG_INFINITY);
        // Per pair of values, so that long lags are not pulled to 0.
        let unbiased = |lag: usize| at(lag) / (n - lag.min(n - 1)) as f64;
        let peak_in = |from: usize, to: usize| {
            let lags = from.max(self.min_period)..=to.min(longest);
            let best = lags.max_by(|&a, &b| unbiased(a).total_cmp(&unbiased(b)))?;
            let rises = unbiased(best) >= unbiased(best.saturating_sub(1));
            let falls = unbiased(best) >= unbiased(best + 1) || best == longest;
            (rises && falls && unbiased(best) > 0.0).then_some(best)
        };
        let mut candidates = Vec::new();
        for (frequency, length) in periodogram_peaks(series)? {
            let (bin, length) = (frequency as f64, length as f64);
            let period = length / bin;
            for multiple in 1..=MULTIPLES {
                let center = period * multiple as f64;
                if center > longest as f64 + 1.0 {
                    break;
                }
                // Half a bin of resolution, and room for a trend that moves the peak.
                let slack = (center / (2.0 * bin) + 1.0).min(center * 0.3);
                let range = (
                    (center - slack).floor() as usize,
                    (center + slack).ceil() as usize,
                );
                candidates.extend(peak_in(range.0, range.1));
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        Ok(candidates)
    }
}

/// Whether `n` points are too few to tell two periods apart.
fn alike(a: usize, b: usize, n: usize) -> bool {
    let resolution = 2.0 * a as f64 * b as f64 / n as f64;
    // Never a period and its double, which half of a point of error would otherwise mix up.
    let close = 2 * a.max(b) < 3 * a.min(b);
    a.abs_diff(b) <= 1 || (close && (a.abs_diff(b) as f64) < resolution)
}

/// Whether a series repeats itself clearly better after `long` points than after its part `short`:
/// only then its cycles differ in turn, and are not one and the same that swells or wanders.
fn repeats_better(series: &[f64], long: usize, short: usize) -> bool {
    let smooth = without_slower(series, long);
    let [whole, part] = [long, short].map(|lag| correlation_at(&smooth, lag));
    whole > part + CLEARLY_BETTER
}

/// Whether two periods are equal up to a point or 4 %.
fn near(a: usize, b: usize) -> bool {
    a.abs_diff(b) <= 1.max(b / 25)
}

/// The series without holes, line and outliers, in robust standard deviations; none when too
/// little is left to tell.
fn prepared(values: &[f64], deviations: f64) -> Option<Vec<f64>> {
    let present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    if present.len() < MIN_VALUES || present.len() * 2 < values.len() {
        return None;
    }
    let largest = present.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return None;
    }
    let mut series: Vec<f64> = interpolated(values).iter().map(|x| x / largest).collect();
    // Clipped before the line is fitted and after, as outliers would tilt it.
    clip(&mut series, deviations);
    take_off_line(&mut series);
    clip(&mut series, deviations);
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    for x in &mut series {
        *x -= mean;
    }
    let squares: f64 = series.iter().map(|x| x * x).sum();
    // What is left of a constant or a line is rounding.
    (squares / series.len() as f64 > 1e-24).then_some(series)
}

/// Missing values replaced by the line between their neighbours, or the nearest value at an end.
pub(crate) fn interpolated(values: &[f64]) -> Vec<f64> {
    let mut filled = values.to_vec();
    let mut last: Option<(usize, f64)> = None;
    for (i, &x) in values.iter().enumerate() {
        if x.is_nan() {
            continue;
        }
        let (from, start) = last.map_or((0, x), |(at, value)| (at + 1, value));
        let gap = (i - from + 1) as f64;
        for (k, slot) in filled
            .get_mut(from..i)
            .unwrap_or_default()
            .iter_mut()
            .enumerate()
        {
            *slot = start + (x - start) * ((k + 1) as f64 / gap);
        }
        last = Some((i, x));
    }
    if let Some((at, value)) = last {
        filled.get_mut(at + 1..).unwrap_or_default().fill(value);
    }
    filled
}

fn clip(series: &mut [f64], deviations: f64) {
    let center = median(series);
    let scale = MAD_TO_STD * mad(series);
    // A metric that mostly rests has no robust scale; its rare jumps are its pattern.
    if scale > 0.0 {
        for x in series {
            *x = x.clamp(center - deviations * scale, center + deviations * scale);
        }
    }
}

fn take_off_line(series: &mut [f64]) {
    let n = series.len() as f64;
    let (middle, mean) = ((n - 1.0) / 2.0, series.iter().sum::<f64>() / n);
    let (mut along, mut squares) = (0.0, 0.0);
    for (i, x) in series.iter().enumerate() {
        let distance = i as f64 - middle;
        along += distance * (x - mean);
        squares += distance * distance;
    }
    let slope = along / squares;
    for (i, x) in series.iter_mut().enumerate() {
        *x -= mean + slope * (i as f64 - middle);
    }
}

/// The highest peaks of the periodogram as numbers of cycles over a length, and that length.
fn periodogram_peaks(series: &[f64]) -> Result<Vec<(usize, usize)>> {
    let n = series.len();
    let mut fourier = Fourier::new(fast_length(n));
    let length = fourier.len();
    let mut windowed: Vec<f64> = series
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let phase = std::f64::consts::TAU * (i as f64 + 0.5) / n as f64;
            x * (0.5 - 0.5 * phase.cos())
        })
        .collect();
    windowed.resize(length, 0.0);
    let mut spectrum = fourier.spectrum();
    fourier.forward(&mut windowed, &mut spectrum)?;
    let power: Vec<f64> = spectrum
        .iter()
        .map(realfft::num_complex::Complex::norm_sqr)
        .collect();
    let mean = power.iter().sum::<f64>() / power.len() as f64;
    let mut peaks: Vec<(f64, usize)> = power
        .windows(3)
        .zip(1..)
        .filter_map(|(around, bin)| match *around {
            [before, here, after] if here >= before && here > after && here > mean => {
                Some((here, bin))
            }
            _ => None,
        })
        .collect();
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    peaks.truncate(PEAKS);
    Ok(peaks.into_iter().map(|(_, bin)| (bin, length)).collect())
}

/// The best period within a point of `points`, with its strength.
fn refined(series: &[f64], points: usize) -> Period {
    let smooth = without_slower(series, points);
    let judged = (points.saturating_sub(1).max(2)..=points.saturating_add(1))
        .filter(|&p| 2 * p <= series.len())
        .map(|p| Period {
            points: p,
            strength: correlation_at(&smooth, p),
        });
    // Of equal ones the shortest.
    let better = |best: Period, p: Period| if p.strength > best.strength { p } else { best };
    judged.fold(
        Period {
            points,
            strength: 0.0,
        },
        better,
    )
}

/// The period about `rough` whose multiples agree best: an error adds up from cycle to cycle.
fn sharpened(series: &[f64], rough: Period) -> Period {
    let smooth = without_slower(series, rough.points);
    let longest = series.len() / 2;
    let reach = (rough.points / 16).max(1);
    let multiples = (longest / (rough.points + reach)).clamp(1, MULTIPLES);
    let agreement = |points: usize| -> f64 {
        let lags = (1..=multiples).map(|m| m * points);
        lags.map(|lag| correlation_at(&smooth, lag)).sum()
    };
    let nearby = rough.points.saturating_sub(reach).max(2)..=(rough.points + reach).min(longest);
    let best = nearby
        .map(|points| (agreement(points), points))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(rough, |(_, points)| Period {
        points,
        strength: correlation_at(&smooth, points).max(rough.strength),
    })
}

/// The series less its moving average over a period; shortened averages at the ends.
fn without_slower(series: &[f64], points: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(series.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for x in series {
        sum += x;
        sums.push(sum);
    }
    let (n, half) = (series.len(), points / 2);
    // An even period takes half of the points at both of its ends.
    let even = points.is_multiple_of(2);
    let at = |i: usize| sums.get(i).copied().unwrap_or(0.0);
    let average = |i: usize| {
        let wide = (i.saturating_sub(half), (i + half + 1).min(n));
        let mean = |(from, to): (usize, usize)| (at(to) - at(from)) / (to - from) as f64;
        if even && i >= half && i + half < n {
            let narrow = (wide.0 + 1, wide.1 - 1);
            let sum = f64::midpoint(at(wide.1) - at(wide.0), at(narrow.1) - at(narrow.0));
            sum / points as f64
        } else {
            mean(wide)
        }
    };
    series
        .iter()
        .enumerate()
        .map(|(i, x)| x - average(i))
        .collect()
}

/// The correlation of a series with itself `lag` points later.
fn correlation_at(series: &[f64], lag: usize) -> f64 {
    let later = series.get(lag..).unwrap_or_default();
    let (mut product, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in series.iter().zip(later) {
        product += a * b;
        first += a * a;
        second += b * b;
    }
    let scale = (first * second).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

/// Takes the median of each phase off.
fn take_off_cycle(series: &mut [f64], points: usize) {
    for phase in 0..points {
        let values: Vec<f64> = series.iter().skip(phase).step_by(points).copied().collect();
        let center = median(&values);
        for x in series.iter_mut().skip(phase).step_by(points) {
            *x -= center;
        }
    }
}
