//! The two-sample Kolmogorov-Smirnov test of samples of equal size.

/// The largest difference, over all `x`, of the numbers of values up to `x` in two sorted samples.
pub(super) fn largest_difference(a: &[f64], b: &[f64]) -> usize {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let (mut ahead, mut largest) = (0_isize, 0_usize);
    while let (Some(&&x), Some(&&y)) = (a.peek(), b.peek()) {
        // Ties count on both sides before the difference is taken.
        let next = if x < y { x } else { y };
        while a.next_if(|&&x| x <= next).is_some() {
            ahead += 1;
        }
        while b.next_if(|&&y| y <= next).is_some() {
            ahead -= 1;
        }
        largest = largest.max(ahead.unsigned_abs());
    }
    // What is left of one sample only brings the difference back to 0.
    largest
}

/// The probability that two samples of `n` values from one distribution differ somewhere by `h` or
/// more counts.
///
/// `2 (C(2n, n - h) - C(2n, n - 2h) + C(2n, n - 3h) - ...) / C(2n, n)`, nested as
/// `2 a_1 (1 - a_2 (1 - a_3 ...))` so that no digit cancels; Gnedenko, Korolyuk 1951.
fn p_value(n: usize, h: usize) -> f64 {
    if h == 0 {
        return 1.0;
    }
    let mut p = 0.0;
    for k in (0..=n / h).rev() {
        let ratio = (0..h).fold(1.0, |ratio, j| {
            // Zero from where the term vanishes.
            let above = n.saturating_sub(k * h + j) as f64;
            above * ratio / (n + k * h + j + 1) as f64
        });
        p = ratio * (1.0 - p);
    }
    2.0 * p
}

/// The least difference of counts that is significant at `alpha` and above a tenth of `n`; `None`
/// when none is.
pub(super) fn critical_count(n: usize, alpha: f64) -> Option<usize> {
    let significant = |h: &usize| p_value(n, *h) <= alpha && *h as f64 / n as f64 > 0.1;
    // The p-value falls with the difference.
    let (mut low, mut high) = (1, n + 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        if significant(&middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low <= n).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `scipy.stats.ks_2samp(..., method="exact")` of SciPy 1.17.1.
    #[test]
    fn p_values_equal_scipy() {
        for (n, h, expected) in P_VALUES {
            let p = p_value(n, h);
            assert!((p - expected).abs() <= 1e-12 * expected, "{n} {h}: {p}");
        }
    }

    const P_VALUES: [(usize, usize, f64); 9] = [
        (1, 1, 1.0),
        (5, 2, 0.873015873015873),
        (30, 4, 0.9578462903438838),
        (30, 13, 0.006548396368058784),
        (30, 30, 1.6911233892144742e-17),
        (200, 3, 0.9999999999999999),
        (200, 40, 0.000648608042418048),
        (1000, 100, 8.974277567313009e-05),
        (10000, 300, 0.00024659749681697865),
    ];

    #[test]
    fn ties_count_together() {
        assert_eq!(largest_difference(&[1.0, 1.0, 2.0], &[1.0, 2.0, 2.0]), 1);
        assert_eq!(largest_difference(&[-0.0, 3.0], &[0.0, 4.0]), 1);
        assert_eq!(largest_difference(&[1.0, 2.0], &[3.0, 4.0]), 2);
        assert_eq!(largest_difference(&[5.0; 4], &[5.0; 4]), 0);
    }

    #[test]
    fn the_critical_count_is_the_least_significant_one() {
        for n in [5, 30, 200, 10_000] {
            for alpha in [0.05, 0.005, 1e-4] {
                if let Some(h) = critical_count(n, alpha) {
                    assert!(p_value(n, h) <= alpha);
                    let before = h - 1;
                    assert!(p_value(n, before) > alpha || before as f64 / n as f64 <= 0.1);
                } else {
                    assert!(p_value(n, n) > alpha);
                }
            }
        }
    }
}
