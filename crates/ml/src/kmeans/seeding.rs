//! Greedy k-means++.

use bongsu_core::ndarray::Array2;
use rand_pcg::Pcg64;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSlice as _;

use super::panel::{LANES, Lane, Table, block_panels, nearer};
use crate::random;

/// At most `clusters` rows as first centres; fewer when fewer rows differ.
pub(super) fn centers(table: &Table<'_>, clusters: usize, rng: &mut Pcg64) -> Array2<f64> {
    let candidates = 2 + (clusters as f64).ln() as usize;
    let mut chosen = Vec::new();
    let mut potential = Potential::unbounded(table);
    let mut trials = vec![potential.clone(); candidates];
    let mut drawn = vec![random::below(rng, table.rows())];
    for _ in 0..clusters {
        let tried = rows(table, &drawn);
        potential.try_rows(table, &tried, &mut trials);
        let sums = trials.iter().take(drawn.len()).map(Potential::total);
        let Some((best, _)) = sums.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
            break;
        };
        chosen.extend(
            tried
                .chunks_exact(table.columns())
                .nth(best)
                .into_iter()
                .flatten(),
        );
        if let Some(trial) = trials.get_mut(best) {
            std::mem::swap(&mut potential, trial);
        }
        let Some(draw) = Draw::new(&potential) else {
            break;
        };
        drawn = (0..candidates)
            .map(|_| draw.row(random::unit(rng)))
            .collect();
    }
    let shape = (chosen.len() / table.columns(), table.columns());
    Array2::from_shape_vec(shape, chosen).unwrap_or_default()
}

/// These rows one after the other.
fn rows(table: &Table<'_>, places: &[usize]) -> Vec<f64> {
    let mut rows = vec![0.0; places.len() * table.columns()];
    for (row, place) in rows.chunks_exact_mut(table.columns()).zip(places) {
        table.copy_row(*place, row);
    }
    rows
}

/// The squared distance of each row to its nearest centre.
#[derive(Debug, Clone)]
struct Potential {
    rows: Vec<Lane>,
    /// The sum over each panel.
    sums: Vec<f64>,
}

impl Potential {
    /// Before there is a centre. The padding of the last panel counts nothing.
    fn unbounded(table: &Table<'_>) -> Self {
        let mut rows = vec![[0.0; LANES]; table.panels()];
        for row in rows.as_flattened_mut().iter_mut().take(table.rows()) {
            *row = f64::INFINITY;
        }
        Self {
            sums: vec![0.0; rows.len()],
            rows,
        }
    }

    fn total(&self) -> f64 {
        self.sums.iter().sum()
    }

    /// Writes to `trials` what remains of this potential with each of the `tried` rows as one more
    /// centre.
    fn try_rows(&self, table: &Table<'_>, tried: &[f64], trials: &mut [Self]) {
        let size = block_panels(table.columns());
        let mut blocks: Vec<Vec<(&mut [Lane], &mut [f64])>> = Vec::new();
        blocks.resize_with(table.panels().div_ceil(size), Vec::new);
        for trial in trials {
            let parts = trial.rows.chunks_mut(size).zip(trial.sums.chunks_mut(size));
            for (block, part) in blocks.iter_mut().zip(parts) {
                block.push(part);
            }
        }
        blocks
            .into_par_iter()
            .zip(self.rows.par_chunks(size))
            .enumerate()
            .for_each_init(
                || table.room().0,
                |room, (block, (mut trials, bounds))| {
                    for (place, bounds) in bounds.iter().enumerate() {
                        let panel = table.panel(block * size + place, room);
                        let tried = tried.chunks_exact(table.columns());
                        for (center, (rows, sums)) in tried.zip(&mut trials) {
                            if let (Some(out), Some(sum)) =
                                (rows.get_mut(place), sums.get_mut(place))
                            {
                                *sum = nearer(panel, center, bounds, out);
                            }
                        }
                    }
                },
            );
    }
}

/// Draws rows with probabilities in proportion to a potential.
struct Draw<'a> {
    potential: &'a Potential,
    /// Sums over the panels up to each.
    sums: Vec<f64>,
    total: f64,
}

impl<'a> Draw<'a> {
    /// Nothing when every row is a centre.
    fn new(potential: &'a Potential) -> Option<Self> {
        let mut total = 0.0;
        let sums = potential.sums.iter().map(|sum| {
            total += sum;
            total
        });
        let sums = sums.collect();
        (total > 0.0).then_some(Self {
            potential,
            sums,
            total,
        })
    }

    /// The row at the share `at` of the whole, below 1. Never one without potential, which is a
    /// centre already.
    fn row(&self, at: f64) -> usize {
        let at = at * self.total;
        // Where rounding leads past the end, the last panel that counts.
        let within = self.sums.partition_point(|sum| *sum <= at);
        let last = self.sums.partition_point(|sum| *sum < self.total);
        let panel = within.min(last);
        let before = panel.checked_sub(1).and_then(|p| self.sums.get(p));
        let mut left = at - before.copied().unwrap_or(0.0);
        let mut row = panel * LANES;
        let lanes = self.potential.rows.get(panel);
        for (lane, potential) in lanes.into_iter().flatten().enumerate() {
            if *potential > 0.0 {
                row = panel * LANES + lane;
                left -= potential;
                if left < 0.0 {
                    break;
                }
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_potential_are_never_drawn() {
        let mut rows = vec![[0.0; LANES]; 4];
        (rows[1][3], rows[1][7], rows[2][0]) = (1.0, 2.0, 1.0);
        let sums = rows.iter().map(|lanes| lanes.iter().sum()).collect();
        let potential = Potential { rows, sums };
        let draw = Draw::new(&potential).unwrap();
        let shares = [0.0, 0.24, 0.25, 0.74, 0.75, 0.999, 1.0];
        assert_eq!(shares.map(|at| draw.row(at)), [19, 19, 23, 23, 32, 32, 32]);
        let none = Potential {
            rows: vec![[0.0; LANES]],
            sums: vec![0.0],
        };
        assert!(Draw::new(&none).is_none());
    }
}
