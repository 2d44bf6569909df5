//! Missing values against the covariance matrix of what is present.

use super::tests::{check_gradient, covariance_matrix, values};
use super::*;

/// A series whose differences are [`values`], with these values missing.
fn with_gaps(orders: &Orders, n: usize, gaps: &[usize]) -> Vec<f64> {
    let mut y: Vec<f64> = values(n);
    for lag in std::iter::repeat_n(orders.period, orders.seasonal_diff)
        .chain(std::iter::repeat_n(1, orders.diff))
    {
        for t in lag..n {
            y[t] += y[t - lag];
        }
    }
    for &gap in gaps {
        y[gap] = f64::NAN;
    }
    y
}

fn likelihood(orders: Orders, y: &[f64], columns: &[Vec<f64>]) -> ExactLikelihood {
    let missing = Missing::of(&orders, y);
    let fill = |x: &f64| if x.is_nan() { 0.3 } else { *x };
    let filled: Vec<f64> = y.iter().map(fill).collect();
    let columns = columns.iter().map(|c| orders.difference(c)).collect();
    ExactLikelihood::new(orders, orders.difference(&filled), columns, missing)
}

/// By the precision of the series, of which the start may be anything.
fn directly(orders: &Orders, coefficients: &[f64], y: &[f64]) -> f64 {
    let (n, burn) = (y.len(), orders.burn());
    let impulse = |i: usize| -> Vec<f64> {
        let unit = |t: usize| f64::from(u8::from(t == i));
        orders.difference(&(0..n).map(unit).collect::<Vec<f64>>())
    };
    let covariance = covariance_matrix(orders, coefficients, n - burn);
    let factor = covariance.cholesky().unwrap();
    let columns: Vec<Vec<f64>> = (0..n).map(impulse).collect();
    let d = nalgebra::DMatrix::from_fn(n - burn, n, |i, j| columns[j][i]);
    let precision = d.transpose() * factor.solve(&d);
    let (missing, there): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| y[i].is_nan());
    let part = |rows: &[usize], columns: &[usize]| {
        let at = |i: usize, j: usize| precision[(rows[i], columns[j])];
        nalgebra::DMatrix::from_fn(rows.len(), columns.len(), at)
    };
    let known = nalgebra::DVector::from_iterator(there.len(), there.iter().map(|&i| y[i]));
    let mut sum = (part(&there, &there) * &known).dot(&known);
    let logarithm =
        |l: nalgebra::DMatrix<f64>| -> f64 { l.diagonal().iter().map(|x| 2.0 * x.ln()).sum() };
    let mut log_determinant = logarithm(factor.l());
    if !missing.is_empty() {
        let own = part(&missing, &missing).cholesky().unwrap();
        let cross = part(&missing, &there) * &known;
        sum -= cross.dot(&own.solve(&cross));
        log_determinant += logarithm(own.l());
    }
    let count = (there.len() - burn) as f64;
    -0.5 * (count * ((2.0 * std::f64::consts::PI * sum / count).ln() + 1.0) + log_determinant)
}

fn cases() -> Vec<(Orders, Vec<f64>, usize, Vec<usize>)> {
    let seasonal = Orders::new(1, 1, 1).seasonal(1, 1, 1, 5);
    let coefficients = vec![0.5, 0.3, 0.4, -0.6];
    vec![
        (Orders::new(2, 0, 0), vec![0.5, 0.2], 40, vec![0, 7, 8, 39]),
        (Orders::new(1, 0, 1), vec![0.7, 0.4], 40, vec![3]),
        (
            Orders::new(0, 0, 2),
            vec![-1.2, 0.35],
            90,
            vec![2, 3, 4, 20, 88],
        ),
        (
            Orders::new(2, 1, 1),
            vec![0.9, -0.4, 0.95],
            60,
            vec![0, 10, 11, 12, 13, 40, 58],
        ),
        (
            Orders::new(2, 2, 1),
            vec![0.9, -0.4, 0.5],
            60,
            vec![1, 10, 30, 31],
        ),
        (
            seasonal,
            coefficients.clone(),
            60,
            vec![12, 20, 25, 30, 31, 59],
        ),
        (seasonal, coefficients, 60, vec![0, 2, 5, 6, 12, 40]),
        (Orders::new(0, 1, 0), vec![], 30, vec![1, 2, 15]),
    ]
}

#[test]
fn missing_values_are_integrated_out() {
    for (orders, coefficients, n, gaps) in cases() {
        let y = with_gaps(&orders, n, &gaps);
        let ours = likelihood(orders, &y, &[]).evaluate(&coefficients, None);
        let (ours, exact) = (ours.unwrap(), directly(&orders, &coefficients, &y));
        let close = (ours - exact).abs() < 1e-8;
        assert!(close, "{orders} {gaps:?}: {ours} {exact}");
    }
}

#[test]
fn gradients_agree_with_differences() {
    for (orders, coefficients, n, gaps) in cases() {
        let curve: Vec<f64> = (0..n).map(|i| (i * i * i) as f64 * 1e-3).collect();
        for columns in [vec![], vec![curve]] {
            let y = with_gaps(&orders, n, &gaps);
            check_gradient(
                &mut likelihood(orders, &y, &columns),
                &coefficients,
                &orders,
            );
        }
    }
}
