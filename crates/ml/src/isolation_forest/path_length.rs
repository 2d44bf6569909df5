/// The Euler-Mascheroni constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// The mean path length of an unsuccessful search in a binary search tree of `n` keys, `c(n)` in
/// the paper: what is added at a leaf in which `n` rows were not told apart.
pub(crate) fn average_path_length(n: u64) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// The score `2^(-h / usual)` of a row whose paths have the length `h = usual + excess`, where
/// `usual` is that of the rows at large; 0.5 where there was nothing to tell apart.
pub(crate) fn score(excess: f64, usual: f64) -> f64 {
    if usual > 0.0 {
        (-1.0 - excess / usual).exp2()
    } else {
        0.5
    }
}

/// The depth plus `c(n)` of each node, `n` being the rows of the leaves below it, less `usual`.
/// `children` gives the first of the two children of a split, which come after it, and `samples`
/// the rows of each leaf, in the order of the nodes.
pub(crate) fn expected_excess(
    nodes: usize,
    children: impl Fn(usize) -> Option<usize>,
    samples: &[u32],
    usual: f64,
) -> Vec<f64> {
    let mut counts = vec![0_u64; nodes];
    let mut depths = vec![0_u32; nodes];
    let mut leaves = samples.iter();
    for at in 0..nodes {
        let depth = depths.get(at).copied().unwrap_or_default();
        match children(at) {
            Some(left) => {
                for child in depths.iter_mut().skip(left).take(2) {
                    *child = depth + 1;
                }
            }
            None => {
                if let (Some(count), Some(&samples)) = (counts.get_mut(at), leaves.next()) {
                    *count = u64::from(samples);
                }
            }
        }
    }
    // Children come after their parents.
    for at in (0..nodes).rev() {
        if let Some(left) = children(at) {
            let below = counts.iter().skip(left).take(2).sum();
            if let Some(count) = counts.get_mut(at) {
                *count = below;
            }
        }
    }
    let excess = |(&depth, &count)| f64::from(depth) + (average_path_length(count) - usual);
    depths.iter().zip(&counts).map(excess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_path_lengths_are_those_of_the_paper() {
        assert_eq!([0, 1, 2].map(average_path_length), [0.0, 0.0, 1.0]);
        // Equation 1 with the harmonic number itself, which ln(n - 1) + gamma approaches.
        let harmonic: f64 = (1..256).map(|i| 1.0 / f64::from(i)).sum();
        let exact = 2.0 * harmonic - 2.0 * 255.0 / 256.0;
        assert!((average_path_length(256) - exact).abs() < 0.005);
        assert_eq!(score(0.0, 10.0), 0.5);
        assert_eq!(score(-10.0, 10.0), 1.0);
        assert_eq!(score(0.0, 0.0), 0.5);
    }
}
