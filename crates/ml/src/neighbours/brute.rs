//! Comparison with all rows by matrix products, for features in which no box can be left out.

use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{ArrayView2, ArrayViewMut2};

use super::metric::{Euclidean, Measure as _};
use super::nearest::Neighbour;
use super::search::Scratch;
use super::{LANES, NeighbourIndex};

/// Blocks of rows that one matrix product covers.
const BLOCKS: usize = 8;
/// Rows that one matrix product covers.
const TILE: usize = BLOCKS * LANES;

/// Room for one matrix product; reused from product to product.
#[derive(Debug, Default)]
pub(super) struct Products {
    /// Queries less the centre, each followed by 1.
    queries: Vec<f64>,
    /// Rows less the centre and times -2, each followed by its squared length.
    rows: Vec<f64>,
    /// For each query and row the squared length of the row less twice the product of both.
    products: Vec<f64>,
}

impl NeighbourIndex {
    /// Finds the rows nearest to each query in `scratch`. `near`: a block that is likely to hold
    /// neighbours.
    ///
    /// `|a - b|^2 = |a|^2 + |b|^2 - 2ab` cancels: it only tells which rows can be neighbours, with
    /// a margin for its error. Their distances are then computed as in every other search.
    #[inline(always)]
    pub(super) fn compare_all(&self, near: usize, scratch: &mut Scratch) {
        let d = self.features;
        scratch.clear_several();
        let Scratch {
            queries,
            skips,
            several,
            products: room,
            ..
        } = scratch;
        room.queries.clear();
        for query in queries.chunks(d) {
            let centred = query.iter().zip(&self.centre).map(|(x, c)| x - c);
            room.queries.extend(centred);
            room.queries.push(1.0);
        }
        let tiles = self.ids.len().div_ceil(TILE);
        let first = near / BLOCKS;
        for tile in (first..tiles).chain(0..first) {
            let longest = self.multiply(tile, skips.len(), room);
            let lanes = tile * TILE..self.ids.len().min((tile + 1) * TILE);
            let rows = self.ids.get(lanes.clone()).unwrap_or_default();
            let answers = queries.chunks(d).zip(several.iter_mut()).zip(&*skips);
            let tables = room
                .queries
                .chunks(d + 1)
                .zip(room.products.chunks(rows.len()));
            for (((query, nearest), &skip), (centred, products)) in answers.zip(tables) {
                let length: f64 = centred.iter().take(d).map(|x| x * x).sum();
                let reach = length.sqrt() + longest;
                let margin = (2 * d + 16) as f64 * f64::EPSILON * reach * reach;
                let mut limit = nearest.last().distance - length + margin;
                let (blocks, _) = products.as_chunks::<LANES>();
                let blocks = blocks.iter().zip(rows.chunks(LANES));
                for (lanes, (products, rows)) in lanes.clone().step_by(LANES).zip(blocks) {
                    // Written so that a product that is not a number is looked at.
                    let far = products.iter().fold(true, |all, &p| all & (p > limit));
                    if far {
                        continue;
                    }
                    for (place, (&product, &row)) in (lanes..).zip(products.iter().zip(rows)) {
                        if product > limit || row == skip {
                            continue;
                        }
                        let pairs = self.lane(place).zip(query);
                        let distance = pairs.fold(0.0, |sum, (x, q)| Euclidean::add(sum, x - q));
                        let candidate = Neighbour { distance, row };
                        if candidate.before(nearest.last()) {
                            nearest.offer(candidate);
                            limit = nearest.last().distance - length + margin;
                        }
                    }
                }
            }
        }
    }

    /// Fills the products of a tile of rows with `queries` queries; gives the length of the longest
    /// of the rows.
    #[inline(always)]
    fn multiply(&self, tile: usize, queries: usize, room: &mut Products) -> f64 {
        let d = self.features;
        let size = LANES * d;
        let mut longest = 0.0_f64;
        room.rows.clear();
        for block in self.blocks.chunks(size).skip(tile * BLOCKS).take(BLOCKS) {
            let start = room.rows.len();
            room.rows.resize(start + LANES * (d + 1), 0.0);
            let rows = room.rows.get_mut(start..).unwrap_or_default();
            let (lanes, _) = block.as_chunks::<LANES>();
            let mut lengths = [0.0; LANES];
            for (feature, (lanes, centre)) in lanes.iter().zip(&self.centre).enumerate() {
                let slots = rows.iter_mut().skip(feature).step_by(d + 1);
                for ((slot, length), x) in slots.zip(&mut lengths).zip(lanes) {
                    let centred = x - centre;
                    *slot = -2.0 * centred;
                    *length += centred * centred;
                }
            }
            let slots = rows.iter_mut().skip(d).step_by(d + 1);
            for (slot, length) in slots.zip(lengths) {
                *slot = length;
                longest = longest.max(if length.is_finite() { length } else { 0.0 });
            }
        }
        let rows = room.rows.len() / (d + 1);
        room.products.resize(queries * rows, 0.0);
        let shape = |len| (len, d + 1);
        let a = ArrayView2::from_shape(shape(queries), &room.queries);
        let b = ArrayView2::from_shape(shape(rows), &room.rows);
        let out = ArrayViewMut2::from_shape((queries, rows), &mut room.products);
        if let (Ok(a), Ok(b), Ok(mut out)) = (a, b, out) {
            general_mat_mul(1.0, &a, &b.t(), 0.0, &mut out);
        }
        longest.sqrt()
    }
}
