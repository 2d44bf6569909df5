//! Exact nearest neighbours of rows.

mod answer;
mod brute;
mod build;
mod metric;
mod nearest;
mod plain;
mod search;

use bongsu_core::ndarray::{Array1, Array2, ArrayView2};
use bongsu_core::{Error, Result};
use serde::Deserialize;

use crate::check;
use build::Builder;
use plain::PlainIndex;

pub use metric::Metric;
pub(crate) use nearest::Neighbour;

/// Rows that are compared at once.
const LANES: usize = 32;
/// Parts below a branch of the tree.
const FAN: usize = 8;
/// The widest range of a column: sums of as many distances as there can be neighbours stay finite.
const WIDEST: f64 = 1e290;

/// The most neighbours that a search gives.
pub const MAX_NEIGHBOURS: usize = 10_000;

/// Rows arranged so that the nearest of them to a point are found without looking at all.
///
/// Rows are sorted into blocks of 32 by halving the set at the median of the feature that varies
/// most; a tree with 8 boxes a branch lies above the blocks. A search opens the nearest box first,
/// leaves out those that are farther than the neighbours already found, and compares the rows of a
/// block at once, 4 a vector where the processor has AVX2. In many dimensions, where no box can be
/// left out, it is a blocked comparison with all rows that stops within a row as soon as that is
/// too far. Distances are computed from differences of the values themselves: an offset common to
/// all rows costs no digits. The same neighbours, to the last digit, come from every processor and
/// every number of threads.
///
/// Of rows at the same distance the earlier one is nearer. Many identical rows are no slower than
/// others. Columns whose ranges differ by more than a factor of 1e120 lose the differences of the
/// narrower one.
///
/// Cost: O(n d log n) time to build; a search takes O(d log n) in few dimensions and up to O(n d)
/// in many. Memory: about `8.6 d + 9` bytes a row of d features, `8 d` bytes a row in a snapshot, from
/// which the tree is built anew.
///
/// Source: Friedman, Bentley & Finkel 1977, <https://doi.org/10.1145/355744.355745>.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::{NeighbourIndex, Metric};
/// let rows = array![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]];
/// let index = NeighbourIndex::new(&rows.view(), Metric::Euclidean)?;
/// let found = index.nearest(&array![[3.0, 3.0]].view(), 2)?;
/// assert_eq!((found.rows(0), found.distances(0)), (&[1, 0][..], &[1.0, 18.0_f64.sqrt()][..]));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "PlainIndex")]
pub struct NeighbourIndex {
    metric: Metric,
    features: usize,
    /// What values are multiplied by, a power of two: 1 unless their squares would leave the range
    /// of floats.
    scale: f64,
    /// Blocks one after another, in each feature after feature, the rows of the block side by side.
    blocks: Vec<f64>,
    /// The row in each lane of each block.
    ids: Vec<u32>,
    /// The lane, counted over all blocks, of each row.
    places: Vec<u32>,
    branches: Vec<Branch>,
    /// For each branch and feature the least values of its parts, then the largest.
    boxes: Vec<f64>,
    /// The mean of each feature.
    centre: Vec<f64>,
    /// Whether boxes can hardly be left out.
    dense: bool,
}

/// A branch of the tree.
#[derive(Debug, Clone, Copy)]
struct Branch {
    /// Of each part the first row, and the branch or block that holds it.
    children: [(u32, u32); FAN],
}

impl Branch {
    /// Marks a child as a block.
    const LEAF: u32 = 1 << 31;
    const EMPTY: Self = Self {
        children: [(u32::MAX, 0); FAN],
    };
}

/// The nearest rows of each of several queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    distances: Vec<f64>,
    rows: Vec<u32>,
}

impl Neighbours {
    fn room(queries: usize, k: usize) -> Self {
        Self {
            k,
            distances: vec![0.0; queries * k],
            rows: vec![0; queries * k],
        }
    }

    /// How many neighbours each query has.
    #[must_use]
    pub const fn k(&self) -> usize {
        self.k
    }

    /// The rows nearest to a query, nearest first; none when there is no such query.
    #[must_use]
    pub fn rows(&self, query: usize) -> &[u32] {
        self.rows.chunks(self.k).nth(query).unwrap_or_default()
    }

    /// Their distances, ascending.
    #[must_use]
    pub fn distances(&self, query: usize) -> &[f64] {
        self.distances.chunks(self.k).nth(query).unwrap_or_default()
    }

