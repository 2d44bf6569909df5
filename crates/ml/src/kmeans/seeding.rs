//! Greedy k-means++.

use bongsu_core::ndarray::{Array2, ArrayView2, Axis};
use rand_pcg::Pcg64;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::assign::{Normal, Scratch, block_rows, squared_norms};
use crate::random;

/// At most `clusters` rows of `x` as first centres; fewer when fewer rows differ.
pub(super) fn centers(
    normal: &Normal,
    x: &ArrayView2<'_, f64>,
    clusters: usize,
    rng: &mut Pcg64,
) -> Array2<f64> {
    let (n, d) = x.dim();
    let candidates = 2 + (clusters as f64).ln() as usize;
    let mut chosen = Array2::zeros((0, d));
    let first = rows(normal, x, &[random::below(rng, n)]);
    let mut potential = potentials(normal, x, &first, &vec![f64::INFINITY; n]).swap_remove(0);
    append(&mut chosen, &first, 0);
    while chosen.nrows() < clusters {
        let sums: Vec<f64> = potential
            .iter()
            .scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            })
            .collect();
        let total = sums.last().copied().unwrap_or(0.0);
        if total <= 0.0 {
            break;
        }
        let drawn: Vec<usize> = (0..candidates)
            .map(|_| {
                let at = random::unit(rng) * total;
                // A row of no potential is a centre already; it is never drawn.
                sums.partition_point(|sum| *sum <= at).min(n - 1)
            })
            .collect();
        let tried = rows(normal, x, &drawn);
        let trials = potentials(normal, x, &tried, &potential);
        let inertia = |trial: &Vec<f64>| trial.iter().sum::<f64>();
        let best = trials
            .into_iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| inertia(a).total_cmp(&inertia(b)));
        let Some((index, least)) = best else {
            break;
        };
        append(&mut chosen, &tried, index);
        potential = least;
    }
    chosen
}

/// The rows of `x` at these places, normalised.
fn rows(normal: &Normal, x: &ArrayView2<'_, f64>, places: &[usize]) -> Array2<f64> {
    let mut table = x.select(Axis(0), places);
    for mut row in table.rows_mut() {
        let raw = row.to_owned();
        if let Some(slot) = row.as_slice_mut() {
            normal.write(&raw.view(), slot);
        }
    }
    table
}

fn append(chosen: &mut Array2<f64>, tried: &Array2<f64>, index: usize) {
    if let Some(row) = tried.rows().into_iter().nth(index) {
        // Both have the columns of the table.
        let _ = chosen.push_row(row);
    }
}

/// For each of the `tried` centres the squared distance of each row to the nearest centre, were
/// it added to those that gave `potential`.
fn potentials(
    normal: &Normal,
    x: &ArrayView2<'_, f64>,
    tried: &Array2<f64>,
    potential: &[f64],
) -> Vec<Vec<f64>> {
    let norms = squared_norms(tried);
    let size = block_rows(x.ncols());
    let blocks: Vec<_> = x
        .axis_chunks_iter(Axis(0), size)
        .zip(potential.chunks(size))
        .collect();
    let trials: Vec<Vec<Vec<f64>>> = blocks
        .into_par_iter()
        .map_init(
            || Scratch::new(size.min(x.nrows()), x.ncols(), tried.nrows()),
            |scratch, (rows, potential)| {
                for (row, mut slot) in rows.rows().into_iter().zip(scratch.rows.rows_mut()) {
                    normal.write(&row, slot.as_slice_mut().unwrap_or_default());
                }
                let mut trials = vec![Vec::with_capacity(rows.nrows()); tried.nrows()];
                let mut old = potential.iter();
                scratch.distances(rows.nrows(), &tried.view(), &norms, |_, row, distances| {
                    let old = old.next().copied().unwrap_or(0.0);
                    // Equal rows are at no distance, whatever rounding says.
                    let rounding = 1e-14 * row.iter().map(|v| v * v).sum::<f64>();
                    for (trial, distance) in trials.iter_mut().zip(distances) {
                        let distance = if *distance <= rounding {
                            0.0
                        } else {
                            *distance
                        };
                        trial.push(distance.min(old));
                    }
                });
                trials
            },
        )
        .collect();
    let mut whole = vec![Vec::with_capacity(x.nrows()); tried.nrows()];
    for block in trials {
        for (whole, part) in whole.iter_mut().zip(block) {
            whole.extend(part);
        }
    }
    whole
}
