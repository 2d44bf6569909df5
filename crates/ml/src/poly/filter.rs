/// The filter whose dot product with `n` consecutive values, oldest first, continues their least
/// squares polynomial of degree `power` (below `n`) by one step.
///
/// With orthonormal polynomials `q_k` of the grid it is `sum_k q_k(next) q_k(i)`. They follow the
/// three-term recursion of symmetric grids, `a_(k+1) q_(k+1) = t q_k - a_k q_(k-1)` with
/// `a_k^2 = k^2 (n^2 - k^2) / (4 (4 k^2 - 1))` (discrete Legendre or Gram polynomials).
pub(super) fn prediction(n: usize, power: usize) -> Vec<f64> {
    let count = n as f64;
    let center = 0.5 * (count - 1.0);
    // The grid, and after it the place of the prediction.
    let places: Vec<f64> = (0..=n).map(|i| i as f64 - center).collect();
    let mut before = vec![0.0; n + 1];
    let mut now = vec![count.sqrt().recip(); n + 1];
    let mut filter = vec![0.0; n];
    let mut step = 0.0;
    for k in 0..=power {
        let next = now.last().copied().unwrap_or(0.0);
        for (sum, q) in filter.iter_mut().zip(&now) {
            *sum += next * q;
        }
        let order = (k + 1) as f64;
        let square = order * order;
        let next_step = 0.5 * order * ((count * count - square) / (4.0 * square - 1.0)).sqrt();
        if next_step.is_nan() || next_step <= 0.0 {
            break;
        }
        for ((place, old), new) in places.iter().zip(&mut before).zip(&mut now) {
            let following = (place * *new - step * *old) / next_step;
            *old = *new;
            *new = following;
        }
        step = next_step;
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_continued_exactly() {
        for (n, power) in [(2, 1), (5, 4), (11, 10), (50, 4), (1000, 7), (3, 0)] {
            let filter = prediction(n, power);
            for degree in 0..=power {
                let value = |i: usize| (2.0 * i as f64 / n as f64 - 1.0).powi(degree as i32);
                let predicted: f64 = filter.iter().enumerate().map(|(i, f)| f * value(i)).sum();
                let error = (predicted - value(n)).abs();
                let size: f64 = filter.iter().map(|f| f.abs()).sum();
                assert!(
                    error < 1e-14 * size.max(100.0),
                    "{n}, {power}, {degree}: {error}"
                );
            }
        }
    }
}