    /// The rows and distances of every query.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        let rows = self.rows.chunks(self.k);
        rows.zip(self.distances.chunks(self.k))
    }
}

impl NeighbourIndex {
    /// Arranges the rows of `x`: at least 1, with at least 1 column, every value finite.
    ///
    /// # Errors
    /// When `x` is not such a table, has 2^31 rows or more, or a column spans more than 1e290.
    pub fn new(x: &ArrayView2<'_, f64>, metric: Metric) -> Result<Self> {
        check::table("a search for neighbours", x, 1)?;
        let values = x.iter().copied().collect();
        Self::of(values, x.ncols(), metric)
    }

    /// Arranges finite `values`, row after row.
    fn of(mut values: Vec<f64>, features: usize, metric: Metric) -> Result<Self> {
        let rows = values.len() / features;
        if rows >= Branch::LEAF as usize {
            return Err(Error::input(format!(
                "there are {rows} rows, but a search for neighbours takes fewer than 2^31"
            )));
        }
        let scale = scale(&values, features)?;
        if scale != 1.0 {
            for value in &mut values {
                *value *= scale;
            }
        }
        let built = Builder::build(&values, features);
        let mut places = vec![0; rows];
        for (place, &row) in (0..).zip(&built.ids) {
            if let Some(slot) = places.get_mut(row as usize) {
                *slot = place;
            }
        }
        let mut index = Self {
            metric,
            features,
            scale,
            centre: centre(&values, features),
            dense: false,
            blocks: built.blocks,
            ids: built.ids,
            places,
            branches: built.branches,
            boxes: built.boxes,
        };
        index.dense = index.is_dense();
        Ok(index)
    }

    /// The number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// Never: an index has at least one row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The number of columns.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.features
    }

    /// The metric.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// The values of a row, which must be one of the index.
    pub(crate) fn row(&self, row: u32) -> impl Iterator<Item = f64> {
        let place = self.places.get(row as usize).copied().unwrap_or_default();
        self.lane(place as usize).map(|value| value / self.scale)
    }

    /// Some rows of the index as a table.
    pub(crate) fn table(&self, rows: &[u32]) -> Array2<f64> {
        let mut table = Array2::zeros((rows.len(), self.features));
        for (mut slots, &row) in table.outer_iter_mut().zip(rows) {
            slots.assign(&Array1::from_iter(self.row(row)));
        }
        table
    }

    /// The scaled values at a place.
    fn lane(&self, place: usize) -> impl Iterator<Item = f64> {
        let (block, lane) = (place / LANES, place % LANES);
        let values = self.blocks.chunks(LANES * self.features).nth(block);
        let lanes = values.unwrap_or_default().iter().skip(lane);
        lanes.step_by(LANES).copied()
    }
}

/// The mean of each feature, near enough to take the offset out of products.
fn centre(values: &[f64], features: usize) -> Vec<f64> {
    let rows = (values.len() / features) as f64;
    let mut centre = vec![0.0; features];
    for row in values.chunks(features) {
        for (mean, value) in centre.iter_mut().zip(row) {
            *mean += value / rows;
        }
    }
    centre
}

/// The power of two that brings squares of differences into the range of floats; 1 when they are
/// within it anyway.
fn scale(values: &[f64], features: usize) -> Result<f64> {
    let mut low = vec![f64::INFINITY; features];
    let mut high = vec![f64::NEG_INFINITY; features];
    for row in values.chunks(features) {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(row) {
            (*low, *high) = (low.min(value), high.max(value));
        }
    }
    let mut widest = 0.0_f64;
    for (feature, (low, high)) in low.iter().zip(&high).enumerate() {
        let range = high - low;
        if range > WIDEST {
            return Err(Error::input(format!(
                "column {feature} spans {range:e}, but neighbours are searched in columns that \
                 span at most {WIDEST:e}; scale the values down first"
            )));
        }
        widest = widest.max(range);
    }
    let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let harmless = f64::from(2.0_f32.powi(100)).powi(4);
    if widest == 0.0 || (1.0 / harmless..=harmless).contains(&widest) {
        return Ok(1.0);
    }
    // Values in columns that do not vary must stay finite too.
    let exponent = (-widest.log2())
        .min(1000.0 - largest.log2())
        .clamp(-1000.0, 1000.0);
    Ok(exponent.floor().exp2())
}
