//! From a series to the table of its windows, and from scores of windows to those of points.

use bongsu_core::ndarray::{Array2, ArrayView2, Axis, ShapeBuilder as _};
use bongsu_core::{Error, Result};

use super::{Shape, WindowScaling};

/// Values of scaled windows that are held at a time: 1 MiB of them.
const BLOCK: usize = 1 << 17;

/// Values of scaled windows that can be held to fit: 8 GiB of them.
const MOST_VALUES: usize = 1 << 30;

/// The share of a column's standard deviation below which that of a window is not believed.
const FLOOR: f64 = 1e-3;

/// Writes the scores of a table of windows.
type ScoreWindows<'a> = dyn Fn(ArrayView2<'_, f64>, &mut [f64]) -> Result<()> + 'a;

/// A series of `columns` columns, row after row, and how it is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedding<'a> {
    pub(super) values: &'a [f64],
    pub(super) columns: usize,
    pub(super) shape: Shape,
    /// The least divisor of a standardised window, column by column.
    pub(super) floors: &'a [f64],
}

impl Embedding<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// How many windows start a stride apart.
    pub(super) fn regular(&self) -> usize {
        let room = self.rows().checked_sub(self.shape.window);
        room.map_or(0, |room| room / self.shape.stride + 1)
    }

    /// Where a last window starts that ends with the series, when no regular one does.
    fn last_start(&self) -> Option<usize> {
        let room = self.rows().checked_sub(self.shape.window)?;
        (room % self.shape.stride != 0).then_some(room)
    }

    /// Unscaled windows, a stride apart, as a view of the series from row `start` on.
    fn view(&self, start: usize, count: usize) -> Result<ArrayView2<'_, f64>> {
        let width = self.shape.window * self.columns;
        let apart = self.shape.stride * self.columns;
        let values = self.values.get(start * self.columns..).unwrap_or_default();
        ArrayView2::from_shape((count, width).strides((apart, 1)), values)
            .map_err(|_| Error::shape("number of rows", self.rows(), self.shape.window))
    }

    /// The table of the regular windows; scaled ones are copied to `copy`.
    pub(super) fn table<'b>(&'b self, copy: &'b mut Array2<f64>) -> Result<ArrayView2<'b, f64>> {
        let view = self.view(0, self.regular())?;
        if self.shape.scaling == WindowScaling::None {
            return Ok(view);
        }
        let values = view.nrows().checked_mul(view.ncols());
        if values.is_none_or(|values| values > MOST_VALUES) {
            return Err(Error::input(format!(
                "{} scaled windows of {} values are too many to hold; use a larger stride",
                view.nrows(),
                view.ncols()
            )));
        }
        *copy = Array2::zeros(view.dim());
        self.scale(&view, copy);
        Ok(copy.view())
    }

    /// Scores every regular window with `score`, a block at a time.
    pub(super) fn score(&self, score: &ScoreWindows<'_>) -> Result<Vec<f64>> {
        let view = self.view(0, self.regular())?;
        let mut scores = vec![0.0; view.nrows()];
        if self.shape.scaling == WindowScaling::None {
            score(view, &mut scores)?;
            return Ok(scores);
        }
        let size = (BLOCK / view.ncols()).clamp(1, scores.len());
        let mut block = Array2::zeros((size, view.ncols()));
        let blocks = view.axis_chunks_iter(Axis(0), size);
        for (windows, scores) in blocks.zip(scores.chunks_mut(size)) {
            self.scale(&windows, &mut block);
            let (full, _) = block.view().split_at(Axis(0), windows.nrows());
            score(full, scores)?;
        }
        Ok(scores)
    }

    /// The score of the window that ends with the series, when no regular one does and points are
    /// judged by windows that end after them.
    pub(super) fn score_last(&self, score: &ScoreWindows<'_>) -> Result<Option<f64>> {
        let Some(start) = self.last_start().filter(|_| !self.shape.causal) else {
            return Ok(None);
        };
        let view = self.view(start, 1)?;
        let mut scaled = view.to_owned();
        if self.shape.scaling != WindowScaling::None {
            self.scale(&view, &mut scaled);
        }
        let mut last = [0.0];
        score(scaled.view(), &mut last)?;
        let [last] = last;
        Ok(Some(last))
    }

    /// Writes the scaled `windows` to the first rows of `out`.
    fn scale(&self, windows: &ArrayView2<'_, f64>, out: &mut Array2<f64>) {
        for (window, mut slot) in windows.rows().into_iter().zip(out.rows_mut()) {
            for (column, floor) in (0..self.columns).zip(self.floors) {
                let values = || window.iter().skip(column).step_by(self.columns);
                let slots = slot.iter_mut().skip(column).step_by(self.columns);
                let (mean, spread) = mean_and_std(values().copied());
                let divisor = match self.shape.scaling {
                    WindowScaling::Standard => spread.max(*floor),
                    WindowScaling::None | WindowScaling::Center => 1.0,
                };
                for (slot, x) in slots.zip(values()) {
                    *slot = (x - mean) / divisor;
                }
            }
        }
    }

    /// Writes the score of each point, given those of the regular windows, of the last one, and
    /// of the points before the first whole window.
    pub(super) fn points(&self, windows: &[f64], last: Option<f64>, neutral: f64, out: &mut [f64]) {
        let Shape { window, stride, .. } = self.shape;
        if self.shape.causal {
            for (row, slot) in out.iter_mut().enumerate() {
                let ended = (row + 1).checked_sub(window).map(|start| start / stride);
                let score = ended.and_then(|latest| windows.get(latest).or(windows.last()));
                *slot = score.copied().unwrap_or(neutral);
            }
            return;
        }
        let last_start = self.last_start().unwrap_or(usize::MAX);
        let mut cover = SlidingSum::new(windows);
        for (row, slot) in out.iter_mut().enumerate() {
            let first = (row + 1).saturating_sub(window).div_ceil(stride);
            let end = (row / stride + 1).min(windows.len());
            let mut sum = cover.between(first.min(end), end);
            let mut count = end.saturating_sub(first);
            if let Some(last) = last.filter(|_| row >= last_start) {
                sum += last;
                count += 1;
            }
            *slot = (sum / count.max(1) as f64).clamp(f64::MIN, f64::MAX);
        }
    }
}

