//! The least of a quadratic function plus magnitudes, exactly, by a search over signs.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// `0.5 (x - x0)' S (x - x0) - c' (x - x0) + weight |x|`, with `S` positive semidefinite.
#[derive(Debug)]
pub(super) struct Lasso<'a> {
    pub(super) curvature: &'a DMatrix<f64>,
    pub(super) slope: &'a DVector<f64>,
    pub(super) origin: &'a DVector<f64>,
    pub(super) weight: f64,
}

impl Lasso<'_> {
    /// Its least point, searched from `start`.
    ///
    /// With the signs of the free coordinates given the function is quadratic: the search goes to
    /// its least point, or to the first coordinate on the way that becomes 0, which is then held
    /// there. At the least point of the free coordinates the one whose freedom would help most is
    /// freed. Every step makes the function smaller, so no set of signs comes twice. Source: the
    /// feature-sign search of Lee, Battle, Raina & Ng 2006 (NIPS 19).
    #[allow(
        clippy::indexing_slicing,
        reason = "every index is below the number of coordinates"
    )]
    pub(super) fn solve(&self, start: DVector<f64>) -> DVector<f64> {
        let mut x = start;
        let mut free: Vec<(usize, f64)> = (0..x.len())
            .filter(|&i| x[i] != 0.0)
            .map(|i| (i, x[i].signum()))
            .collect();
        let mut last_freed = None;
        for _ in 0..50 * x.len() + 50 {
            if self.descend(&mut x, &mut free) {
                continue;
            }
            let gradient = self.curvature * (&x - self.origin) - self.slope;
            let held = (0..x.len()).filter(|i| x[*i] == 0.0 && Some(*i) != last_freed);
            let worst = held.max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs()));
            match worst {
                Some(i) if gradient[i].abs() > self.weight * (1.0 + 1e-9) => {
                    free.push((i, -gradient[i].signum()));
                    last_freed = Some(i);
                }
                _ => break,
            }
        }
        x
    }

    /// Moves the free coordinates to their least point; true where one became 0 on the way, which is
    /// no longer free then.
    #[allow(
        clippy::indexing_slicing,
        reason = "free coordinates are below the number of coordinates"
    )]
    fn descend(&self, x: &mut DVector<f64>, free: &mut Vec<(usize, f64)>) -> bool {
        if free.is_empty() {
            return false;
        }
        // The gradient of the free coordinates, with their signs as they are.
        let offset = &*x - self.origin;
        let size = free.len();
        let mut gradient = DVector::zeros(size);
        let mut curvature = DMatrix::zeros(size, size);
        for (a, &(i, sign)) in free.iter().enumerate() {
            let own = self.curvature.column(i).dot(&offset);
            gradient[a] = own - self.slope[i] + self.weight * sign;
            for (b, &(j, _)) in free.iter().enumerate() {
                curvature[(a, b)] = self.curvature[(i, j)];
            }
        }
        let Some(factor) = factor(&curvature) else {
            return false;
        };
        let step = -factor.solve(&gradient);
        // How far until a coordinate leaves its sign.
        let mut first: Option<(usize, f64)> = None;
        for (a, &(i, sign)) in free.iter().enumerate() {
            let target = x[i] + step[a];
            if target * sign <= 0.0 {
                let share = if x[i] == 0.0 { 0.0 } else { -x[i] / step[a] };
                if first.is_none_or(|(_, least)| share < least) {
                    first = Some((a, share));
                }
            }
        }
        let share = first.map_or(1.0, |(_, share)| share);
        for (a, &(i, _)) in free.iter().enumerate() {
            x[i] += share * step[a];
        }
        let Some((a, _)) = first else { return false };
        let (i, _) = free.swap_remove(a);
        x[i] = 0.0;
        true
    }
}

/// The Cholesky factor of a positive semidefinite matrix, its diagonal enlarged by as little as that
/// needs.
#[allow(clippy::indexing_slicing, reason = "the diagonal of a square matrix")]
fn factor(matrix: &DMatrix<f64>) -> Option<Cholesky<f64, Dyn>> {
    let most = matrix
        .diagonal()
        .iter()
        .fold(0.0, |m: f64, x| m.max(x.abs()));
    for share in [0.0, 1e-14, 1e-12, 1e-10, 1e-8] {
        let mut trial = matrix.clone();
        for i in 0..trial.nrows() {
            trial[(i, i)] += share * (most + trial[(i, i)]);
        }
        if let Some(factor) = Cholesky::new(trial) {
            return Some(factor);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    /// Cyclic descent, as slow as it is simple.
    fn by_coordinates(problem: &Lasso<'_>) -> DVector<f64> {
        let mut x: DVector<f64> = problem.origin.clone();
        for _ in 0..20_000 {
            for i in 0..x.len() {
                let gradient = (problem.curvature.column(i)).dot(&(&x - problem.origin));
                let own = problem.curvature[(i, i)];
                let target = own * x[i] - (gradient - problem.slope[i]);
                x[i] = (target.abs() - problem.weight).max(0.0) * target.signum() / own;
            }
        }
        x
    }

    #[test]
    fn it_is_the_least_point() {
        let size = 6;
        let noise = |i: usize| ((i * i * 7919 + 13 * i) % 101) as f64 / 50.0 - 1.0;
        for case in 0..20 {
            let half = DMatrix::from_fn(9, size, |i, j| noise(case * 61 + i * size + j));
            let curvature = half.transpose() * &half;
            let slope = DVector::from_fn(size, |i, _| 3.0 * noise(1000 + case * 7 + i));
            let origin = DVector::from_fn(size, |i, _| noise(2000 + case * 5 + i));
            for weight in [1e-6, 0.3, 2.0, 1e3] {
                let problem = Lasso {
                    curvature: &curvature,
                    slope: &slope,
                    origin: &origin,
                    weight,
                };
                let expected = by_coordinates(&problem);
                for start in [origin.clone(), DVector::zeros(size)] {
                    let found = problem.solve(start);
                    assert!((&found - &expected).amax() < 1e-6, "{found} {expected}");
                }
            }
        }
    }
}
