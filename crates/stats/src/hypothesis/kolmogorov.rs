//! The distribution of Kolmogorov's statistic of one sample.
//!
//! Which method serves where follows Simard & L'Ecuyer 2011,
//! <https://doi.org/10.18637/jss.v039.i11>.

use std::f64::consts::PI;

/// The probability that the statistic of `n` values is at least `d`.
pub(super) fn kolmogorov_sf(d: f64, n: f64) -> f64 {
    let (reach, square) = (n * d, n * d * d);
    if d >= 1.0 {
        return 0.0;
    }
    if reach <= 0.5 {
        return 1.0;
    }
    if reach >= n - 1.0 {
        return 2.0 * (1.0 - d).powf(n);
    }
    // Where one side rules the other out, or nearly so.
    if d >= 0.5 || square >= if n <= 140.0 { 4.0 } else { 2.2 } {
        return if square < 370.0 {
            2.0 * smirnov_sf(d, n)
        } else {
            0.0
        };
    }
    let few = n <= 100_000.0 && n * d * d.sqrt() <= 1.4;
    if n <= 140.0 || few {
        1.0 - durbin(d, n)
    } else {
        1.0 - pelz_good(d, n)
    }
}

/// The probability that the one-sided statistic of `n` values is at least `d`: the sum of
/// `d / p C(n, j) p^j (1 - p)^(n - j)` with `p = d + j/n`.
///
/// Source: Birnbaum & Tingey 1951, <https://doi.org/10.1214/aoms/1177729550>; the binomial
/// probabilities after Loader 2000, so that they lose no digits to large factorials.
fn smirnov_sf(d: f64, n: f64) -> f64 {
    let reach = n * d;
    let terms = (n - reach).floor() as u64;
    let term = |j: u64| {
        let j = j as f64;
        let rest = n - j;
        if j == 0.0 {
            return (n * (-d).ln_1p()).exp();
        }
        let left = rest - reach;
        if left <= 0.0 {
            return 0.0;
        }
        let low = j * (reach / j).ln_1p() - reach;
        let high = rest * (-reach / rest).ln_1p() + reach;
        let stirling = stirling(n) - stirling(j) - stirling(rest);
        let root = (n / (2.0 * PI * j * rest)).sqrt();
        reach / (reach + j) * root * (stirling + low + high).exp()
    };
    (0..=terms).map(term).sum()
}

/// `ln k!` less `ln(sqrt(2 pi k) (k/e)^k)`.
fn stirling(k: f64) -> f64 {
    if k < 16.0 {
        let factorial: f64 = (2..=k as u32).map(f64::from).product();
        return factorial.ln() - 0.5 * (2.0 * PI * k).ln() - k * k.ln() + k;
    }
    let square = 1.0 / (k * k);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    series / k
}

/// What powers of a matrix are kept below.
const LARGE: f64 = 1e140;

/// The distribution function as an element of the `n`-th power of a matrix.
///
/// Source: Marsaglia et al. 2003, <https://doi.org/10.18637/jss.v008.i18>.
fn durbin(d: f64, n: f64) -> f64 {
    let reach = n * d;
    let half = reach.ceil();
    let (h, k) = (half - reach, half as usize);
    let m = 2 * k - 1;
    let mut factorials = vec![1.0];
    for i in 1..=m {
        let last = factorials.last().copied().unwrap_or(1.0);
        factorials.push(last / i as f64);
    }
    let inverse = |i: usize| factorials.get(i).copied().unwrap_or(0.0);
    let edge = |i: usize| (1.0 - h.powi(i as i32)) * inverse(i);
    let corner =
        (1.0 - 2.0 * h.powi(m as i32) + (2.0 * h - 1.0).max(0.0).powi(m as i32)) * inverse(m);
    let element = |row: usize, column: usize| match (row + 1 == m, column) {
        (true, 0) => corner,
        (true, _) => edge(m - column),
        (false, 0) => edge(row + 1),
        _ if row + 1 >= column => inverse(row + 1 - column),
        _ => 0.0,
    };
    let mut square = Matrix {
        size: m,
        values: (0..m * m).map(|i| element(i / m, i % m)).collect(),
        exponent: 0,
    };
    let mut power: Option<Matrix> = None;
    let mut left = n as u64;
    while left > 0 {
        if left % 2 == 1 {
            power = Some(power.map_or_else(|| square.clone(), |power| power.times(&square)));
        }
        left /= 2;
        if left > 0 {
            square = square.times(&square);
        }
    }
    let Some(power) = power else { return 1.0 };
    let center = power
        .values
        .get((k - 1) * m + k - 1)
        .copied()
        .unwrap_or(0.0);
    // n! / n^n, whose logarithm is not large.
    let logarithm = stirling(n) + 0.5 * (2.0 * PI * n).ln() - n;
    let scale = f64::from(power.exponent) * LARGE.ln();
    (center.ln() + logarithm + scale).exp().clamp(0.0, 1.0)
}

