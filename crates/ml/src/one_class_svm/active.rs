//! The rows that the solver works on, and its inner loops.

use super::cache::{Cache, KernelRow};
use super::lanes::{Function, LANES, Lane, Panels};
use super::solver::Limits;
use crate::vector::widest;

/// Panels of which one least gradient is remembered, to find the row again without a full search.
const BLOCK: usize = 16;

/// The rows that the solver works on. Arrays are padded to whole panels; the padding has weight 1
/// and is in no list, so that it is never chosen.
#[derive(Debug)]
pub(super) struct ActiveSet {
    function: Function,
    /// The number of each row in the whole table, ascending.
    rows: Vec<usize>,
    points: Panels,
    diagonal: Vec<f64>,
    weights: Vec<f64>,
    gradient: Vec<f64>,
    /// The rows with a weight above 0, in no order, and where each row is in that list.
    positive: Vec<u32>,
    place: Vec<u32>,
    /// The least gradient of each block among rows with a weight below 1.
    least: Vec<f64>,
    cache: Cache,
    point: Vec<f64>,
}

/// Not in the list.
const ABSENT: u32 = u32::MAX;

impl ActiveSet {
    pub(super) fn new(
        function: Function,
        rows: Vec<usize>,
        points: Panels,
        weights: Vec<f64>,
        gradient: Vec<f64>,
        limits: &Limits,
    ) -> Self {
        let cache = Cache::new(rows.len(), points.panels(), limits.cache_bytes);
        Self::with_cache(function, rows, points, weights, gradient, cache)
    }

    fn with_cache(
        function: Function,
        rows: Vec<usize>,
        points: Panels,
        mut weights: Vec<f64>,
        mut gradient: Vec<f64>,
        cache: Cache,
    ) -> Self {
        let mut point = vec![0.0; points.features()];
        let mut diagonal = Vec::with_capacity(rows.len());
        let (mut positive, mut place) = (Vec::new(), Vec::with_capacity(rows.len()));
        for (i, &weight) in (0..rows.len()).zip(&weights) {
            points.copy_row(i, &mut point);
            diagonal.push(function.of_itself(&point));
            place.push(if weight > 0.0 {
                positive.push(i as u32);
                positive.len() as u32 - 1
            } else {
                ABSENT
            });
        }
        let padded = points.panels() * LANES;
        weights.resize(padded, 1.0);
        gradient.resize(padded, 0.0);
        let mut set = Self {
            function,
            rows,
            least: vec![f64::INFINITY; points.panels().div_ceil(BLOCK)],
            points,
            diagonal,
            weights,
            gradient,
            positive,
            place,
            cache,
            point,
        };
        set.renew_least();
        set
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn largest_diagonal(&self) -> f64 {
        self.diagonal.iter().copied().fold(0.0, f64::max)
    }

    /// Weight and gradient of each row.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        let weights = self.weights.iter().copied();
        weights.zip(self.gradient.iter().copied()).take(self.len())
    }

    /// The number of each row in the whole table, and its weight.
    pub(super) fn numbered_weights(&self) -> impl Iterator<Item = (usize, f64)> {
        self.rows.iter().copied().zip(self.weights.iter().copied())
    }

    /// The number of each row in the whole table, and its gradient.
    pub(super) fn numbered_gradient(&self) -> impl Iterator<Item = (usize, f64)> {
        self.rows.iter().copied().zip(self.gradient.iter().copied())
    }

    pub(super) fn into_weights(mut self) -> Vec<f64> {
        self.weights.truncate(self.rows.len());
        self.weights
    }

    /// By how much the worst pair of rows breaks optimality: the largest gradient of a row that can
    /// give weight minus the least one of a row that can take it.
    pub(super) fn gap(&self) -> f64 {
        self.largest_giver() - self.least_taker()
    }

