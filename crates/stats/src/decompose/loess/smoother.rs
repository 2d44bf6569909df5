use bongsu_core::Result;

use super::convolve::{Convolver, Kernel};
use super::kernel::{Span, Sums, stops};

/// The largest number of weights that is kept for the ends: 8 MiB.
const KEPT_WEIGHTS: usize = 1 << 20;

/// Below this share of the kernel's weight, or of its variance, a regression from transforms has
/// lost digits and is summed again.
const TRUSTED_SHARE: f64 = 1e-3;

/// Smooths series of one length with one window.
#[derive(Debug)]
pub(in crate::decompose) struct Smoother {
    n: usize,
    window: usize,
    degree: u8,
    jump: usize,
    /// The least spread of weights for which a slope is fitted.
    spread: f64,
    convolver: Convolver,
    /// The tricube weights away from the ends, from the middle outwards, and their sums.
    interior: Vec<f64>,
    interior_sums: Sums,
    folded: Kernel,
    folded_ends: Rows,
    /// What only weighted smoothing needs, made when it is first asked for.
    weighted: Option<Weighted>,
}

#[derive(Debug)]
struct Weighted {
    /// The tricube weights times the distance to the power 0, 1 and 2.
    kernels: [Kernel; 3],
    ends: Rows,
}

/// Weights of the points of a series and the sums over windows that do not depend on its values.
#[derive(Debug, Default)]
pub(in crate::decompose) struct Weighting {
    weights: Vec<f64>,
    s0: Vec<f64>,
    s1: Vec<f64>,
    s2: Vec<f64>,
    /// Room for products of weights and values, and for their sums.
    products: Vec<f64>,
    t0: Vec<f64>,
    t1: Vec<f64>,
    reversed: [Vec<f64>; 2],
}

impl Smoother {
    pub(in crate::decompose) fn new(
        n: usize,
        window: usize,
        degree: u8,
        jump: usize,
    ) -> Result<Self> {
        let spread = 0.001 * (n as f64 - 1.0);
        let half = window / 2;
        let mut interior = Vec::new();
        let span = Span::new(n, window, window.min(n), half as f64);
        let mut interior_sums = Sums::default();
        if window < n {
            span.tricube_into(&mut interior);
            interior_sums = span.sums(&interior);
            interior.drain(..half);
            while interior.len() > 1 && interior.last() == Some(&0.0) {
                interior.pop();
            }
        }
        let mut convolver = Convolver::new(n, interior.len().saturating_sub(1));
        // About the middle the slope has no part in the estimate.
        let taps = interior.iter().map(|w| w / interior_sums.s0).collect();
        let folded = convolver.kernel(taps, false)?;
        let folded_ends = Rows::new(n, window, |span, weights| {
            span.tricube_into(weights);
            span.fold(weights, degree, spread);
        });
        Ok(Self {
            n,
            window,
            degree,
            jump,
            spread,
            convolver,
            interior,
            interior_sums,
            folded,
            folded_ends,
            weighted: None,
        })
    }

    /// Smooths `y` into `out`, every point weighing the same.
    pub(in crate::decompose) fn smooth(&mut self, y: &[f64], out: &mut [f64]) -> Result<()> {
        if self.jump > 1 {
            self.smooth_stops(y, None, out);
            return Ok(());
        }
        self.convolver.apply(y, &[&self.folded], &mut [&mut *out])?;
        let len = self.folded_ends.len;
        let reversed: Vec<f64> = y.iter().rev().take(len).copied().collect();
        let head = y.get(..len).unwrap_or_default();
        let mirrored = self.n - 1;
        let mut scratch = Vec::new();
        let (degree, spread) = (self.degree, self.spread);
        for e in 0..self.folded_ends.rows {
            let row = self.folded_ends.row(e, &mut scratch, |span, weights| {
                span.tricube_into(weights);
                span.fold(weights, degree, spread);
            });
            let (left, right) = (dot(row, head), dot(row, &reversed));
            set(out, e, left);
            set(out, mirrored - e, right);
        }
        Ok(())
    }

