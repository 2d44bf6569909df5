//! Spectral residual: what stands out of the regular spectrum of a series.

mod average;
mod fitted;
mod stream;
mod transform;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result};
use serde::{Deserialize, Serialize};

use self::transform::Transform;
use crate::check;

pub use fitted::FittedSpectralResidual;
pub use stream::SpectralResidualStream;

/// Points before the end over which the slope is taken for the estimated points.
const LOOKBACK: usize = 5;

/// The most estimated points, and the longest average over the spectrum.
const MOST: usize = 1_000;

/// Configuration of the spectral residual.
///
/// With the Fourier transform `F` of the series without its mean, the log amplitude
/// `L(f) = ln |F(f)|` and its average `M(f)` over the `smoothing` frequencies around `f`, the
/// saliency is `S = |F^-1(exp(L - M + i arg F))|`, which is `|F^-1(F / e^M)|`: what regular
/// components contribute shrinks, what is unlike the rest of the series stays. The score is
/// `(S(t) - mean) / mean` with the mean of `S` over the `local` points before `t`. Of a whole column
/// it is `c (A(t) - mean) / mean`: `A` is the mean of `S` around `t` with weights that fall linearly
/// to 0 at `average` points from it, and `c`, about `sqrt(1.5 average)`, makes up for the smaller
/// spread of means. On labelled series that ranks points far better than `S(t)` alone, the paper's
/// score (`average` 1).
///
/// - The series is lengthened by `extension` estimated points, as a point at the end is judged
///   worse than one inside: each is `x(e-4) + 5 g`, where `g` is the mean slope from the 5 points
///   before `e` to `x(e)`. As in the authors' code `e` is the last but one: a spike at the end would
///   else be taken as the start of a slope.
/// - After the estimated points, others lead in a straight line back to the first value, up to the
///   next even length of factors 2, 3 and 5: it is quick to transform, and the periodic series jumps
///   less. The authors' code has none; nor have windows whose length is such a one.
/// - The spectrum is periodic, so the average goes round; nothing is padded.
/// - Without its mean the series has nothing at frequency 0, whose log amplitude is taken as that of
///   its neighbours. So a score does not depend on the unit nor on the offset of the metric.
/// - Amplitudes below 1e-8 of the largest one count as that: they are rounding errors. A constant
///   series scores 0.
///
/// [`SpectralResidual::score`] and [`FitDetector::fit`] transform a whole column, so a score depends
/// on what comes after it too. [`SpectralResidual::score_causal`] and the stream transform the last
/// `window` points for each point, and see only the past.
///
/// It finds spikes and dips, and breaks of a rhythm; not what lasts long. Where a series does not end
/// at the height at which it began, its ends score high, as the transform takes it as periodic.
///
/// Cost: O(n log n) time for a column and about 100 bytes a point while at work;
/// O(window log window) time a point of a stream, which keeps 8 bytes a point of the window.
///
/// Source: Ren et al. 2019, <https://doi.org/10.1145/3292500.3330680>.
///
/// ```
/// use bongsu_stats::SpectralResidual;
/// let mut x: Vec<f64> = (0..200).map(|i| (f64::from(i) * 0.3).sin()).collect();
/// x[120] += 2.0;
/// let scores = SpectralResidual::new().score(&x)?;
/// let (highest, _) = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
/// assert_eq!(highest, 120);
/// assert!(scores[120] > 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralResidual {
    window: usize,
    smoothing: usize,
    extension: usize,
    average: usize,
    local: Option<usize>,
    threshold: f64,
}

impl Default for SpectralResidual {
    fn default() -> Self {
        Self {
            window: 251,
            smoothing: 3,
            extension: 5,
            average: 21,
            local: None,
            threshold: 3.0,
        }
    }
}

