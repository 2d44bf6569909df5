use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::{Column, Scaler};
use crate::check;

/// A scaler that knows the columns it was fitted on; see [`Scaler`].
///
/// Memory: 32 bytes a column.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::Scaler;
/// let x = array![[1e9], [1e9 + 2.0]];
/// let scaler = Scaler::Standard.fit(x.view())?;
/// let z = scaler.transform(x.view())?;
/// assert_eq!(z, array![[-1.0], [1.0]]);
/// assert_eq!(scaler.inverse(z.view())?, x);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedScaler {
    scaler: Scaler,
    columns: Vec<Column>,
}

impl FittedScaler {
    pub(super) const fn new(scaler: Scaler, columns: Vec<Column>) -> Self {
        Self { scaler, columns }
    }

    /// How it scales.
    #[must_use]
    pub const fn scaler(&self) -> Scaler {
        self.scaler
    }

    /// The number of columns it was fitted on.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// What is subtracted from each column, in its unit.
    #[must_use]
    pub fn centers(&self) -> Vec<f64> {
        self.columns
            .iter()
            .map(|c| c.center_and_scale().0)
            .collect()
    }

    /// By what each column is divided, in its unit; infinite only where a column spans more than
    /// the largest float.
    #[must_use]
    pub fn scales(&self) -> Vec<f64> {
        self.columns
            .iter()
            .map(|c| c.center_and_scale().1)
            .collect()
    }

    /// The scaled form of `x`. Finite values give finite ones: what would leave the range of
    /// floats stays at its end.
    ///
    /// Cost: O(n d) time, one table.
    ///
    /// # Errors
    /// When `x` has another number of columns or a value that is not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.check(&x)?;
        Ok(self.map(&x, Column::transform))
    }

    /// Undoes [`FittedScaler::transform`].
    ///
    /// Cost: O(n d) time, one table.
    ///
    /// # Errors
    /// When `z` has another number of columns or a value that is not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn inverse(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.check(&z)?;
        Ok(self.map(&z, Column::inverse))
    }

    /// Writes the scaled form of one row to `out`; allocates nothing.
    ///
    /// # Errors
    /// When `row` or `out` has another number of values than columns were fitted, or a value is
    /// not finite.
    pub fn transform_row(&self, row: &[f64], out: &mut [f64]) -> Result<()> {
        check::row(row, self.n_features())?;
        if out.len() != row.len() {
            return Err(Error::shape("length of the output", out.len(), row.len()));
        }
        for ((slot, &x), column) in out.iter_mut().zip(row).zip(&self.columns) {
            *slot = column.transform(x);
        }
        Ok(())
    }

    /// The value of column `column` whose scaled form is `z`; NaN when there is no such column.
    pub(super) fn inverse_value(&self, column: usize, z: f64) -> f64 {
        let column = self.columns.get(column);
        column.map_or(f64::NAN, |column| column.inverse(z))
    }

    fn check(&self, x: &ArrayView2<'_, f64>) -> Result<()> {
        if x.ncols() == self.n_features() {
            check::finite(x)
        } else {
            let features = self.n_features();
            Err(Error::shape("number of features", x.ncols(), features))
        }
    }

    fn map(&self, x: &ArrayView2<'_, f64>, of: fn(&Column, f64) -> f64) -> Array2<f64> {
        let mut table = x.as_standard_layout().into_owned();
        for mut row in table.rows_mut() {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                *value = of(column, *value);
            }
        }
        table
    }
}

impl Snapshot for FittedScaler {
    const KIND: &'static str = "ml.scaler";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        if !self.columns.is_empty() && self.columns.iter().all(Column::is_valid) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "a scaler has no columns, or one that cannot be scaled",
            ))
        }
    }
}
