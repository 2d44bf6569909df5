use ndarray::ArrayView2;

use crate::{Error, Result, Timestamp};

/// Consecutive observations: a table (rows are observations, columns are features) and, where they
/// are known, the timestamps of its rows.
///
/// ```
/// use bongsu_core::{Rows, Timestamp, ndarray::array};
/// let values = array![[1.0], [2.0]];
/// let times = [Timestamp::from_secs(0), Timestamp::from_secs(60)];
/// let rows = Rows::at(&times, values.view())?;
/// assert_eq!((rows.len(), rows.timestamps()), (2, Some(&times[..])));
/// assert!(Rows::at(&times[..1], values.view()).is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    timestamps: Option<&'a [Timestamp]>,
    values: ArrayView2<'a, f64>,
}

impl<'a> Rows<'a> {
    /// Rows observed at `timestamps`.
    ///
    /// # Errors
    /// When there are not as many timestamps as rows, or they do not strictly increase.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn at(timestamps: &'a [Timestamp], values: ArrayView2<'a, f64>) -> Result<Self> {
        if timestamps.len() != values.nrows() {
            return Err(Error::shape(
                "number of timestamps",
                timestamps.len(),
                values.nrows(),
            ));
        }
        if let Some(row) = timestamps
            .windows(2)
            .position(|pair| pair.first() >= pair.last())
        {
            return Err(Error::input(format!(
                "the timestamp of row {} is not after that of row {row}",
                row + 1
            )));
        }
        Ok(Self {
            timestamps: Some(timestamps),
            values,
        })
    }

    /// Rows whose times are not known.
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub const fn untimed(values: ArrayView2<'a, f64>) -> Self {
        Self {
            timestamps: None,
            values,
        }
    }

    /// When the rows were observed, where it is known.
    #[must_use]
    pub const fn timestamps(&self) -> Option<&'a [Timestamp]> {
        self.timestamps
    }

    /// The table.
    #[must_use]
    pub const fn values(&self) -> ArrayView2<'a, f64> {
        self.values
    }

    /// The first `rows` rows, or all when there are fewer.
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        let rows = rows.min(self.len());
        let mut values = self.values;
        values.slice_axis_inplace(ndarray::Axis(0), ndarray::Slice::from(..rows));
        Self {
            timestamps: self.timestamps.and_then(|times| times.get(..rows)),
            values,
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.nrows()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<ArrayView2<'a, f64>> for Rows<'a> {
    fn from(values: ArrayView2<'a, f64>) -> Self {
        Self::untimed(values)
    }
}