impl SpectralResidual {
    /// The defaults: windows of 251 points, averages over 3 frequencies, 5 estimated points,
    /// saliencies averaged over 21 points, local averages over all points before, threshold 3.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The points that a stream looks at, the judged one with them. Domain: [12, 1048576]. Default:
    /// 251, which with the estimated points makes 256, a quick length to transform.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::window("window", points, LEAST)?;
        Ok(self)
    }

    /// The number of frequencies of an average of log amplitudes. Domain: odd, in [1, 999]; at 1
    /// nothing but the phases would be left. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn smoothing(mut self, frequencies: usize) -> Result<Self> {
        self.smoothing = odd("smoothing", frequencies)?;
        Ok(self)
    }

    /// The number of estimated points after the last one; at 0 nothing is added at all. Domain:
    /// [0, 1000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn extension(mut self, points: usize) -> Result<Self> {
        self.extension = extension(points)?;
        Ok(self)
    }

    /// To how many points around it the saliency of a point of a whole column is averaged: its
    /// weights fall to 0 there. Where 1, a point counts alone, as it always does in streams and
    /// [`Self::score_causal`], which do not look ahead. Domain: odd, in [1, 999]. Default: 21.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn average(mut self, points: usize) -> Result<Self> {
        self.average = odd("average", points)?;
        Ok(self)
    }

    /// Over how many points before a point its saliency is compared with their mean; `None` for all
    /// of the column or the window. Domain: [1, 1048576]. Default: `None`; the paper has 21.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn local(mut self, points: Option<usize>) -> Result<Self> {
        if let Some(points) = points {
            check::window("local", points, 1)?;
        }
        self.local = points;
        Ok(self)
    }

    /// The score above which a point is anomalous. Domain: finite, above 0. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or `smoothing` spans more frequencies than a window
    /// has.
    pub fn validate(&self) -> Result<()> {
        check::window("window", self.window, LEAST)?;
        odd("smoothing", self.smoothing)?;
        odd("average", self.average)?;
        extension(self.extension)?;
        if let Some(points) = self.local {
            check::window("local", points, 1)?;
        }
        check::positive("threshold", self.threshold)?;
        if self.smoothing > self.window {
            return Err(Error::parameter(
                "smoothing",
                self.smoothing,
                format!("at most the window of {}", self.window),
            ));
        }
        Ok(())
    }

    /// The fewest rows of a column.
    fn least(&self) -> usize {
        LEAST.max(self.smoothing)
    }

    fn enough(&self, rows: usize) -> Result<()> {
        if rows < self.least() {
            return Err(Error::not_enough_data(
                "a spectral residual",
                self.least(),
                rows,
            ));
        }
        Ok(())
    }

    /// The saliency of each value of a whole column; it has no unit.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite, or there are fewer than 12
    /// values or than `smoothing`.
    pub fn saliency(&self, values: &[f64]) -> Result<Vec<f64>> {
        self.validate()?;
        check::finite_rows(values)?;
        self.enough(values.len())?;
        let mut transform = Transform::new(values.len(), self.extension);
        Ok(transform
            .saliency(values.iter().copied(), self.smoothing)
            .to_vec())
    }

    /// The score of each value of a whole column. At the first point, and without `local` at all of
    /// them, the mean is that of the whole column.
    ///
    /// # Errors
    /// As [`SpectralResidual::saliency`].
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        let saliency = self.saliency(values)?;
        let averages = average::triangular(&saliency, self.average);
        let factor = average::steadier(self.average);
        let mut scores = relative(&saliency, &averages, self.local);
        scores.iter_mut().for_each(|score| *score *= factor);
        Ok(scores)
    }

    /// The score of each value by the last `window` values up to it alone, as a stream gives them;
    /// NaN before the window is full.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is not finite.
    pub fn score_causal(&self, values: &[f64]) -> Result<Vec<f64>> {
        self.validate()?;
        check::finite_rows(values)?;
        let mut scores = vec![f64::NAN; values.len()];
        let mut transform = Transform::new(self.window, self.extension);
        let windows = values.windows(self.window);
        for (score, window) in scores.iter_mut().skip(self.window - 1).zip(windows) {
            *score = self.last_score(&mut transform, window.iter().copied());
        }
        Ok(scores)
    }

    /// The score of the last one of a window of values.
    fn last_score(
        &self,
        transform: &mut Transform,
        window: impl Iterator<Item = f64> + Clone,
    ) -> f64 {
        let saliency = transform.saliency(window, self.smoothing);
        let Some((&last, before)) = saliency.split_last() else {
            return 0.0;
        };
        let points = self.local.unwrap_or(before.len()).min(before.len());
        let local = before.get(before.len() - points..).unwrap_or_default();
        above(last, local.iter().sum::<f64>() / points as f64)
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<SpectralResidualStream> {
        SpectralResidualStream::new(self.clone())
    }
}

impl FitDetector for SpectralResidual {
    type Fitted = FittedSpectralResidual;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedSpectralResidual> {
        self.validate()?;
        self.enough(check::column(&x)?.len())?;
        Ok(FittedSpectralResidual::new(self.clone()))
    }
}

/// The fewest values of a series: twice the points of the slope and two more.
const LEAST: usize = 2 * LOOKBACK + 2;

fn odd(name: &'static str, count: usize) -> Result<usize> {
    if count % 2 == 1 && count < MOST {
        Ok(count)
    } else {
        Err(Error::parameter(name, count, "an odd number in [1, 999]"))
    }
}

fn extension(points: usize) -> Result<usize> {
    if points <= MOST {
        Ok(points)
    } else {
        Err(Error::parameter("extension", points, "in [0, 1000]"))
    }
}

/// How far `averages` are above the means of the saliencies before them.
fn relative(saliency: &[f64], averages: &[f64], local: Option<usize>) -> Vec<f64> {
    let n = saliency.len();
    let whole = saliency.iter().sum::<f64>() / n.max(1) as f64;
    let Some(points) = local else {
        return averages.iter().map(|&a| above(a, whole)).collect();
    };
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(saliency.iter().scan(0.0, |sum, s| {
            *sum += s;
            Some(*sum)
        }))
        .collect();
    let score = |(i, &average): (usize, &f64)| {
        let from = i.saturating_sub(points);
        let mean = match (sums.get(i), sums.get(from)) {
            (Some(to), Some(before)) if i > from => (to - before) / (i - from) as f64,
            _ => whole,
        };
        above(average, mean)
    };
    averages.iter().enumerate().map(score).collect()
}

/// How far `saliency` is above `mean`, in means; 0 where all is 0.
fn above(saliency: f64, mean: f64) -> f64 {
    if mean > 0.0 {
        saliency / mean - 1.0
    } else {
        0.0
    }
}
