use super::super::polynomial::product;
use super::*;

pub(super) fn values(n: usize) -> Vec<f64> {
    let mut x = 0.3_f64;
    (0..n)
        .map(|i| {
            x = 3.9 * x * (1.0 - x);
            x - 0.5 + 0.2 * (i as f64 * 0.7).sin()
        })
        .collect()
}

/// The covariance matrix of `n` values in units of the innovations' variance.
pub(super) fn covariance_matrix(
    orders: &Orders,
    coefficients: &[f64],
    n: usize,
) -> nalgebra::DMatrix<f64> {
    let f = orders.split(coefficients);
    let phi = product(f.ar, f.seasonal_ar, orders.period, 1.0);
    let theta = product(f.ma, f.seasonal_ma, orders.period, -1.0);
    // Weights of past innovations, summed far into the past.
    let far = 3000;
    let mut weights = vec![1.0];
    for k in 1..far {
        let mut sum = theta.get(k - 1).copied().unwrap_or(0.0);
        for (i, a) in phi.iter().enumerate() {
            if k > i {
                sum += a * weights[k - 1 - i];
            }
        }
        weights.push(sum);
    }
    let covariance: Vec<f64> = (0..n).map(|h| dot(&weights[h..], &weights)).collect();
    nalgebra::DMatrix::from_fn(n, n, |i, j| covariance[i.abs_diff(j)])
}

/// By the full covariance matrix of the values.
fn directly(orders: &Orders, coefficients: &[f64], w: &[f64]) -> f64 {
    let n = w.len();
    let factor = covariance_matrix(orders, coefficients, n)
        .cholesky()
        .unwrap();
    let w = nalgebra::DVector::from_column_slice(w);
    let sum = w.dot(&factor.solve(&w));
    let log_determinant: f64 = factor.l().diagonal().iter().map(|x| 2.0 * x.ln()).sum();
    let n = n as f64;
    -0.5 * (n * ((2.0 * std::f64::consts::PI * sum / n).ln() + 1.0) + log_determinant)
}

fn cases() -> Vec<(Orders, Vec<f64>, usize)> {
    vec![
        (Orders::new(0, 0, 0), vec![], 30),
        (Orders::new(1, 0, 0), vec![0.7], 30),
        (Orders::new(0, 0, 1), vec![0.6], 30),
        (Orders::new(0, 0, 2), vec![-1.2, 0.35], 80),
        (Orders::new(2, 0, 1), vec![0.9, -0.4, 0.5], 60),
        (Orders::new(3, 0, 2), vec![0.3, -0.2, 0.1, 0.4, 0.2], 4),
        (
            Orders::new(1, 0, 1).seasonal(1, 0, 1, 7),
            vec![0.5, 0.3, 0.4, -0.6],
            60,
        ),
        (
            Orders::new(0, 0, 1).seasonal(0, 0, 1, 4),
            vec![-0.95, -0.9],
            60,
        ),
        (
            Orders::new(1, 0, 2).seasonal(2, 0, 1, 5),
            vec![0.5, 0.3, 0.2, 0.2, 0.3, 0.6],
            9,
        ),
    ]
}

#[test]
fn agrees_with_the_covariance_matrix() {
    for (orders, coefficients, n) in cases() {
        let w = values(n);
        let ours = ExactLikelihood::new(orders, w.clone(), Vec::new(), Missing::default())
            .evaluate(&coefficients, None)
            .unwrap();
        let exact = directly(&orders, &coefficients, &w);
        assert!((ours - exact).abs() < 1e-9, "{orders}: {ours} {exact}");
    }
}

#[test]
fn gradients_agree_with_differences() {
    for (orders, coefficients, n) in cases() {
        for columns in [vec![], vec![vec![1.0; n]]] {
            if n < 10 && !columns.is_empty() {
                continue;
            }
            let mut likelihood =
                ExactLikelihood::new(orders, values(n), columns, Missing::default());
            check_gradient(&mut likelihood, &coefficients, &orders);
        }
    }
}

/// Checks the gradient against differences.
pub(super) fn check_gradient(
    likelihood: &mut ExactLikelihood,
    coefficients: &[f64],
    orders: &Orders,
) {
    let mut gradient = vec![0.0; coefficients.len()];
    likelihood
        .evaluate(coefficients, Some(&mut gradient))
        .unwrap();
    for (k, slope) in gradient.iter().enumerate() {
        let mut at = |h: f64| {
            let mut moved = coefficients.to_vec();
            moved[k] += h;
            likelihood.evaluate(&moved, None).unwrap()
        };
        let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!(
            (slope - numeric).abs() < 1e-5 * (1.0 + numeric.abs()),
            "{orders} {k}: {slope} {numeric}"
        );
    }
}

#[test]
fn outside_the_stationary_region_there_is_none() {
    let mut likelihood = ExactLikelihood::new(
        Orders::new(1, 0, 0),
        values(20),
        Vec::new(),
        Missing::default(),
    );
    assert!(likelihood.evaluate(&[1.0], None).is_none());
    assert!(likelihood.evaluate(&[f64::NAN], None).is_none());
}
