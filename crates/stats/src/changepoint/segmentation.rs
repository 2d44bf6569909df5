use serde::{Deserialize, Serialize};

/// Consecutive values that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The index of the first value.
    pub from: usize,
    /// The index after the last value.
    pub to: usize,
    /// The mean.
    pub mean: f64,
    /// The standard deviation, with the number of values as divisor.
    pub std: f64,
}

impl Segment {
    pub(super) fn of(from: usize, values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        // The unit keeps squares in range; it is exactly 1 for values of common size.
        let unit = if largest > 1e100 || (largest < 1e-100 && largest > 0.0) {
            largest
        } else {
            1.0
        };
        let first = values.first().map_or(0.0, |x| x / unit);
        let offsets = || values.iter().map(|x| x / unit - first);
        let mean = offsets().map(|d| d / n).sum::<f64>();
        let squares: f64 = offsets().map(|d| (d - mean) * (d - mean)).sum();
        Self {
            from,
            to: from + values.len(),
            mean: unit * (first + mean),
            std: unit * (squares / n).sqrt(),
        }
    }

    /// The number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    /// Whether it has no values; never so in a [`Segmentation`].
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A change of the level between two segments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The index of the first value after the change.
    pub at: usize,
    /// The mean before it.
    pub before: f64,
    /// The mean after it.
    pub after: f64,
    /// How many standard errors of their difference the means are apart; infinite when both
    /// segments are constant.
    pub strength: f64,
}

/// A series cut at its changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segmentation {
    pub(super) segments: Vec<Segment>,
    pub(super) cost: f64,
    pub(super) penalty: f64,
    pub(super) noise: f64,
}

impl Segmentation {
    /// The index of the first value after each change, ascending; empty when there is none.
    #[must_use]
    pub fn breakpoints(&self) -> Vec<usize> {
        self.segments.iter().skip(1).map(|s| s.from).collect()
    }

    /// The segments in order; they cover the series.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The sum of the segments' costs, without penalties, as [`Cost`](super::Cost) states it; at
    /// most the largest float.
    #[must_use]
    pub const fn cost(&self) -> f64 {
        self.cost
    }

    /// The penalty of a change, in the unit of the cost; at most the largest float.
    #[must_use]
    pub const fn penalty(&self) -> f64 {
        self.penalty
    }

    /// The standard deviation of the noise, as measured on the differences of the series.
    #[must_use]
    pub const fn noise(&self) -> f64 {
        self.noise
    }

    /// The changes of the level between neighbouring segments, in order.
    ///
    /// The strength is `|after - before| / sqrt(var_1 / n_1 + var_2 / n_2)` (Welch).
    #[must_use]
    pub fn shifts(&self) -> Vec<Shift> {
        let neighbours = self.segments.iter().zip(self.segments.iter().skip(1));
        let shift = |(before, after): (&Segment, &Segment)| {
            let error = |s: &Segment| s.std / (s.len().max(1) as f64).sqrt();
            let distance = (0.5 * after.mean - 0.5 * before.mean).abs();
            let error = 0.5 * error(before).hypot(error(after));
            Shift {
                at: after.from,
                before: before.mean,
                after: after.mean,
                strength: crate::check::ratio(distance, error),
            }
        };
        neighbours.map(shift).collect()
    }

    /// The change of the level that the noise explains least, the earliest of equal ones; `None`
    /// when there is no change.
    #[must_use]
    pub fn strongest_shift(&self) -> Option<Shift> {
        let stronger = |a: Shift, b: Shift| if b.strength > a.strength { b } else { a };
        self.shifts().into_iter().reduce(stronger)
    }
}
