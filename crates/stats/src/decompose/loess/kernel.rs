/// The window of points from which the value at one position is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::decompose) struct Span {
    /// The number of points.
    len: usize,
    /// The position, counted from the first point of the window; -1 and `len` are just outside.
    at: f64,
    /// The distance at which weights become 0.
    radius: f64,
}

impl Span {
    /// `window` is the nominal number of points of the window, `n` that of the series.
    pub(in crate::decompose) fn new(n: usize, window: usize, len: usize, at: f64) -> Self {
        let reach = at.max(len as f64 - 1.0 - at);
        let beyond = window.saturating_sub(n) / 2;
        Self {
            len,
            at,
            radius: reach + beyond as f64,
        }
    }

    pub(in crate::decompose) fn at(&self) -> f64 {
        self.at
    }

    /// Writes the tricube weights `(1 - (r / h)^3)^3` of the points of the window, 1 very near the
    /// position and 0 very near the radius `h`.
    pub(in crate::decompose) fn tricube_into(&self, weights: &mut Vec<f64>) {
        weights.clear();
        if self.radius <= 0.0 {
            weights.resize(self.len, 1.0);
            return;
        }
        let inverse = self.radius.recip();
        // The loop without branches first; then the few weights that the limits change.
        weights.extend((0..self.len as i64).map(|j| {
            let ratio = (j as f64 - self.at).abs() * inverse;
            let rest = 1.0 - ratio * ratio * ratio;
            rest * rest * rest
        }));
        let distance = |j: usize| (j as f64 - self.at).abs();
        let (near, far) = (0.001 * self.radius, 0.999 * self.radius);
        for (j, weight) in weights.iter_mut().enumerate() {
            if distance(j) <= far {
                break;
            }
            *weight = 0.0;
        }
        for (j, weight) in weights.iter_mut().enumerate().rev() {
            if distance(j) <= far {
                break;
            }
            *weight = 0.0;
        }
        let first = (self.at - near).ceil().max(0.0) as usize;
        let after = first + (2.0 * near) as usize + 1;
        for (j, weight) in weights.iter_mut().enumerate().take(after).skip(first) {
            if distance(j) <= near {
                *weight = 1.0;
            }
        }
    }

    /// Turns tricube weights into those with which the values of the window are summed to give
    /// the local regression of `degree` at the position. `spread` is the least spread of the
    /// weights for which a slope is fitted.
    pub(in crate::decompose) fn fold(&self, weights: &mut [f64], degree: u8, spread: f64) {
        let sums = self.sums(weights);
        let (mean, variance) = sums.center();
        let slope = if degree > 0 && variance.max(0.0).sqrt() > spread {
            -mean / variance
        } else {
            0.0
        };
        let mut distance = -self.at;
        for weight in weights {
            *weight *= (1.0 + slope * (distance - mean)) / sums.s0;
            distance += 1.0;
        }
    }

    /// The sums of `weights` and their first two moments about the position.
    pub(in crate::decompose) fn sums(&self, weights: &[f64]) -> Sums {
        let mut sums = Sums::default();
        let mut distance = -self.at;
        for &weight in weights {
            sums.s0 += weight;
            sums.s1 += weight * distance;
            sums.s2 += weight * distance * distance;
            distance += 1.0;
        }
        sums
    }
}

/// The sums of a weighted linear regression, distances counted from the position.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::decompose) struct Sums {
    /// Of weights.
    pub(in crate::decompose) s0: f64,
    /// Of weights times distances.
    pub(in crate::decompose) s1: f64,
    /// Of weights times squared distances.
    pub(in crate::decompose) s2: f64,
    /// Of weights times values.
    pub(in crate::decompose) t0: f64,
    /// Of weights times values times distances.
    pub(in crate::decompose) t1: f64,
}

impl Sums {
    /// The mean and the variance of the distances.
    pub(in crate::decompose) fn center(&self) -> (f64, f64) {
        let mean = self.s1 / self.s0;
        (mean, self.s2 / self.s0 - mean * mean)
    }

    /// The regression at the position; none when no point has weight.
    pub(in crate::decompose) fn estimate(&self, degree: u8, spread: f64) -> Option<f64> {
        if self.s0 <= 0.0 {
            return None;
        }
        let level = self.t0 / self.s0;
        let (mean, variance) = self.center();
        if degree > 0 && variance.max(0.0).sqrt() > spread {
            Some(level - mean / variance * (self.t1 / self.s0 - mean * level))
        } else {
            Some(level)
        }
    }
}

/// The positions at which a series of `n` points is estimated when `jump - 1` are skipped each
/// time, with the first points of their windows; the last position is always among them.
pub(in crate::decompose) fn stops(n: usize, window: usize, jump: usize) -> Vec<(usize, usize)> {
    let last = n.saturating_sub(1);
    let jump = jump.clamp(1, last.max(1));
    let latest = n.saturating_sub(window);
    let left = |i: usize| i.saturating_sub(window / 2).min(latest);
    let mut stops: Vec<_> = (0..n).step_by(jump).map(|i| (i, left(i))).collect();
    if let Some(&(i, left)) = stops.last()
        && i != last
    {
        // The window does not move on to the very end: so does the reference.
        stops.push((last, left));
    }
    stops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_weights_reproduce_lines() {
        for at in [-1.0, 0.0, 2.0, 3.0, 7.0] {
            let span = Span::new(20, 7, 7, at);
            let mut weights = Vec::new();
            span.tricube_into(&mut weights);
            span.fold(&mut weights, 1, 0.019);
            let line = |j: usize| 5.0 - 0.25 * j as f64;
            let sum: f64 = weights.iter().enumerate().map(|(j, w)| w * line(j)).sum();
            assert!((sum - (5.0 - 0.25 * at)).abs() < 1e-13, "{at}: {sum}");
        }
    }

    #[test]
    fn stops_end_at_the_last_point() {
        assert_eq!(stops(5, 3, 1), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2)]);
        assert_eq!(stops(6, 3, 2), [(0, 0), (2, 1), (4, 3), (5, 3)]);
        assert_eq!(stops(3, 7, 10), [(0, 0), (2, 0)]);
    }
}
