//! The level goes on: the mean of what is left without the rhythm over as many of the last blocks as
//! would have forecast best.

use super::Known;

pub(super) fn forecast(known: &Known<'_>, ahead: usize) -> Vec<f64> {
    let level = level(&known.adjusted, known.block, ahead);
    known.with_season(std::iter::repeat_n(level, ahead))
}

/// The mean of the last blocks, so many of them that it was nearest to the mean of the `ahead`
/// steps that followed at all earlier moments.
fn level(values: &[f64], block: usize, ahead: usize) -> f64 {
    let width = block.max(1);
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    // Blocks end with the last value; what is left over at the beginning is part of the first.
    let skipped = values.len() % width;
    for (i, part) in values
        .get(skipped..)
        .unwrap_or_default()
        .chunks(width)
        .enumerate()
    {
        let first = i == 0 && part.len() + skipped < 2 * width;
        let before = if first { values.get(..skipped) } else { None };
        let all = before.unwrap_or_default().iter().chain(part);
        let count = all.clone().count().max(1) as f64;
        sum += all.sum::<f64>() / count;
        sums.push(sum);
    }
    let blocks = sums.len() - 1;
    let mean = |from: usize, to: usize| {
        let ends = sums.get(from).zip(sums.get(to));
        ends.map_or(f64::NAN, |(a, b)| (b - a) / (to - from) as f64)
    };
    if blocks == 0 {
        return values.iter().sum::<f64>() / values.len().max(1) as f64;
    }
    let coming = (ahead / width).clamp(1, (blocks / 3).max(1));
    let mut best = (f64::INFINITY, blocks);
    let windows = std::iter::successors(Some(1), |window| Some(2 * window));
    for window in windows
        .take_while(|&window| window < blocks)
        .chain([blocks])
    {
        let moments = 1..(blocks + 1).saturating_sub(coming);
        let errors = moments.map(|at| {
            let known = mean(at.saturating_sub(window), at);
            (known - mean(at, at + coming)).abs()
        });
        let error: f64 = errors.sum();
        // Of two as good the calmer.
        if error <= best.0 {
            best = (error, window);
        }
    }
    mean(blocks.saturating_sub(best.1), blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        (i * 7_919 % 997) as f64 / 997.0 - 0.5
    }

    #[test]
    fn what_stays_is_averaged_long_and_what_moved_short() {
        let still: Vec<f64> = (0..480).map(|i| 5.0 + noise(i)).collect();
        assert!((level(&still, 24, 48) - 5.0).abs() < 0.05);
        let stepped: Vec<f64> = (0..480)
            .map(|i| noise(i) + if i < 240 { 0.0 } else { 9.0 })
            .collect();
        assert!((level(&stepped, 24, 48) - 9.0).abs() < 1.0);
        let walks: Vec<f64> = (0..480)
            .map(|i| (i / 24 * 37 % 11) as f64 + i as f64)
            .collect();
        let last = walks.iter().rev().take(24).sum::<f64>() / 24.0;
        assert!((level(&walks, 24, 24) - last).abs() < 30.0);
    }

    #[test]
    fn short_histories_have_a_level() {
        for (values, expected) in [(&[3.0][..], 3.0), (&[1.0, 2.0, 3.0], 2.0), (&[4.0; 9], 4.0)] {
            let found = level(values, 4, 10);
            assert!((found - expected).abs() < 1e-12, "{values:?}: {found}");
        }
    }
}
