use super::cost::Ledger;

/// Where the last segment of the best segmentation of each beginning starts, by pruned dynamic
/// programming.
///
/// `F(t) = min over s of F(s) + C(s, t) + penalty`, over segments of at least `min_size` points. A
/// start `s` with `F(s) + C(s, t) > F(t) + slack` is never again the best, where splitting a segment
/// raises its cost by at most `slack`; it stays open for the next `min_size - 1` points, which
/// cannot be reached from `t`.
///
/// `length_weight` times the logarithm of its length comes on top of the cost of a segment.
///
/// Cost: O(n) times the number of open starts, memory O(n).
///
/// Source: Killick, Fearnhead & Eckley 2012, <https://doi.org/10.1080/01621459.2012.737745>.
pub(super) fn pelt(
    n: usize,
    mut ledger: impl Ledger,
    penalty: f64,
    length_weight: f64,
    min_size: usize,
) -> Vec<usize> {
    let slack = length_weight * (0.25 * n as f64).ln().max(0.0);
    // Of each beginning: its least cost, infinite when it is too short, and the last start.
    let mut best = vec![f64::INFINITY; n + 1];
    let mut last = vec![0; n + 1];
    if let Some(nothing) = best.first_mut() {
        *nothing = -penalty;
    }
    let mut open: Vec<Open> = Vec::new();
    let (mut costs, mut keep) = (Vec::new(), Vec::new());
    for end in 1..=n {
        let before = best.get(end - 1).copied().unwrap_or(f64::INFINITY);
        if before < f64::INFINITY {
            ledger.open(end - 1);
            open.push(Open {
                start: end - 1,
                before,
                until: usize::MAX,
                total: f64::INFINITY,
            });
        }
        ledger.take_in(&mut costs);
        let (mut least, mut place) = (f64::INFINITY, 0);
        for (open, &cost) in open.iter_mut().zip(&costs) {
            let length = end - open.start;
            if length < min_size {
                break;
            }
            let extra = if length_weight > 0.0 {
                length_weight * (length as f64).ln()
            } else {
                0.0
            };
            open.total = open.before + cost + extra;
            if open.total < least {
                (least, place) = (open.total, open.start);
            }
        }
        let bound = least + penalty;
        if bound < f64::INFINITY {
            if let (Some(best), Some(last)) = (best.get_mut(end), last.get_mut(end)) {
                (*best, *last) = (bound, place);
            }
            for open in &mut open {
                // Infinite totals are of starts that are not reachable yet.
                if open.total > bound + slack && open.total < f64::INFINITY {
                    open.until = open.until.min(end.saturating_add(min_size));
                }
            }
        }
        if open.iter().any(|open| open.until <= end + 1) {
            keep.clear();
            keep.extend(open.iter().map(|open| open.until > end + 1));
            ledger.retain(&keep);
            open.retain(|open| open.until > end + 1);
        }
    }
    breakpoints(&last)
}

/// The start of a segment that may be part of the best segmentation.
struct Open {
    start: usize,
    before: f64,
    /// The first end for which it need not be looked at.
    until: usize,
    /// The least cost of everything to the present end when the last segment starts here.
    total: f64,
}

/// The ends of all segments but the last one, ascending, from the last start of each beginning.
pub(super) fn breakpoints(last: &[usize]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut end = last.len().saturating_sub(1);
    while let Some(&start) = last.get(end) {
        if start == 0 || start >= end {
            break;
        }
        found.push(start);
        end = start;
    }
    found.reverse();
    found
}
