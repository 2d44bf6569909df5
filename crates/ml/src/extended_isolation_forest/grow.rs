use bongsu_core::ndarray::ArrayView2;
use rand_pcg::Pcg64;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::ExtendedIsolationForest;
use super::planes::{Record, is_before};
use crate::isolation_forest::subsample::Subsampler;
use crate::random;

/// Grows every tree on `psi` rows, in parallel, with planes through `width` features.
pub(super) fn forest(
    config: &ExtendedIsolationForest,
    x: &ArrayView2<'_, f64>,
    psi: usize,
    width: usize,
) -> Vec<Vec<Record>> {
    let max_depth = psi.max(2).next_power_of_two().ilog2();
    (0..config.trees)
        .into_par_iter()
        .map_init(
            || Subsampler::new(x.nrows()),
            |subsampler, tree| {
                let mut rng = random::generator(config.seed, tree);
                subsampler.draw(psi, false, &mut rng);
                let mut values = Vec::with_capacity(psi * x.ncols());
                for &row in subsampler.rows() {
                    values.extend(x.row(row));
                }
                let rows = values.chunks_exact(x.ncols()).collect();
                grow(rows, max_depth, width, &mut rng)
            },
        )
        .collect()
}

/// Grows a tree level by level on `rows`.
fn grow(rows: Vec<&[f64]>, max_depth: u32, width: usize, rng: &mut Pcg64) -> Vec<Record> {
    let mut rows = rows;
    let mut records = Vec::with_capacity(2 * rows.len());
    // Children are appended while this runs: the list is the queue.
    let mut open = vec![(0, rows.len(), 0)];
    while let Some(&(start, end, depth)) = open.get(records.len()) {
        let inside = rows.get_mut(start..end).unwrap_or_default();
        let plane = if depth < max_depth {
            draw_plane(inside, width, rng)
        } else {
            None
        };
        let Some((terms, offset)) = plane else {
            records.push(Record::Leaf(inside.len() as u32));
            continue;
        };
        let mut before = 0;
        for at in 0..inside.len() {
            if inside
                .get(at)
                .is_some_and(|row| is_before(&terms, offset, row))
            {
                inside.swap(at, before);
                before += 1;
            }
        }
        open.push((start, start + before, depth + 1));
        open.push((start + before, end, depth + 1));
        records.push(Record::Split { terms, offset });
    }
    records
}

/// A plane through a point of the box around `rows`, along `width` of the features that vary, or
/// all of these when there are fewer; `None` when no feature varies.
fn draw_plane(rows: &[&[f64]], width: usize, rng: &mut Pcg64) -> Option<(Vec<(u32, f64)>, f64)> {
    let first = *rows.first()?;
    let mut columns: Vec<usize> = (0..first.len()).collect();
    let mut terms = Vec::with_capacity(width);
    let mut offset = 0.0;
    for untried in (1..=columns.len()).rev() {
        if terms.len() == width {
            break;
        }
        columns.swap(random::below(rng, untried), untried - 1);
        let column = *columns.get(untried - 1)?;
        let values = rows.iter().filter_map(|row| row.get(column));
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for &x in values {
            least = least.min(x);
            greatest = greatest.max(x);
        }
        if least < greatest {
            let weight = normal(rng);
            let share = random::unit(rng);
            // Not `least + share * (greatest - least)`: the difference may overflow.
            offset += weight * (least * (1.0 - share) + greatest * share);
            terms.push((column as u32, weight));
        }
    }
    // Only values near the largest float leave the range of floats.
    (!terms.is_empty() && offset.is_finite()).then_some((terms, offset))
}

/// A standard normal number (Box and Muller 1958, doi 10.1214/aoms/1177706645).
fn normal(rng: &mut Pcg64) -> f64 {
    // In (0, 1], so that the logarithm is finite.
    let u = 1.0 - random::unit(rng);
    let v = random::unit(rng);
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
