use bongsu_core::{Error, Result};

/// The subsequences of a series, as the comparison needs them.
#[derive(Debug, Clone)]
pub(super) struct Subsequences {
    /// The length of each.
    pub(super) m: usize,
    /// The values of the series over a power of two; 0 where they are not finite.
    pub(super) values: Vec<f64>,
    pub(super) means: Vec<f64>,
    /// What the next subsequence gains: its last value less the mean of its values but the last.
    pub(super) gains: Vec<f64>,
    /// What it loses: the value before it less the same mean.
    pub(super) losses: Vec<f64>,
    /// One over the standard deviation; 0 where it has none to speak of.
    pub(super) inverses: Vec<f64>,
    /// What is added to the correlation: 1/2 for a constant subsequence, so that two of them
    /// correlate by 1 and one of them with any other by 1/2; minus infinity for one that has a
    /// value that is not finite.
    pub(super) offsets: Vec<f64>,
    /// Whether an offset is not 0.
    pub(super) special: bool,
}

impl Subsequences {
    /// Of length `m` of `series`, in which NaN and infinities mark missing values.
    pub(super) fn new(series: &[f64], m: usize) -> Result<Self> {
        if m < 3 {
            return Err(Error::parameter("window", m, "at least 3 points"));
        }
        if series.len() < m {
            return Err(Error::not_enough_data(
                "a subsequence of the matrix profile",
                m,
                series.len(),
            ));
        }
        if u32::try_from(series.len()).is_err() {
            return Err(Error::input(format!(
                "the series has {} points, but a matrix profile takes fewer than 2^32",
                series.len()
            )));
        }
        let scale = scale(series);
        let finite = |x: &f64| if x.is_finite() { x * scale } else { 0.0 };
        let values: Vec<f64> = series.iter().map(finite).collect();
        let count = series.len() - m + 1;
        let mut all = Self {
            m,
            means: Vec::with_capacity(count),
            gains: Vec::with_capacity(count),
            losses: Vec::with_capacity(count),
            inverses: Vec::with_capacity(count),
            offsets: Vec::with_capacity(count),
            special: false,
            values: Vec::new(),
        };
        let mut before = 0.0;
        let mut missing = Missing::default();
        for (window, raw) in values.windows(m).zip(series.windows(m)) {
            all.push(window, before, missing.any(raw));
            before = window.first().copied().unwrap_or_default();
        }
        all.values = values;
        Ok(all)
    }

    /// Adds a subsequence that follows the value `before`.
    fn push(&mut self, window: &[f64], before: f64, missing: bool) {
        let Some((&last, but_last)) = window.split_last() else {
            return;
        };
        let length = window.len() as f64;
        let mean = sum(window, |x| x) / length;
        let mean_but_last = sum(but_last, |x| x) / (length - 1.0);
        let deviation = (sum(window, |x| (x - mean) * (x - mean)) / length).sqrt();
        let constant = but_last.iter().all(|x| *x == last) || deviation == 0.0;
        let (inverse, offset) = match (missing, constant) {
            (true, _) => (0.0, f64::NEG_INFINITY),
            (false, true) => (0.0, 0.5),
            (false, false) => (1.0 / deviation, 0.0),
        };
        self.means.push(mean);
        self.gains.push(last - mean_but_last);
        self.losses.push(before - mean_but_last);
        self.inverses.push(inverse);
        self.offsets.push(offset);
        self.special |= offset != 0.0;
    }

    /// Those from `start` to `end`.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let part = |values: &[f64]| values.get(start..end).unwrap_or_default().to_vec();
        let values = self.values.get(start..end + self.m - 1);
        Self {
            m: self.m,
            values: values.unwrap_or_default().to_vec(),
            means: part(&self.means),
            gains: part(&self.gains),
            losses: part(&self.losses),
            inverses: part(&self.inverses),
            offsets: part(&self.offsets),
            special: self.special,
        }
    }

    /// Whether a subsequence has a value that is not finite.
    pub(super) fn is_missing(&self, at: usize) -> bool {
        self.offsets.get(at) == Some(&f64::NEG_INFINITY)
    }

    /// How many there are: at least one.
    pub(super) const fn len(&self) -> usize {
        self.means.len()
    }
}

/// Looks for values that are not finite in windows that move by one.
#[derive(Default)]
struct Missing {
    started: bool,
    count: usize,
    first: bool,
}

impl Missing {
    fn any(&mut self, window: &[f64]) -> bool {
        let missing = |x: Option<&f64>| x.is_some_and(|x| !x.is_finite());
        if self.started {
            self.count += usize::from(missing(window.last()));
            self.count -= usize::from(self.first);
        } else {
            self.started = true;
            self.count = window.iter().filter(|x| missing(Some(x))).count();
        }
        self.first = missing(window.first());
        self.count > 0
    }
}

/// The sum of `of` over the values, eight sums side by side.
fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += of(x);
        }
    }
    let rest: f64 = rest.iter().map(|&x| of(x)).sum();
    sums.iter().sum::<f64>() + rest
}

/// The power of two that brings the largest value to about 1, so that no product leaves the range
/// of floats: the distances do not depend on it.
fn scale(series: &[f64]) -> f64 {
    let largest = series
        .iter()
        .filter(|x| x.is_finite())
        .fold(0.0_f64, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    (-largest.log2().floor()).clamp(-1000.0, 1000.0).exp2()
}
