use bongsu_core::ndarray::{ArrayView1, ArrayView2};
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How columns are brought to a scale that networks learn well on. Fitted on the training part of
/// the rows alone, kept in the model, and never fitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// `(x - mean) / standard deviation` (the default); a constant column keeps the scale 1.
    #[default]
    Standard,
    /// `(x - least) / (most - least)`, in [0, 1] on the training rows; a constant column keeps the
    /// scale 1.
    MinMax,
    /// Left as it is.
    None,
}

/// Scaled numbers further out than this count as this far: their squares stay finite in `f32`.
const FURTHEST: f64 = 1e6;

/// A deviation below this share of the largest value is rounding error: the column is constant.
const CONSTANT: f64 = 1e-14;

/// A fitted [`Scaling`]: `(x - center) / scale`, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    pub(crate) center: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

impl Scaler {
    /// Fits to the columns of `x`, which are finite.
    pub(crate) fn fit(scaling: Scaling, x: &ArrayView2<'_, f64>) -> Self {
        let moments = |column: ArrayView1<'_, f64>| match scaling {
            Scaling::Standard => standard(&column),
            Scaling::MinMax => min_max(&column),
            Scaling::None => (0.0, 1.0),
        };
        let (center, scale) = x.columns().into_iter().map(moments).unzip();
        Self { center, scale }
    }

    /// A scaler with these centres and scales, for a model that was trained elsewhere.
    ///
    /// # Errors
    /// When there are none, or not as many of one as of the other, one is not finite, or a scale is
    /// not above 0.
    pub fn new(center: Vec<f64>, scale: Vec<f64>) -> Result<Self> {
        let scaler = Self { center, scale };
        scaler.validate()?;
        Ok(scaler)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if self.center.is_empty() || self.center.len() != self.scale.len() {
            let (found, expected) = (self.scale.len(), self.center.len().max(1));
            return Err(Error::shape("number of scales", found, expected));
        }
        if let Some(&bad) = self.center.iter().find(|center| !center.is_finite()) {
            return Err(Error::non_finite("a centre of the scaler", bad));
        }
        match self.scale.iter().find(|&&s| !(s > 0.0 && s.is_finite())) {
            Some(&bad) => Err(Error::parameter("scale", bad, "finite and above 0")),
            None => Ok(()),
        }
    }

    /// The number of columns.
    #[must_use]
    pub fn features(&self) -> usize {
        self.center.len()
    }

    /// The centre of each column.
    #[must_use]
    pub fn center(&self) -> &[f64] {
        &self.center
    }

    /// The scale of each column.
    #[must_use]
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// The rows of `x`, scaled, one after the other.
    pub(crate) fn table(&self, x: &ArrayView2<'_, f64>) -> Vec<f32> {
        let rows = x.rows().into_iter();
        rows.flat_map(|row| self.scaled(row.into_iter().copied()))
            .collect()
    }

    /// A row, scaled.
    pub(crate) fn scaled(&self, row: impl IntoIterator<Item = f64>) -> impl Iterator<Item = f32> {
        let moments = self.center.iter().zip(&self.scale);
        row.into_iter().zip(moments).map(|(x, (center, scale))| {
            // Halves: the difference of two large numbers may not be one.
            let z = (x / 2.0 - center / 2.0) / scale * 2.0;
            z.clamp(-FURTHEST, FURTHEST) as f32
        })
    }
}

/// Mean and standard deviation (over n), from numbers divided by the largest, so that no square
/// leaves the range of floats.
fn standard(column: &ArrayView1<'_, f64>) -> (f64, f64) {
    let most = column.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if most == 0.0 {
        return (0.0, 1.0);
    }
    let n = column.len() as f64;
    let mean = column.iter().map(|x| x / most).sum::<f64>() / n;
    let squares = column
        .iter()
        .map(|x| (x / most - mean).powi(2))
        .sum::<f64>();
    let deviation = (squares / n).sqrt();
    (mean * most, scale(deviation, most))
}

fn min_max(column: &ArrayView1<'_, f64>) -> (f64, f64) {
    let least = column.iter().copied().fold(f64::INFINITY, f64::min);
    let most = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let size = least.abs().max(most.abs());
    if size == 0.0 {
        return (0.0, 1.0);
    }
    (least, scale(most / size - least / size, size))
}

/// `part` of `most`, or 1 where that is rounding error.
fn scale(part: f64, most: f64) -> f64 {
    let scale = part * most;
    if part > CONSTANT && scale >= f64::MIN_POSITIVE {
        scale.min(f64::MAX)
    } else {
        1.0
    }
}