    /// Prepares `weighting` for the weights it holds from now on.
    pub(in crate::decompose) fn weigh(
        &mut self,
        weights: &[f64],
        weighting: &mut Weighting,
    ) -> Result<()> {
        weighting.hold(weights);
        if self.jump > 1 {
            return Ok(());
        }
        let weighted = match self.weighted.take() {
            Some(weighted) => weighted,
            None => self.weighted_parts()?,
        };
        let kernels: Vec<&Kernel> = weighted.kernels.iter().collect();
        let Weighting { s0, s1, s2, .. } = weighting;
        self.convolver
            .apply(weights, &kernels, &mut [&mut *s0, &mut *s1, &mut *s2])?;
        let len = weighted.ends.len;
        let head = weights.get(..len).unwrap_or_default();
        let tail: Vec<f64> = weights.iter().rev().take(len).copied().collect();
        let mut scratch = Vec::new();
        for e in 0..weighted.ends.rows {
            let row = weighted.ends.row(e, &mut scratch, Span::tricube_into);
            for (place, side, sign) in [(e, head, 1.0), (self.n - 1 - e, &tail, -1.0)] {
                let [a, b, c] = moments(row, side, -(e as f64));
                set(&mut weighting.s0, place, a);
                set(&mut weighting.s1, place, sign * b);
                set(&mut weighting.s2, place, c);
            }
        }
        self.weighted = Some(weighted);
        Ok(())
    }

    /// Smooths `y` into `out` with the weights that `weighting` holds; a point in whose window
    /// nothing weighs stays as it is.
    pub(in crate::decompose) fn smooth_weighted(
        &mut self,
        y: &[f64],
        weighting: &mut Weighting,
        out: &mut [f64],
    ) -> Result<()> {
        if self.jump > 1 {
            self.smooth_stops(y, Some(&weighting.weights), out);
            return Ok(());
        }
        let Some(weighted) = &self.weighted else {
            return self.smooth(y, out);
        };
        for ((product, y), weight) in weighting.products.iter_mut().zip(y).zip(&weighting.weights) {
            *product = y * weight;
        }
        let [even, odd, _] = &weighted.kernels;
        self.convolver.apply(
            &weighting.products,
            &[even, odd],
            &mut [&mut weighting.t0, &mut weighting.t1],
        )?;
        let len = weighted.ends.len;
        let [tail, scratch] = &mut weighting.reversed;
        tail.clear();
        tail.extend(weighting.products.iter().rev().take(len));
        let head = weighting.products.get(..len).unwrap_or_default();
        for e in 0..weighted.ends.rows {
            let row = weighted.ends.row(e, scratch, Span::tricube_into);
            for (place, side, sign) in [(e, head, 1.0), (self.n - 1 - e, &*tail, -1.0)] {
                let [a, b] = first_moments(row, side, -(e as f64));
                set(&mut weighting.t0, place, a);
                set(&mut weighting.t1, place, sign * b);
            }
        }
        self.finish(y, weighting, out);
        Ok(())
    }

    /// Turns the sums that `weighting` holds into estimates.
    fn finish(&self, y: &[f64], weighting: &Weighting, out: &mut [f64]) {
        let edge = self.folded_ends.rows;
        let interior = edge..self.n.saturating_sub(edge);
        let least_weight = TRUSTED_SHARE * self.interior_sums.s0;
        let radius = self.window as f64 / 2.0;
        let least_variance = TRUSTED_SHARE * radius * radius;
        let first = weighting.s0.iter().zip(&weighting.s1).zip(&weighting.s2);
        let second = weighting.t0.iter().zip(&weighting.t1);
        for (i, (((slot, &y), ((&s0, &s1), &s2)), (&t0, &t1))) in
            out.iter_mut().zip(y).zip(first).zip(second).enumerate()
        {
            let mut sums = Sums { s0, s1, s2, t0, t1 };
            let untrusted = s0 < least_weight || sums.center().1 < least_variance;
            if untrusted && interior.contains(&i) {
                sums = self.sum_again(i, weighting);
            }
            *slot = sums.estimate(self.degree, self.spread).unwrap_or(y);
        }
    }

