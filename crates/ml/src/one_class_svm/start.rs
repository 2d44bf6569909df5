//! Where the solver starts.

use rayon::prelude::*;

use super::lanes::{Function, LANES, Lane, Panels};

/// Rows that every row is compared with to find those that are unlike the others.
const SAMPLE: usize = 128;

/// Weights that satisfy the constraints: 1 for whole rows until `nu n` is used up.
///
/// With a positive definite kernel the rows with the least kernel sum over an even sample come
/// first: those are the likely support vectors. Otherwise there may be several solutions, and the
/// first rows are taken, as libsvm does, to reach the same one.
pub(super) fn weights(function: Function, points: &Panels, nu: f64) -> Vec<f64> {
    let n = points.len();
    let total = nu * n as f64;
    let whole = (total.floor() as usize).min(n);
    let mut order: Vec<usize> = (0..n).collect();
    if whole < n && is_positive_definite(function) {
        let sample: Vec<usize> = (0..SAMPLE.min(n)).map(|i| i * n / SAMPLE.min(n)).collect();
        let sums = weighted_sums(function, points, &sample, |_| 1.0);
        let key = |&row: &usize| sums.get(row).copied().unwrap_or(0.0);
        let ascending = |a: &usize, b: &usize| key(a).total_cmp(&key(b)).then(a.cmp(b));
        order.select_nth_unstable_by(whole, ascending);
    }
    let mut weights = vec![0.0; n];
    let shares = std::iter::repeat_n(1.0, whole).chain([total - whole as f64]);
    for (row, share) in order.into_iter().zip(shares) {
        if let Some(slot) = weights.get_mut(row) {
            *slot = share;
        }
    }
    weights
}

/// `K weights`.
pub(super) fn gradient(function: Function, points: &Panels, weights: &[f64]) -> Vec<f64> {
    let weight = |row: usize| weights.get(row).copied().unwrap_or(0.0);
    let rows: Vec<usize> = (0..points.len()).filter(|&row| weight(row) > 0.0).collect();
    weighted_sums(function, points, &rows, weight)
}

/// For each of `points` the sum of its kernels with the chosen `rows` times their weights.
fn weighted_sums(
    function: Function,
    points: &Panels,
    rows: &[usize],
    weight: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut chosen = Panels::new(points.features());
    let mut weights: Vec<Lane> = vec![[0.0; LANES]; rows.len().div_ceil(LANES)];
    let mut point = vec![0.0; points.features()];
    for (&row, slot) in rows.iter().zip(weights.as_flattened_mut()) {
        points.copy_row(row, &mut point);
        chosen.push(&point);
        *slot = weight(row);
    }
    let scratch = || vec![0.0; points.features()];
    let sum = |point: &mut Vec<f64>, row: usize| {
        points.copy_row(row, point);
        function.weighted_sum(point, &chosen, &weights)
    };
    (0..points.len())
        .into_par_iter()
        .with_min_len(64)
        .map_init(scratch, sum)
        .collect()
}

fn is_positive_definite(function: Function) -> bool {
    match function {
        Function::Rbf { .. } | Function::Linear => true,
        Function::Poly { coef0, .. } => coef0 >= 0.0,
        Function::Sigmoid { .. } => false,
    }
}