/// The least divisors of standardised windows of `x`, column by column.
pub(super) fn floors(x: &ArrayView2<'_, f64>) -> Vec<f64> {
    let floor = |spread: f64| {
        let floor = FLOOR * spread;
        if floor > 0.0 { floor } else { 1.0 }
    };
    let columns = x.columns().into_iter();
    columns
        .map(|column| floor(mean_and_std(column.iter().copied()).1))
        .collect()
}

/// Mean and standard deviation over n of values whose differences are finite.
fn mean_and_std(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    // Around one of the values an offset costs no digits.
    let origin = values.clone().next().unwrap_or(0.0);
    let mean = values.clone().map(|x| (x - origin) / count).sum::<f64>();
    let largest = values
        .clone()
        .map(|x| (x - origin - mean).abs())
        .fold(0.0, f64::max);
    if largest == 0.0 {
        return (origin + mean, 0.0);
    }
    let squares = values.map(|x| ((x - origin - mean) / largest).powi(2));
    (
        origin + mean,
        (squares.sum::<f64>() / count).sqrt() * largest,
    )
}

/// Sums over ranges whose ends only move forward. Nothing is subtracted, so that a huge score
/// leaves no trace once it has left the range.
struct SlidingSum<'a> {
    values: &'a [f64],
    first: usize,
    end: usize,
    /// Sums from each of the older values to where the newer ones begin, nearest first.
    older: Vec<f64>,
    newer: f64,
}

impl<'a> SlidingSum<'a> {
    const fn new(values: &'a [f64]) -> Self {
        Self {
            values,
            first: 0,
            end: 0,
            older: Vec::new(),
            newer: 0.0,
        }
    }

    fn between(&mut self, first: usize, end: usize) -> f64 {
        let new = self.values.get(self.end..end).unwrap_or_default();
        self.newer += new.iter().sum::<f64>();
        self.end = self.end.max(end);
        while self.first < first {
            if self.older.is_empty() {
                let held = self.values.get(self.first..self.end).unwrap_or_default();
                let mut sum = 0.0;
                self.older.extend(held.iter().rev().map(|value| {
                    sum += value;
                    sum
                }));
                self.newer = 0.0;
            }
            self.older.pop();
            self.first += 1;
        }
        self.older.last().copied().unwrap_or(0.0) + self.newer
    }
}