    /// The sums at an interior point, without transforms.
    fn sum_again(&self, i: usize, weighting: &Weighting) -> Sums {
        let mut sums = Sums::default();
        let mut add = |place: usize, distance: f64, kernel: f64| {
            let at = |column: &[f64]| column.get(place).copied().unwrap_or(0.0);
            let weight = kernel * at(&weighting.weights);
            let product = kernel * at(&weighting.products);
            sums.s0 += weight;
            sums.s1 += weight * distance;
            sums.s2 += weight * distance * distance;
            sums.t0 += product;
            sums.t1 += product * distance;
        };
        for (d, &kernel) in self.interior.iter().enumerate() {
            add(i + d, d as f64, kernel);
            if d > 0 {
                add(i - d, -(d as f64), kernel);
            }
        }
        sums
    }

    fn weighted_parts(&mut self) -> Result<Weighted> {
        let mut times = |power: i32| {
            let tap = |(d, w): (usize, &f64)| w * (d as f64).powi(power);
            let taps = self.interior.iter().enumerate().map(tap).collect();
            self.convolver.kernel(taps, power == 1)
        };
        Ok(Weighted {
            kernels: [times(0)?, times(1)?, times(2)?],
            ends: Rows::new(self.n, self.window, Span::tricube_into),
        })
    }

    /// Estimates every `jump`-th point and the last one, and interpolates between them.
    fn smooth_stops(&self, y: &[f64], robustness: Option<&[f64]>, out: &mut [f64]) {
        let len = self.window.min(self.n);
        let mut weights = Vec::new();
        let mut known: Option<(usize, f64)> = None;
        for (i, left) in stops(self.n, self.window, self.jump) {
            let span = Span::new(self.n, self.window, len, i as f64 - left as f64);
            span.tricube_into(&mut weights);
            let part = |column: &[f64]| column.get(left..left + len).map(<[f64]>::to_vec);
            let values = part(y).unwrap_or_default();
            let estimate = if let Some(robustness) = robustness {
                let mut sums = Sums::default();
                let inside = weights.iter().zip(part(robustness).unwrap_or_default());
                for (j, ((tricube, robustness), value)) in inside.zip(&values).enumerate() {
                    let (weight, distance) = (tricube * robustness, j as f64 - span.at());
                    sums.s0 += weight;
                    sums.s1 += weight * distance;
                    sums.s2 += weight * distance * distance;
                    sums.t0 += weight * value;
                    sums.t1 += weight * value * distance;
                }
                sums.estimate(self.degree, self.spread)
                    .or_else(|| y.get(i).copied())
                    .unwrap_or(f64::NAN)
            } else {
                span.fold(&mut weights, self.degree, self.spread);
                dot(&weights, &values)
            };
            if let Some((from, start)) = known {
                let step = (estimate - start) / (i - from) as f64;
                let between = out.get_mut(from..i).unwrap_or_default();
                for (k, slot) in between.iter_mut().enumerate() {
                    *slot = start + step * k as f64;
                }
            }
            set(out, i, estimate);
            known = Some((i, estimate));
        }
    }
}

impl Weighting {
    fn hold(&mut self, weights: &[f64]) {
        self.weights.clear();
        self.weights.extend_from_slice(weights);
        for sums in [
            &mut self.s0,
            &mut self.s1,
            &mut self.s2,
            &mut self.t0,
            &mut self.t1,
            &mut self.products,
        ] {
            sums.resize(weights.len(), 0.0);
        }
    }
}

/// Vectors of weights for the points near an end, each for the window that touches the end.
#[derive(Debug)]
struct Rows {
    n: usize,
    window: usize,
    rows: usize,
    len: usize,
    /// All of them, where they are few enough to be kept.
    kept: Option<Vec<f64>>,
}

