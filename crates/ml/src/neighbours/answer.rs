use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use rayon::prelude::{IndexedParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};

use super::metric::{Chebyshev, Euclidean, Manhattan, Measure};
use super::nearest::Neighbour;
use super::search::Scratch;
use super::{LANES, MAX_NEIGHBOURS, Metric, NeighbourIndex, Neighbours};
use crate::check;
use crate::vector::widest;

/// Queries that one task answers.
const TASK: usize = 8 * LANES;

/// Queries from which on a matrix product is worth its preparation.
const SEVERAL: usize = 16;

impl NeighbourIndex {
    /// The `k` rows nearest to each row of `queries`. A query that equals a row of the index has
    /// that row as its nearest.
    ///
    /// `k`: domain [1, min(rows, 10000)].
    ///
    /// # Errors
    /// When `k` is outside its domain, or `queries` has another number of columns or a value that
    /// is not finite.
    ///
    /// Cost: see [`NeighbourIndex`]; queries are shared out among threads. 12 `k` bytes a query.
    pub fn nearest(&self, queries: &ArrayView2<'_, f64>, k: usize) -> Result<Neighbours> {
        check::count("k", k, 1, self.len().min(MAX_NEIGHBOURS))?;
        if queries.ncols() != self.features {
            let found = queries.ncols();
            return Err(Error::shape("number of features", found, self.features));
        }
        check::finite(queries)?;
        let mut neighbours = Neighbours::room(queries.nrows(), k);
        let Neighbours {
            distances, rows, ..
        } = &mut neighbours;
        let tasks = distances.par_chunks_mut(k * TASK);
        let tasks = tasks.zip(rows.par_chunks_mut(k * TASK));
        tasks.enumerate().for_each_init(
            || Scratch::new(k),
            |scratch, (task, (distances, rows))| {
                self.load(queries, task, scratch);
                let mut slots = distances.chunks_mut(k).zip(rows.chunks_mut(k));
                self.answer(0, scratch, |found| store(found, slots.next()));
            },
        );
        Ok(neighbours)
    }

    /// The `k` rows nearest to each row of the index, itself left out.
    ///
    /// `k`: domain [1, min(rows - 1, 10000)].
    ///
    /// # Errors
    /// When `k` is outside its domain.
    ///
    /// Cost: see [`NeighbourIndex`]; rows are shared out among threads. 24 `k` bytes a row while it
    /// runs, 12 `k` bytes a row after.
    pub fn nearest_others(&self, k: usize) -> Result<Neighbours> {
        check::count("k", k, 1, (self.len() - 1).min(MAX_NEIGHBOURS))?;
        // Neighbours share blocks: in the order of the blocks a task finds what it needs nearby.
        let mut sorted = Neighbours::room(self.len(), k);
        let tasks = sorted.distances.par_chunks_mut(k * TASK);
        let tasks = tasks.zip(sorted.rows.par_chunks_mut(k * TASK));
        tasks.enumerate().for_each_init(
            || Scratch::new(k),
            |scratch, (task, (distances, rows))| {
                self.load_own(task, scratch);
                let mut slots = distances.chunks_mut(k).zip(rows.chunks_mut(k));
                let near = task * TASK / LANES;
                self.answer(near, scratch, |found| store(found, slots.next()));
            },
        );
        let mut out = Neighbours::room(self.len(), k);
        let slots = out.distances.chunks_mut(k).zip(out.rows.chunks_mut(k));
        for (&place, (distances, rows)) in self.places.iter().zip(slots) {
            distances.copy_from_slice(sorted.distances(place as usize));
            rows.copy_from_slice(sorted.rows(place as usize));
        }
        Ok(out)
    }

