//! Since when a trend has been what it is.

/// The fewest parts of the history on either side of a bend.
const SIDE: usize = 5;

/// By how many parameters' worth of the Bayesian criterion a bend must pay: its place, its change of slope, and
/// as much again, since a wandering level looks bent.
const PRICE: f64 = 6.0;

/// The first step after the last clear bend of the trend, 0 where there is none.
///
/// Means over `block` steps are fitted by one line and, with a knot at each place, by two that meet.
/// A bend is clear when `n ln(S0 / S1)` of the sums of squares exceeds the price times `ln n`, where
/// `n` is the number of means, less what their residuals' autocorrelation makes redundant. What
/// follows a bend is searched again.
pub(super) fn last_bend(values: &[f64], block: usize) -> usize {
    let means: Vec<f64> = values
        .rchunks_exact(block.max(1))
        .map(|part| part.iter().sum::<f64>() / part.len() as f64)
        .collect();
    // The last comes first; bends are looked for from the present backwards.
    let means: Vec<f64> = means.into_iter().rev().collect();
    let skipped = values.len() - means.len() * block.max(1);
    let mut from = 0;
    while let Some(knot) = means.get(from..).and_then(bend) {
        from += knot;
    }
    if from == 0 {
        0
    } else {
        skipped + from * block.max(1)
    }
}

/// Where the two lines meet that fit best, if they are clearly better than one.
fn bend(means: &[f64]) -> Option<usize> {
    let count = means.len();
    if count < 2 * SIDE {
        return None;
    }
    let (one, _) = squares(means, None);
    let mut best: Option<(usize, f64, f64)> = None;
    for knot in SIDE..=count - SIDE {
        let (sum, correlation) = squares(means, Some(knot));
        if best.is_none_or(|(_, least, _)| sum < least) {
            best = Some((knot, sum, correlation));
        }
    }
    let (knot, two, correlation) = best?;
    let share = correlation.clamp(0.0, 0.9);
    let effective = count as f64 * (1.0 - share) / (1.0 + share);
    let gain = effective * (one / two.max(1e-12 * one)).ln();
    (one > 0.0 && gain > PRICE * (count as f64).ln()).then_some(knot)
}

/// The sum of squared residuals of a line, or of two that meet at `knot`, and the lag-one
/// autocorrelation of the residuals.
fn squares(means: &[f64], knot: Option<usize>) -> (f64, f64) {
    let count = means.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let hinge = |i: usize| knot.map_or(0.0, |k| (i as f64 - k as f64).max(0.0));
    let mean_hinge = (0..means.len()).map(hinge).sum::<f64>() / count;
    let level = means.iter().sum::<f64>() / count;
    let [mut xx, mut xh, mut hh, mut xy, mut hy] = [0.0; 5];
    for (i, value) in means.iter().enumerate() {
        let (x, h, y) = (i as f64 - middle, hinge(i) - mean_hinge, value - level);
        xx += x * x;
        xh += x * h;
        hh += h * h;
        xy += x * y;
        hy += h * y;
    }
    let determinant = xx * hh - xh * xh;
    let (slope, change) = if determinant > 1e-9 * xx * hh {
        (
            (xy * hh - hy * xh) / determinant,
            (hy * xx - xy * xh) / determinant,
        )
    } else {
        (xy / xx, 0.0)
    };
    let rest: Vec<f64> = means
        .iter()
        .enumerate()
        .map(|(i, y)| y - level - slope * (i as f64 - middle) - change * (hinge(i) - mean_hinge))
        .collect();
    let sum: f64 = rest.iter().map(|r| r * r).sum();
    let lagged: f64 = rest
        .iter()
        .zip(rest.iter().skip(1))
        .map(|(a, b)| a * b)
        .sum();
    (sum, if sum > 0.0 { lagged / sum } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i * 7_919 % 997) as f64 / 997.0 - 0.5) * 2.0
    }

    #[test]
    fn a_bend_is_found_and_noise_is_not() {
        let bent: Vec<f64> = (0..480)
            .map(|i| 0.01 * i as f64 + 0.1 * (i as f64 - 288.0).max(0.0) + noise(i))
            .collect();
        let found = last_bend(&bent, 24);
        assert!((240..=340).contains(&found), "{found}");
        let straight: Vec<f64> = (0..480).map(|i| 0.05 * i as f64 + noise(i)).collect();
        assert_eq!(last_bend(&straight, 24), 0);
        assert_eq!(last_bend(&[1.0; 480], 24), 0);
        assert_eq!(last_bend(&[1.0; 3], 24), 0);
    }
}
