//! Quantiles of many samples that change little from one time to the next.

/// The quantiles at some shares, asked for again and again.
///
/// Those of the tails need only the tails: what lay a little further in than the quantiles the time
/// before bounds what is looked at this time, and when that was too little, everything is.
#[derive(Debug)]
pub(super) struct Quantiles<'a> {
    /// Ascending.
    shares: &'a [f64],
    /// Below the first and above the second lie the tails.
    bounds: [f64; 2],
    below: Vec<f64>,
    above: Vec<f64>,
}

impl<'a> Quantiles<'a> {
    /// At ascending `shares` of `count` values.
    pub(super) fn new(shares: &'a [f64], count: usize) -> Self {
        Self {
            shares,
            bounds: [f64::NAN; 2],
            below: vec![0.0; count + 1],
            above: vec![0.0; count + 1],
        }
    }

    /// Gives `take` the quantile at each share, between neighbours on a straight line; reorders
    /// `values`.
    pub(super) fn each(&mut self, values: &mut [f64], mut take: impl FnMut(f64)) {
        let count = values.len();
        let (lower, upper) = self
            .shares
            .split_at(self.shares.partition_point(|&share| share < 0.5));
        let (Some(&low), Some(&high)) = (lower.last(), upper.first()) else {
            select(values, 0, count, self.shares, take);
            return;
        };
        let last = count.saturating_sub(1) as f64;
        let (needed_below, first) = ((low * last) as usize + 2, (high * last) as usize);
        let (mut inner, mut outer) = (f64::NAN, f64::NAN);
        let (below, above) = self.tails(values);
        if below.len() >= needed_below && count - above.len() <= first {
            select(below, 0, count, lower, |q| {
                inner = q;
                take(q);
            });
            let from = count - above.len();
            select(above, from, count, upper, |q| {
                outer = if outer.is_nan() { q } else { outer };
                take(q);
            });
        } else {
            let mut i = 0;
            select(values, 0, count, self.shares, |q| {
                i += 1;
                if i == lower.len() {
                    inner = q;
                } else if i == lower.len() + 1 {
                    outer = q;
                }
                take(q);
            });
        }
        let margin = 0.1 * (outer - inner);
        self.bounds = [inner + margin, outer - margin];
    }

    /// Copies of the values below and above the bounds.
    fn tails(&mut self, values: &[f64]) -> (&mut [f64], &mut [f64]) {
        let [low, high] = self.bounds;
        let (mut below, mut above) = (0, 0);
        // Written always and counted where it belongs: no branch that depends on chance.
        for &value in values {
            if let Some(slot) = self.below.get_mut(below) {
                *slot = value;
            }
            below += usize::from(value < low);
            if let Some(slot) = self.above.get_mut(above) {
                *slot = value;
            }
            above += usize::from(value > high);
        }
        (
            self.below.get_mut(..below).unwrap_or_default(),
            self.above.get_mut(..above).unwrap_or_default(),
        )
    }
}

/// Gives `take` the quantiles at ascending `shares` of `count` values, of which `values` are those
/// from the place `from` on, in any order, and as many as are needed.
fn select(
    values: &mut [f64],
    from: usize,
    count: usize,
    shares: &[f64],
    mut take: impl FnMut(f64),
) {
    let last = count.saturating_sub(1) as f64;
    let (mut rest, mut done) = (values, from);
    for &share in shares {
        let place = share * last;
        let low = (place.floor() as usize).max(done);
        let at = (low - done).min(rest.len().saturating_sub(1));
        if rest.is_empty() {
            take(f64::NAN);
            continue;
        }
        let (_, &mut below, above) = rest.select_nth_unstable_by(at, f64::total_cmp);
        let next = above.iter().copied().fold(f64::INFINITY, f64::min);
        let part = place - low as f64;
        take(if part > 0.0 && next.is_finite() {
            below + part * (next - below)
        } else {
            below
        });
        rest = rest.get_mut(at..).unwrap_or_default();
        done = low;
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantiles, select};

    #[test]
    fn quantiles_lie_between_neighbours() {
        let mut values = [4.0, 1.0, 3.0, 2.0, 0.0];
        let mut found = Vec::new();
        let shares = [0.0, 0.1, 0.5, 0.975, 1.0];
        select(&mut values, 0, 5, &shares, |q| found.push(q));
        assert_eq!(found, [0.0, 0.4, 2.0, 3.9, 4.0]);
    }

    #[test]
    fn tails_give_what_everything_gives() {
        for shares in [
            &[0.025, 0.975][..],
            &[0.01, 0.1, 0.9, 0.99],
            &[0.5, 0.5],
            &[0.0, 1.0],
        ] {
            let mut quantiles = Quantiles::new(shares, 500);
            for time in 0..40_u64 {
                // Drifts slowly, and jumps once.
                let shift = time as f64 * 0.01 + if time > 20 { 50.0 } else { 0.0 };
                let value = |i: u64| ((i * 7919 + time * 31) % 500) as f64 / 100.0 + shift;
                let mut values: Vec<f64> = (0..500).map(value).collect();
                let (mut fast, mut slow) = (Vec::new(), Vec::new());
                select(&mut values.clone(), 0, 500, shares, |q| slow.push(q));
                quantiles.each(&mut values, |q| fast.push(q));
                assert_eq!(fast, slow);
            }
        }
    }
}
