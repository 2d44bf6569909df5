use serde::{Deserialize, Serialize};

use crate::{Error, Labels, Result, Timestamp};

/// One metric over time: strictly increasing timestamps and as many values.
///
/// A missing value is a NaN at a present timestamp; an absent point is a hole in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSeries")]
pub struct Series {
    labels: Labels,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct RawSeries {
    labels: Labels,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

impl TryFrom<RawSeries> for Series {
    type Error = Error;

    fn try_from(raw: RawSeries) -> Result<Self> {
        Self::new(raw.labels, raw.timestamps, raw.values)
    }
}

impl Series {
    /// From timestamps and values of the same length.
    ///
    /// # Errors
    /// When the lengths differ, or when time does not strictly increase (the message names the
    /// first offending timestamps).
    pub fn new(labels: Labels, timestamps: Vec<Timestamp>, values: Vec<f64>) -> Result<Self> {
        SeriesView::new(&labels, &timestamps, &values)?;
        Ok(Self {
            labels,
            timestamps,
            values,
        })
    }

    /// A series without points.
    #[must_use]
    pub const fn empty(labels: Labels) -> Self {
        Self {
            labels,
            timestamps: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Appends a point.
    ///
    /// # Errors
    /// When `timestamp` is not after the last one; the series is left as it was.
    pub fn push(&mut self, timestamp: Timestamp, value: f64) -> Result<()> {
        if let Some(&last) = self.timestamps.last()
            && timestamp <= last
        {
            return Err(not_increasing(&self.labels, last, timestamp));
        }
        self.timestamps.push(timestamp);
        self.values.push(value);
        Ok(())
    }

    /// The identity of the series.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// When: strictly increasing.
    #[must_use]
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// What: as many as there are timestamps.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The number of points, missing values included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, f64)> + '_ {
        self.timestamps
            .iter()
            .copied()
            .zip(self.values.iter().copied())
    }

    /// A borrowed view of the whole series.
    #[must_use]
    pub fn view(&self) -> SeriesView<'_> {
        SeriesView {
            labels: &self.labels,
            timestamps: &self.timestamps,
            values: &self.values,
        }
    }

    /// The parts: labels, timestamps, values.
    #[must_use]
    pub fn into_parts(self) -> (Labels, Vec<Timestamp>, Vec<f64>) {
        (self.labels, self.timestamps, self.values)
    }
}

/// A borrowed [`Series`], or a stretch of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesView<'a> {
    labels: &'a Labels,
    timestamps: &'a [Timestamp],
    values: &'a [f64],
}

impl<'a> SeriesView<'a> {
    /// A view of parts that live elsewhere.
    ///
    /// # Errors
    /// As [`Series::new`].
    pub fn new(labels: &'a Labels, timestamps: &'a [Timestamp], values: &'a [f64]) -> Result<Self> {
        if timestamps.len() != values.len() {
            return Err(Error::shape(
                "number of values",
                values.len(),
                timestamps.len(),
            ));
        }
        for (&earlier, &later) in timestamps.iter().zip(timestamps.iter().skip(1)) {
            if later <= earlier {
                return Err(not_increasing(labels, earlier, later));
            }
        }
        Ok(Self {
            labels,
            timestamps,
            values,
        })
    }

    /// The identity of the series.
    #[must_use]
    pub const fn labels(&self) -> &'a Labels {
        self.labels
    }

    /// When: strictly increasing.
    #[must_use]
    pub const fn timestamps(&self) -> &'a [Timestamp] {
        self.timestamps
    }

    /// What: as many as there are timestamps.
    #[must_use]
    pub const fn values(&self) -> &'a [f64] {
        self.values
    }

    /// The number of points, missing values included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The points with `from <= timestamp < to`.
    #[must_use]
    pub fn range(&self, from: Timestamp, to: Timestamp) -> Self {
        let start = self.timestamps.partition_point(|&t| t < from);
        let end = self.timestamps.partition_point(|&t| t < to).max(start);
        Self {
            labels: self.labels,
            timestamps: self.timestamps.get(start..end).unwrap_or_default(),
            values: self.values.get(start..end).unwrap_or_default(),
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn to_series(&self) -> Series {
        Series {
            labels: self.labels.clone(),
            timestamps: self.timestamps.to_vec(),
            values: self.values.to_vec(),
        }
    }
}

fn not_increasing(labels: &Labels, earlier: Timestamp, later: Timestamp) -> Error {
    Error::input(format!(
        "time must strictly increase, but {later} follows {earlier} in series {labels}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: &[i64]) -> Vec<Timestamp> {
        secs.iter().copied().map(Timestamp::from_secs).collect()
    }

    #[test]
    fn time_must_strictly_increase() {
        for times in [&[1, 1][..], &[2, 1]] {
            let error = Series::new(Labels::empty(), at(times), vec![0.0; 2]).unwrap_err();
            assert!(error.to_string().contains("strictly increase"), "{error}");
        }
        assert!(Series::new(Labels::empty(), at(&[1, 2]), vec![0.0]).is_err());
    }

    #[test]
    fn push_refuses_the_past_and_changes_nothing() {
        let mut series = Series::new(Labels::empty(), at(&[1, 2]), vec![0.0, 1.0]).unwrap();
        assert!(series.push(Timestamp::from_secs(2), 9.0).is_err());
        assert_eq!(series.len(), 2);
        series.push(Timestamp::from_secs(3), 9.0).unwrap();
        assert_eq!(series.values(), [0.0, 1.0, 9.0]);
    }

    #[test]
    fn ranges_are_half_open() {
        let series = Series::new(Labels::empty(), at(&[1, 2, 3]), vec![1.0, 2.0, 3.0]).unwrap();
        let range = series
            .view()
            .range(Timestamp::from_secs(1), Timestamp::from_secs(3));
        assert_eq!(range.values(), [1.0, 2.0]);
        assert!(
            series
                .view()
                .range(Timestamp::from_secs(3), Timestamp::from_secs(1))
                .is_empty()
        );
    }
}