    /// Writes `judge` of the `k` nearest rows to each row of `queries` (checked, as many as `out`)
    /// to `out`; the rows are judged with their distances, nearest first. `k` is at most the number
    /// of rows.
    pub(crate) fn judge(
        &self,
        queries: &ArrayView2<'_, f64>,
        k: usize,
        out: &mut [f64],
        judge: impl Fn(&[Neighbour]) -> f64 + Sync,
    ) {
        out.par_chunks_mut(TASK).enumerate().for_each_init(
            || Scratch::new(k),
            |scratch, (task, out)| {
                self.load(queries, task, scratch);
                let mut slots = out.iter_mut();
                self.answer(0, scratch, |found| {
                    if let Some(slot) = slots.next() {
                        *slot = judge(found);
                    }
                });
            },
        );
    }

    /// Whether most rows have to be compared with a query anyway: of a few rows, spread over the
    /// tree, each is searched for and the blocks that were looked at are counted.
    pub(super) fn is_dense(&self) -> bool {
        const PROBES: usize = 16;
        let blocks = self.ids.len() / LANES;
        if self.metric != Metric::Euclidean || self.len() < 64 * LANES {
            return false;
        }
        let mut scratch = Scratch::new(20);
        for probe in 0..PROBES {
            let place = probe * self.len() / PROBES;
            scratch.queries.extend(self.lane(place));
            scratch.skips.push(Neighbour::NONE.row);
        }
        self.answer_by::<Euclidean>(0, &mut scratch, |_| ());
        let share = scratch.scanned as f64 / (PROBES * blocks) as f64;
        // From here on the comparison with all rows is faster, as measured.
        share > 0.1 + 3.5 / self.features as f64
    }

    /// Makes the rows of a task the queries.
    fn load(&self, queries: &ArrayView2<'_, f64>, task: usize, scratch: &mut Scratch) {
        scratch.queries.clear();
        scratch.skips.clear();
        for query in queries.outer_iter().skip(task * TASK).take(TASK) {
            // An infinite query is no distance away from the empty parts of a branch: it would be
            // searched for ever.
            let scaled = query
                .iter()
                .map(|x| (x * self.scale).clamp(-f64::MAX, f64::MAX));
            scratch.queries.extend(scaled);
            scratch.skips.push(Neighbour::NONE.row);
        }
    }

    /// Makes rows of the index, in the order of the blocks, the queries.
    fn load_own(&self, task: usize, scratch: &mut Scratch) {
        scratch.queries.clear();
        scratch.skips.clear();
        let places = (task * TASK..self.len()).take(TASK);
        for (place, &row) in places.zip(self.ids.iter().skip(task * TASK)) {
            scratch.queries.extend(self.lane(place));
            scratch.skips.push(row);
        }
    }

    /// Gives `take` the neighbours of each query in `scratch`, in their order. `near`: a block that
    /// is likely to hold neighbours.
    fn answer(&self, near: usize, scratch: &mut Scratch, take: impl FnMut(&[Neighbour])) {
        match self.metric {
            Metric::Euclidean => self.answer_by::<Euclidean>(near, scratch, take),
            Metric::Manhattan => self.answer_by::<Manhattan>(near, scratch, take),
            Metric::Chebyshev => self.answer_by::<Chebyshev>(near, scratch, take),
        }
    }

    fn answer_by<M: Measure>(
        &self,
        near: usize,
        scratch: &mut Scratch,
        mut take: impl FnMut(&[Neighbour]),
    ) {
        let mut finish = |found: &mut [Neighbour]| {
            for neighbour in &mut *found {
                neighbour.distance = M::distance(neighbour.distance) / self.scale;
            }
            take(found);
        };
        let queries = scratch.skips.len();
        if self.dense && queries >= SEVERAL {
            widest(
                #[inline(always)]
                || self.compare_all(near, scratch),
            );
            for nearest in scratch.several.iter_mut().take(queries) {
                finish(nearest.found());
            }
        } else {
            for query in 0..queries {
                widest(
                    #[inline(always)]
                    || self.search::<M>(query, scratch),
                );
                finish(scratch.nearest.found());
            }
        }
    }
}

fn store(found: &[Neighbour], slots: Option<(&mut [f64], &mut [u32])>) {
    let Some((distances, rows)) = slots else {
        return;
    };
    for ((neighbour, distance), row) in found.iter().zip(distances).zip(rows) {
        (*distance, *row) = (neighbour.distance, neighbour.row);
    }
}
