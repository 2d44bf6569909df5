use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Detector, Error, FitDetector, Result, Rows, Snapshot};
use bongsu_stats::robust::{median, quantile};
use serde::{Deserialize, Serialize};

use super::embedding::{self, Embedding};
use super::{Shape, Subsequences};
use crate::check;

/// A fitted detector of windows, which scores points; see [`Subsequences`].
///
/// Memory: that of the inner detector and 8 bytes a column.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_ml::{Pca, Subsequences};
/// let series = Array2::from_shape_fn((200, 1), |(i, _)| (i as f64 * 0.5).sin());
/// let fitted = Subsequences::new(Pca::new()).window(12)?.fit(series.view())?;
/// assert_eq!((fitted.n_features(), fitted.inner().n_features()), (1, 12));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FittedSubsequences<D> {
    inner: D,
    cut: Cut,
}

/// All but the inner detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cut {
    shape: Shape,
    /// The least divisor of a standardised window, column by column.
    floors: Vec<f64>,
    /// The median score of a training window.
    neutral: f64,
    threshold: f64,
}

impl<D: Detector> FittedSubsequences<D> {
    pub(super) fn learn<C: FitDetector<Fitted = D>>(
        config: &Subsequences<C>,
        x: &ArrayView2<'_, f64>,
    ) -> Result<(Self, Vec<f64>)> {
        let Shape { window, stride, .. } = config.shape;
        // Two windows at least.
        check::table("a detector of subsequences", x, window + stride)?;
        let span = |column: &[f64]| {
            let least = column.iter().fold(f64::INFINITY, |m, x| m.min(*x));
            let most = column.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
            most - least
        };
        for (index, column) in x.columns().into_iter().enumerate() {
            if span(&column.to_vec()).is_infinite() {
                return Err(Error::input(format!(
                    "column {index} spans more than the largest float; \
                     scale the values down first"
                )));
            }
        }
        let mut cut = Cut {
            shape: config.shape,
            floors: embedding::floors(x),
            neutral: 0.0,
            threshold: 0.0,
        };
        let series = x.as_standard_layout();
        let embedding = cut.embedding(series.as_slice().unwrap_or_default());
        let mut copy = Array2::zeros((0, 0));
        let table = embedding.table(&mut copy)?;
        let (inner, windows) = config.inner.fit_score(&Rows::untimed(table))?;
        let last = embedding.score_last(&|windows, out| inner.score_into(windows, out))?;
        let neutral = median(&windows);
        let mut scores = vec![0.0; x.nrows()];
        embedding.points(&windows, last, neutral, &mut scores);
        cut.neutral = neutral;
        cut.threshold = quantile(&scores, 1.0 - config.contamination);
        Ok((Self { inner, cut }, scores))
    }

    /// The detector of windows.
    #[must_use]
    pub const fn inner(&self) -> &D {
        &self.inner
    }

    /// The length of a window in rows.
    #[must_use]
    pub const fn window(&self) -> usize {
        self.cut.shape.window
    }
}

impl Cut {
    fn embedding<'a>(&'a self, values: &'a [f64]) -> Embedding<'a> {
        Embedding {
            values,
            columns: self.floors.len(),
            shape: self.shape,
            floors: &self.floors,
        }
    }
}

impl<D: Detector> Detector for FittedSubsequences<D> {
    fn n_features(&self) -> usize {
        self.cut.floors.len()
    }

    /// Takes 8 bytes a window, and a block of windows where they are scaled.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        let window = self.cut.shape.window;
        if x.nrows() < window {
            return Err(Error::not_enough_data("a subsequence", window, x.nrows()));
        }
        let series = x.as_standard_layout();
        let embedding = self.cut.embedding(series.as_slice().unwrap_or_default());
        let score =
            |windows: ArrayView2<'_, f64>, out: &mut [f64]| self.inner.score_into(windows, out);
        let windows = embedding.score(&score)?;
        let last = embedding.score_last(&score)?;
        embedding.points(&windows, last, self.cut.neutral, out);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.cut.threshold)
    }
}

/// What is saved. Every detector has the same kind here, so the inner one names itself: bytes of
/// another detector that happen to decode are refused.
#[derive(Serialize, Deserialize)]
struct Saved<C, D> {
    kind: String,
    version: u16,
    cut: C,
    inner: D,
}

impl<D: Snapshot> Serialize for FittedSubsequences<D> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = Saved {
            kind: D::KIND.to_owned(),
            version: D::VERSION,
            cut: &self.cut,
            inner: &self.inner,
        };
        saved.serialize(serializer)
    }
}

impl<'de, D: Snapshot> Deserialize<'de> for FittedSubsequences<D> {
    fn deserialize<T: serde::Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let saved = Saved::<Cut, D>::deserialize(deserializer)?;
        if saved.kind == D::KIND && saved.version == D::VERSION {
            let (inner, cut) = (saved.inner, saved.cut);
            return Ok(Self { inner, cut });
        }
        Err(serde::de::Error::custom(format!(
            "the detector of windows is `{}` version {}, not `{}` version {}",
            saved.kind,
            saved.version,
            D::KIND,
            D::VERSION
        )))
    }
}

impl<D: Detector + Snapshot> Snapshot for FittedSubsequences<D> {
    const KIND: &'static str = "ml.subsequences";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.cut.shape.validate()?;
        self.inner.validate()?;
        let floors = &self.cut.floors;
        let width = self.cut.shape.window.checked_mul(floors.len());
        if !floors.is_empty()
            && width == Some(self.inner.n_features())
            && floors.iter().all(|floor| floor.is_finite() && *floor > 0.0)
            && self.cut.neutral.is_finite()
            && self.cut.threshold.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the windows do not fit their detector, or a number is not finite",
            ))
        }
    }
}