    fn least_taker(&self) -> f64 {
        self.least.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn largest_giver(&self) -> f64 {
        let gradients = self
            .positive
            .iter()
            .map(|&t| at(&self.gradient, t as usize));
        gradients.fold(f64::NEG_INFINITY, f64::max)
    }

    /// Moves weight within the best pair; false when there is none or its weights cannot change.
    pub(super) fn step(&mut self, least_curvature: f64) -> bool {
        let Some(taker) = self.taker() else {
            return false;
        };
        let point = &mut self.point;
        let (points, function) = (&self.points, self.function);
        let mut compute = |row: usize, values: &mut KernelRow| {
            points.copy_row(row, point);
            function.row(point, points, values);
        };
        let kernel = self.cache.get(taker, |values| compute(taker, values));
        let bound = at(&self.gradient, taker);
        let own = at(&self.diagonal, taker);
        let curvature = |t: usize| {
            let k = kernel.as_flattened().get(t).copied().unwrap_or(0.0);
            (own + at(&self.diagonal, t) - 2.0 * k).max(least_curvature)
        };
        let (mut best, mut most, mut shape) = (None, 0.0, 1.0);
        for &t in &self.positive {
            let t = t as usize;
            let excess = at(&self.gradient, t) - bound;
            if excess > 0.0 {
                let curvature = curvature(t);
                let decrease = excess * excess / curvature;
                if decrease > most {
                    (best, most, shape) = (Some(t), decrease, curvature);
                }
            }
        }
        let Some(giver) = best else {
            return false;
        };
        self.cache.get(giver, |values| compute(giver, values));
        let (take, give) = (at(&self.weights, taker), at(&self.weights, giver));
        let wanted = (at(&self.gradient, giver) - bound) / shape;
        let (taken, given) = moved(take, give, wanted);
        if taken.to_bits() == take.to_bits() && given.to_bits() == give.to_bits() {
            return false;
        }
        self.set_weight(taker, taken);
        self.set_weight(giver, given);
        self.update([(taker, taken - take), (giver, given - give)]);
        true
    }

    /// The row with the least gradient among those with a weight below 1.
    fn taker(&self) -> Option<usize> {
        let least = self.least_taker();
        let block = self.least.iter().position(|&l| l == least)?;
        let start = block * BLOCK * LANES;
        let weights = self.weights.get(start..)?;
        let mut pairs = self.gradient.get(start..)?.iter().zip(weights);
        let offset = pairs.position(|(&g, &w)| g == least && w < 1.0)?;
        Some(start + offset)
    }

    fn set_weight(&mut self, row: usize, weight: f64) {
        if let Some(slot) = self.weights.get_mut(row) {
            *slot = weight;
        }
        let place = self.place.get(row).copied().unwrap_or(ABSENT);
        if (weight > 0.0) == (place != ABSENT) {
            return;
        }
        let new = if weight > 0.0 {
            self.positive.push(row as u32);
            self.positive.len() as u32 - 1
        } else {
            self.positive.swap_remove(place as usize);
            // The last row of the list has come to where this one was.
            if let Some(&moved) = self.positive.get(place as usize)
                && let Some(slot) = self.place.get_mut(moved as usize)
            {
                *slot = place;
            }
            ABSENT
        };
        if let Some(slot) = self.place.get_mut(row) {
            *slot = new;
        }
    }

    /// Adds two multiples of kernel rows to the gradient.
    fn update(&mut self, [a, b]: [(usize, f64); 2]) {
        let rows = (self.cache.peek(a.0), self.cache.peek(b.0));
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let (gradient, _) = self.gradient.as_chunks_mut::<LANES>();
        add_rows(gradient, weights, rows, (a.1, b.1), &mut self.least);
    }

    fn renew_least(&mut self) {
        let zero = vec![[0.0; LANES]; self.points.panels()];
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let (gradient, _) = self.gradient.as_chunks_mut::<LANES>();
        add_rows(
            gradient,
            weights,
            (&zero, &zero),
            (0.0, 0.0),
            &mut self.least,
        );
    }

    /// The places of the rows that may still change.
    pub(super) fn undecided(&self) -> Vec<usize> {
        let (least, largest) = (self.least_taker(), self.largest_giver());
        let stays = |(_, (weight, gradient)): &(usize, (f64, f64))| {
            !(*weight >= 1.0 && *gradient < least || *weight <= 0.0 && *gradient > largest)
        };
        let places = self.pairs().enumerate().filter(stays);
        places.map(|(place, _)| place).collect()
    }

    /// Keeps the rows at the places `kept`, which ascend; gives numbers, weights and gradients of
    /// the others.
    pub(super) fn narrow(
        &mut self,
        function: Function,
        kept: &[usize],
        limits: &Limits,
    ) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
        let mut points = Panels::new(self.points.features());
        let (mut rows, mut weights, mut gradient) = (Vec::new(), Vec::new(), Vec::new());
        let (mut others, mut their_weights, mut their_gradient) =
            (Vec::new(), Vec::new(), Vec::new());
        let mut point = vec![0.0; self.points.features()];
        let mut keep = kept.iter().copied().peekable();
        for (place, (&row, (weight, slope))) in self.rows.iter().zip(self.pairs()).enumerate() {
            if keep.next_if_eq(&place).is_some() {
                self.points.copy_row(place, &mut point);
                points.push(&point);
                rows.push(row);
                weights.push(weight);
                gradient.push(slope);
            } else {
                others.push(row);
                their_weights.push(weight);
                their_gradient.push(slope);
            }
        }
        let mut cache = std::mem::replace(&mut self.cache, Cache::new(0, 0, 0));
        cache.narrow(kept, points.panels(), limits.cache_bytes);
        *self = Self::with_cache(function, rows, points, weights, gradient, cache);
        (others, their_weights, their_gradient)
    }
}

/// The weights after moving `wanted` from `give` to `take` as far as both stay in [0, 1].
fn moved(take: f64, give: f64, wanted: f64) -> (f64, f64) {
    let room = 1.0 - take;
    if wanted >= room && room <= give {
        (1.0, (give - room).max(0.0))
    } else if wanted >= give {
        ((take + give).min(1.0), 0.0)
    } else {
        (take + wanted, give - wanted)
    }
}

/// Adds `factors` times `rows` to the gradient, and finds the least gradient of each block among
/// rows with a weight below 1.
fn add_rows(
    gradient: &mut [Lane],
    weights: &[Lane],
    rows: (&KernelRow, &KernelRow),
    factors: (f64, f64),
    least: &mut [f64],
) {
    widest(
        #[inline(always)]
        || {
            let blocks = gradient.chunks_mut(BLOCK).zip(weights.chunks(BLOCK));
            let rows = rows.0.chunks(BLOCK).zip(rows.1.chunks(BLOCK));
            for ((out, (gradient, weights)), (a, b)) in least.iter_mut().zip(blocks).zip(rows) {
                let mut lanes = [f64::INFINITY; LANES];
                for (((g, w), a), b) in gradient.iter_mut().zip(weights).zip(a).zip(b) {
                    for ((((l, g), &w), &a), &b) in lanes.iter_mut().zip(g).zip(w).zip(a).zip(b) {
                        *g += factors.0 * a + factors.1 * b;
                        let candidate = if w < 1.0 { *g } else { f64::INFINITY };
                        *l = if candidate < *l { candidate } else { *l };
                    }
                }
                *out = lanes.iter().copied().fold(f64::INFINITY, f64::min);
            }
        },
    );
}

/// The value at `place`; 0 where there is none.
#[inline(always)]
fn at(values: &[f64], place: usize) -> f64 {
    values.get(place).copied().unwrap_or(0.0)
}