/// A square matrix times a power of [`LARGE`].
#[derive(Debug, Clone)]
struct Matrix {
    size: usize,
    values: Vec<f64>,
    exponent: i32,
}

impl Matrix {
    fn times(&self, other: &Self) -> Self {
        let mut values = vec![0.0; self.values.len()];
        let rows = values.chunks_exact_mut(self.size);
        for (out, row) in rows.zip(self.values.chunks_exact(self.size)) {
            for (share, other) in row.iter().zip(other.values.chunks_exact(self.size)) {
                for (out, x) in out.iter_mut().zip(other) {
                    *out += share * x;
                }
            }
        }
        let mut exponent = self.exponent + other.exponent;
        if values.iter().any(|&x| x > LARGE) {
            for x in &mut values {
                *x /= LARGE;
            }
            exponent += 1;
        }
        Self {
            size: self.size,
            values,
            exponent,
        }
    }
}

/// The distribution function of many values, as a series in `1 / sqrt(n)`.
///
/// Source: Pelz & Good 1976, <https://doi.org/10.1111/j.2517-6161.1976.tb01579.x>.
fn pelz_good(d: f64, n: f64) -> f64 {
    let z = n.sqrt() * d;
    let z2 = z * z;
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let (p2, p4, p6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let last = (16.0 * z / PI).ceil() as u32;
    let mut sums = [0.0; 4];
    let mut extra = [0.0; 2];
    for k in (1..=last).rev() {
        let k = f64::from(k);
        let odd = (2.0 * k - 1.0).powi(2);
        let weight = (-p2 * odd / (8.0 * z2)).exp();
        let terms = [
            1.0,
            p2 / 4.0 * odd - z2,
            6.0 * z6
                + 2.0 * z4
                + p2 / 4.0 * (2.0 * z4 - 5.0 * z2) * odd
                + p4 / 16.0 * (1.0 - 2.0 * z2) * odd * odd,
            -30.0 * z6 - 90.0 * z8
                + p2 / 4.0 * (135.0 * z4 - 96.0 * z6) * odd
                + p4 / 16.0 * (212.0 * z4 - 60.0 * z2) * odd * odd
                + p6 / 64.0 * (5.0 - 30.0 * z2) * odd * odd * odd,
        ];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
        let whole = k * k * (-p2 * k * k / (2.0 * z2)).exp();
        extra[0] += whole;
        extra[1] += (3.0 * z2 - p2 * k * k) * whole;
    }
    let root = (2.0 * PI).sqrt();
    let [s0, s1, s2, s3] = sums;
    let k0 = root * s0 / z;
    let k1 = root * s1 / (6.0 * z4);
    let k2 = root * s2 / (72.0 * z6 * z) - p2 * root * extra[0] / (36.0 * z2 * z);
    let k3 = root * s3 / (6480.0 * z8 * z2) + p2 * root * extra[1] / (216.0 * z6);
    (k0 + k1 / n.sqrt() + k2 / n + k3 / (n * n.sqrt())).clamp(0.0, 1.0)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {
    use super::*;

    #[test]
    fn every_method_equals_scipy() {
        let text = include_str!("../../tests/golden/hypothesis_two_samples.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = golden["kolmogorov"].as_str().unwrap().split(' ');
        let numbers: Vec<f64> = numbers.map(|n| n.parse().unwrap()).collect();
        for row in numbers.chunks(3) {
            let (n, d, expected) = (row[0], row[1], row[2]);
            let ours = kolmogorov_sf(d, n);
            assert!(
                (ours - expected).abs() <= 1e-9 * expected,
                "n = {n}, d = {d}: {ours} instead of {expected}"
            );
        }
    }
}