impl Rows {
    fn new(n: usize, window: usize, weigh: impl Fn(&Span, &mut Vec<f64>)) -> Self {
        // A window that holds the whole series is the same for every point: half of them are
        // nearer to one end and half to the other.
        let rows = if window < n {
            window / 2
        } else {
            n.div_ceil(2)
        };
        let mut this = Self {
            n,
            window,
            rows,
            len: window.min(n),
            kept: None,
        };
        if this.len.saturating_mul(rows) <= KEPT_WEIGHTS {
            let mut kept = Vec::with_capacity(this.len * rows);
            let mut row = Vec::new();
            for e in 0..rows {
                weigh(&this.span(e), &mut row);
                kept.extend_from_slice(&row);
            }
            this.kept = Some(kept);
        }
        this
    }

    fn span(&self, e: usize) -> Span {
        Span::new(self.n, self.window, self.len, e as f64)
    }

    /// The weights for the point with index `e` from its end.
    fn row<'a>(
        &'a self,
        e: usize,
        scratch: &'a mut Vec<f64>,
        weigh: impl Fn(&Span, &mut Vec<f64>),
    ) -> &'a [f64] {
        if let Some(kept) = &self.kept {
            return kept
                .get(e * self.len..(e + 1) * self.len)
                .unwrap_or_default();
        }
        weigh(&self.span(e), scratch);
        scratch
    }
}

fn set(out: &mut [f64], place: usize, value: f64) {
    if let Some(slot) = out.get_mut(place) {
        *slot = value;
    }
}

/// Sums that run side by side.
const LANES: usize = 8;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// The sums of `kernel * x` times the distance to the power 0, 1 and 2; the first distance is
/// `start` and they grow by 1.
#[allow(
    clippy::indexing_slicing,
    reason = "lanes are below the length of every array"
)]
fn moments(kernel: &[f64], x: &[f64], start: f64) -> [f64; 3] {
    let mut sums = [[0.0; LANES]; 3];
    let (kernels, kernel_rest) = kernel.as_chunks::<LANES>();
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let mut distances: [f64; LANES] = std::array::from_fn(|l| start + l as f64);
    let [s0, s1, s2] = &mut sums;
    for (kernel, x) in kernels.iter().zip(xs) {
        for l in 0..LANES {
            let product = kernel[l] * x[l];
            s0[l] += product;
            s1[l] += product * distances[l];
            s2[l] += product * distances[l] * distances[l];
            distances[l] += LANES as f64;
        }
    }
    let mut totals = sums.map(|lanes| lanes.iter().sum::<f64>());
    for ((kernel, x), distance) in kernel_rest.iter().zip(x_rest).zip(distances) {
        let product = kernel * x;
        totals[0] += product;
        totals[1] += product * distance;
        totals[2] += product * distance * distance;
    }
    totals
}

/// As [`moments`], without the last.
#[allow(
    clippy::indexing_slicing,
    reason = "lanes are below the length of every array"
)]
fn first_moments(kernel: &[f64], x: &[f64], start: f64) -> [f64; 2] {
    let (mut s0, mut s1) = ([0.0; LANES], [0.0; LANES]);
    let (kernels, kernel_rest) = kernel.as_chunks::<LANES>();
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let mut distances: [f64; LANES] = std::array::from_fn(|l| start + l as f64);
    for (kernel, x) in kernels.iter().zip(xs) {
        for l in 0..LANES {
            let product = kernel[l] * x[l];
            s0[l] += product;
            s1[l] += product * distances[l];
            distances[l] += LANES as f64;
        }
    }
    let mut totals = [s0.iter().sum::<f64>(), s1.iter().sum::<f64>()];
    for ((kernel, x), distance) in kernel_rest.iter().zip(x_rest).zip(distances) {
        totals[0] += kernel * x;
        totals[1] += kernel * x * distance;
    }
    totals
}
