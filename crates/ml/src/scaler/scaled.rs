use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Detector, Error, Expectation, FitDetector, Result, Rows, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::{FittedScaler, Scaler};
use crate::check;

/// A detector that learns from and judges scaled columns.
///
/// The scaler is fitted on the same rows as the detector and is saved with it. Scores, threshold
/// and contributions are those of the inner detector; what it expects of a single column is given
/// in the column's own unit.
///
/// Cost: that of the inner detector, and a scaled copy of the table for each call.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// use bongsu_ml::{Scaled, Scaler};
/// use bongsu_stats::Iqr;
/// let x = array![[1.0], [2.0], [3.0], [4.0], [5.0]];
/// let fitted = Scaled::new(Scaler::Standard, Iqr::new()).fit(x.view())?;
/// assert!((fitted.score(array![[8.0]].view())?[0] - 2.0).abs() < 1e-12);
/// assert!((fitted.expectation().map_or(0.0, |band| band.upper) - 7.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaled<C> {
    scaler: Scaler,
    inner: C,
}

impl<C> Scaled<C> {
    /// `inner` on columns scaled by `scaler`.
    #[must_use]
    pub const fn new(scaler: Scaler, inner: C) -> Self {
        Self { scaler, inner }
    }

    /// How columns are scaled.
    #[must_use]
    pub const fn scaler(&self) -> Scaler {
        self.scaler
    }

    /// The configuration of the detector.
    #[must_use]
    pub const fn inner(&self) -> &C {
        &self.inner
    }
}

impl<C: FitDetector> FitDetector for Scaled<C> {
    type Fitted = FittedScaled<C::Fitted>;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<Self::Fitted> {
        let scaler = self.scaler.fit(x)?;
        let inner = self.inner.fit(scaler.transform(x)?.view())?;
        Ok(FittedScaled { scaler, inner })
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(Self::Fitted, Vec<f64>)> {
        let scaler = self.scaler.fit(rows.values())?;
        let table = scaler.transform(rows.values())?;
        let (inner, scores) = self
            .inner
            .fit_score(&with_times(rows.timestamps(), &table)?)?;
        Ok((FittedScaled { scaler, inner }, scores))
    }
}

/// A fitted detector and the scaler before it; see [`Scaled`].
///
/// Memory: that of the inner detector and 32 bytes a column.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedScaled<D> {
    scaler: FittedScaler,
    inner: D,
}

impl<D> FittedScaled<D> {
    /// The scaler.
    #[must_use]
    pub const fn scaler(&self) -> &FittedScaler {
        &self.scaler
    }

    /// The detector of scaled rows.
    #[must_use]
    pub const fn inner(&self) -> &D {
        &self.inner
    }

    fn unscale(&self, band: Expectation) -> Expectation {
        let inverse = |z| self.scaler.inverse_value(0, z);
        Expectation {
            expected: inverse(band.expected),
            lower: inverse(band.lower),
            upper: inverse(band.upper),
        }
    }
}

impl<D: Detector> Detector for FittedScaled<D> {
    fn n_features(&self) -> usize {
        self.inner.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        self.inner.score_into(self.scaler.transform(x)?.view(), out)
    }

    fn threshold(&self) -> Option<f64> {
        self.inner.threshold()
    }

    fn expectation(&self) -> Option<Expectation> {
        self.inner.expectation().map(|band| self.unscale(band))
    }

    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        check::scoring(&rows.values(), out, self.n_features())?;
        let table = self.scaler.transform(rows.values())?;
        self.inner
            .score_rows_into(&with_times(rows.timestamps(), &table)?, out)
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        let table = self.scaler.transform(rows.values())?;
        let bands = self
            .inner
            .expectations(&with_times(rows.timestamps(), &table)?)?;
        Ok(bands.map(|bands| bands.into_iter().map(|band| self.unscale(band)).collect()))
    }

    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        let mut scaled = vec![0.0; self.n_features()];
        self.scaler.transform_row(row, &mut scaled)?;
        self.inner.contributions(&scaled)
    }
}

/// `table` at the `timestamps`, where they are known.
fn with_times<'a>(timestamps: Option<&'a [Timestamp]>, table: &'a Array2<f64>) -> Result<Rows<'a>> {
    match timestamps {
        Some(timestamps) => Rows::at(timestamps, table.view()),
        None => Ok(Rows::untimed(table.view())),
    }
}

/// What is saved. Every detector has the same kind here, so the inner one names itself: bytes of
/// another detector that happen to decode are refused.
#[derive(Serialize)]
struct SavedRef<'a, D> {
    kind: &'a str,
    version: u16,
    scaler: &'a FittedScaler,
    inner: &'a D,
}

#[derive(Deserialize)]
struct Saved<D> {
    kind: String,
    version: u16,
    scaler: FittedScaler,
    inner: D,
}

impl<D: Snapshot> Serialize for FittedScaled<D> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = SavedRef {
            kind: D::KIND,
            version: D::VERSION,
            scaler: &self.scaler,
            inner: &self.inner,
        };
        saved.serialize(serializer)
    }
}

impl<'de, D: Snapshot> Deserialize<'de> for FittedScaled<D> {
    fn deserialize<T: serde::Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let saved = Saved::<D>::deserialize(deserializer)?;
        if saved.kind == D::KIND && saved.version == D::VERSION {
            Ok(Self {
                scaler: saved.scaler,
                inner: saved.inner,
            })
        } else {
            Err(serde::de::Error::custom(format!(
                "`{}` version {} where `{}` version {} is expected",
                saved.kind,
                saved.version,
                D::KIND,
                D::VERSION
            )))
        }
    }
}

impl<D: Snapshot + Detector> Snapshot for FittedScaled<D> {
    const KIND: &'static str = "ml.scaled";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.scaler.validate()?;
        self.inner.validate()?;
        if self.scaler.n_features() == self.inner.n_features() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the scaler and the detector have other numbers of columns",
            ))
        }
    }
}
