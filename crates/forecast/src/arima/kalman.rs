//! The Kalman filter of a seasonal ARIMA model, for missing values, new points and forecasts.
//!
//! The states are those of Harvey's form: `d` differences, `D` seasons of differences, then the
//! stationary part, whose covariance at the start is exact. The transition has a few numbers other
//! than 0 a row, so a step costs O(k^2) for k states, and O(k) once the state is known.

use super::covariance::{CovarianceScratch, state_covariance};
use super::filter::dot;
use super::likelihood::INFINITE;
use super::orders::Orders;
use super::polynomial::product;

/// A state whose every variance is below this share of the innovations' is known.
const KNOWN: f64 = 1e-14;

/// What the filter knows between two points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// The expected state, one for each series that is filtered alike.
    pub(crate) means: Vec<Vec<f64>>,
    /// Its covariance in units of the innovations' variance, row by row; empty where only the next
    /// innovation is unknown.
    pub(crate) covariance: Vec<f64>,
}

/// The model's matrices, and room for a step.
#[derive(Debug, Clone)]
pub(crate) struct Kalman {
    size: usize,
    /// Where each row of the transition ends in `entries`.
    ends: Vec<usize>,
    /// Columns and values of the transition that are not 0, row by row.
    entries: Vec<(usize, f64)>,
    /// The states whose sum is observed.
    observed: Vec<usize>,
    /// The response of the state to an innovation.
    selection: Vec<f64>,
    /// The state to observation covariance, and room.
    gain: Vec<f64>,
    half: Vec<f64>,
    turned: Vec<f64>,
    moved: Vec<f64>,
}

impl Kalman {
    pub(crate) fn new(orders: &Orders, coefficients: &[f64]) -> Self {
        let factors = orders.split(coefficients);
        let phi = product(factors.ar, factors.seasonal_ar, orders.period, 1.0);
        let theta = product(factors.ma, factors.seasonal_ma, orders.period, -1.0);
        let (diff, period, burn) = (orders.diff, orders.period, orders.burn());
        let size = orders.states();
        let seasons: Vec<usize> = (0..orders.seasonal_diff)
            .map(|k| diff + k * period)
            .collect();
        let (mut ends, mut entries) = (Vec::with_capacity(size), Vec::new());
        for row in 0..diff {
            entries.extend((row..diff).map(|column| (column, 1.0)));
            entries.extend(seasons.iter().map(|start| (start + period - 1, 1.0)));
            entries.push((burn, 1.0));
            ends.push(entries.len());
        }
        for (k, &start) in seasons.iter().enumerate() {
            entries.push((start + period - 1, 1.0));
            if let Some(next) = seasons.get(k + 1) {
                entries.push((next + period - 1, 1.0));
            }
            entries.push((burn, 1.0));
            ends.push(entries.len());
            for row in start + 1..start + period {
                entries.push((row - 1, 1.0));
                ends.push(entries.len());
            }
        }
        for i in 0..orders.arma_states() {
            if let Some(&a) = phi.get(i)
                && a != 0.0
            {
                entries.push((burn, a));
            }
            if i + 1 < orders.arma_states() {
                entries.push((burn + i + 1, 1.0));
            }
            ends.push(entries.len());
        }
        let observed = (0..diff)
            .chain(seasons.iter().map(|start| start + period - 1))
            .chain([burn])
            .collect();
        let mut selection = vec![0.0; burn];
        selection.push(1.0);
        selection.extend_from_slice(&theta);
        selection.resize(size, 0.0);
        Self {
            size,
            ends,
            entries,
            observed,
            selection,
            gain: vec![0.0; size],
            half: vec![0.0; size * size],
            turned: vec![0.0; size * size],
            moved: vec![0.0; size],
        }
    }

    /// The state before the first of `series` series: differences of variance `diffuse`, in units of
    /// the innovations', and the stationary part as it is; `None` where it is not stationary.
    pub(crate) fn start(
        &self,
        orders: &Orders,
        coefficients: &[f64],
        diffuse: f64,
        series: usize,
    ) -> Option<State> {
        let factors = orders.split(coefficients);
        let phi = product(factors.ar, factors.seasonal_ar, orders.period, 1.0);
        let theta = product(factors.ma, factors.seasonal_ma, orders.period, -1.0);
        let mut stationary = Vec::new();
        state_covariance(
            &phi,
            &theta,
            &mut CovarianceScratch::default(),
            &mut stationary,
        )?;
        let (burn, inner) = (orders.burn(), phi.len().max(theta.len()));
        let mut covariance = vec![0.0; self.size * self.size];
        let width = self.size.max(1);
        for (i, row) in covariance.chunks_exact_mut(width).enumerate() {
            if i < burn {
                if let Some(slot) = row.get_mut(i) {
                    *slot = diffuse;
                }
                continue;
            }
            let known = stationary.chunks_exact(inner.max(1)).nth(i - burn);
            for (slot, p) in row.iter_mut().skip(burn).zip(known.unwrap_or_default()) {
                *slot = *p;
            }
            let own = self.selection.get(i).copied().unwrap_or(0.0);
            for (slot, r) in row.iter_mut().zip(&self.selection) {
                *slot += own * r;
            }
        }
        Some(State {
            means: vec![vec![0.0; self.size]; series],
            covariance,
        })
    }

    /// What the state says about the next value of series `index`.
    pub(crate) fn expect(&self, state: &State, index: usize) -> f64 {
        let mean = state.means.get(index).map_or(&[][..], Vec::as_slice);
        self.observe(mean)
    }

    fn observe(&self, state: &[f64]) -> f64 {
        self.observed.iter().filter_map(|&i| state.get(i)).sum()
    }

    /// Takes the next value of each series, all missing where the first is NaN; writes what was not
    /// expected of each to `innovations` and returns the variance of it in units of the innovations'.
    /// `None` where rounding has left no variance.
    pub(crate) fn step(
        &mut self,
        state: &mut State,
        values: &[f64],
        innovations: &mut [f64],
    ) -> Option<f64> {
        for ((slot, value), mean) in innovations.iter_mut().zip(values).zip(&state.means) {
            *slot = value - self.observe(mean);
        }
        let missing = values.first().is_none_or(|value| value.is_nan());
        if state.covariance.is_empty() {
            if missing {
                self.unfold(state);
            } else {
                for (mean, innovation) in state.means.iter_mut().zip(&*innovations) {
                    for (a, r) in mean.iter_mut().zip(&self.selection) {
                        *a += r * innovation;
                    }
                }
                self.advance_means(state);
                return Some(1.0);
            }
        }
        let width = self.size.max(1);
        for (slot, row) in self
            .gain
            .iter_mut()
            .zip(state.covariance.chunks_exact(width))
        {
            *slot = self.observed.iter().filter_map(|&i| row.get(i)).sum();
        }
        let variance = self.observe(&self.gain);
        // Written so that a NaN is refused too.
        if !(variance > 0.0 && variance < f64::INFINITY) {
            return None;
        }
        if !missing {
            let inverse = 1.0 / variance;
            for (mean, innovation) in state.means.iter_mut().zip(&*innovations) {
                let scaled = innovation * inverse;
                for (a, g) in mean.iter_mut().zip(&self.gain) {
                    *a += g * scaled;
                }
            }
            for (row, g) in state.covariance.chunks_exact_mut(width).zip(&self.gain) {
                let scaled = g * inverse;
                if scaled != 0.0 {
                    for (p, h) in row.iter_mut().zip(&self.gain) {
                        *p -= scaled * h;
                    }
                }
            }
            let diagonal = state.covariance.iter().step_by(self.size + 1);
            if diagonal.fold(0.0_f64, |m, p| m.max(p.abs())) < KNOWN {
                state.covariance.clear();
            }
        }
        self.advance_means(state);
        if !state.covariance.is_empty() {
            self.advance_covariance(state);
        }
        Some(variance)
    }

    /// A lower triangle whose square is the covariance of `state`, with zero columns where it has no
    /// variance; empty where only the next innovation is unknown. `None` where it is not finite.
    pub(crate) fn root(&self, state: &State) -> Option<Vec<f64>> {
        let size = self.size;
        let mut root = state.covariance.clone();
        if root.is_empty() {
            return Some(root);
        }
        let largest = root
            .iter()
            .step_by(size + 1)
            .fold(0.0_f64, |m, p| m.max(*p));
        for i in 0..size {
            let (above, rest) = root.split_at_mut(i * size);
            let row = rest.get_mut(..size)?;
            for (j, other) in above.chunks_exact(size).enumerate() {
                let (done, slot) = row.split_at_mut(j);
                let diagonal = other.get(j).copied().unwrap_or(0.0);
                if let Some(slot) = slot.first_mut() {
                    let rest = *slot - dot(done, other.get(..j).unwrap_or_default());
                    *slot = if diagonal > 0.0 { rest / diagonal } else { 0.0 };
                }
            }
            let (done, own) = row.split_at_mut(i);
            let (own, after) = own.split_first_mut()?;
            let left = *own - dot(done, done);
            if !left.is_finite() {
                return None;
            }
            *own = if left > 1e-14 * largest {
                left.sqrt()
            } else {
                0.0
            };
            after.fill(0.0);
        }
        Some(root)
    }

    /// Moves the mean to a state drawn about it, by `draw` of the innovations' spread.
    pub(crate) fn disturb(&self, state: &mut State, root: &[f64], draw: &mut impl FnMut() -> f64) {
        let Some(mean) = state.means.first_mut() else {
            return;
        };
        if root.is_empty() {
            let innovation = draw();
            for (a, r) in mean.iter_mut().zip(&self.selection) {
                *a += r * innovation;
            }
            return;
        }
        let draws: Vec<f64> = mean.iter().map(|_| draw()).collect();
        for (a, row) in mean.iter_mut().zip(root.chunks_exact(self.size)) {
            *a += dot(row, &draws);
        }
    }

    /// Moves a state that is known to the next step, where this innovation happens.
    pub(crate) fn advance(&mut self, state: &mut State, innovation: f64) {
        self.advance_means(state);
        if let Some(mean) = state.means.first_mut() {
            for (a, r) in mean.iter_mut().zip(&self.selection) {
                *a += r * innovation;
            }
        }
    }

    /// Writes out the covariance of a state of which only the next innovation is unknown.
    fn unfold(&self, state: &mut State) {
        state.covariance.clear();
        for own in &self.selection {
            state
                .covariance
                .extend(self.selection.iter().map(|r| own * r));
        }
    }

    fn advance_means(&mut self, state: &mut State) {
        for mean in &mut state.means {
            let mut entries = self.entries.iter();
            let mut start = 0;
            for (slot, &end) in self.moved.iter_mut().zip(&self.ends) {
                let row = entries.by_ref().take(end - start);
                *slot = row.filter_map(|&(i, c)| mean.get(i).map(|a| c * a)).sum();
                start = end;
            }
            mean.copy_from_slice(&self.moved);
        }
    }

    /// `P = T P T' + R R'`.
    fn advance_covariance(&mut self, state: &mut State) {
        let size = self.size;
        sandwich(
            &self.entries,
            &self.ends,
            &state.covariance,
            size,
            &mut self.half,
        );
        for (row, line) in self.turned.chunks_exact_mut(size).enumerate() {
            for (slot, x) in line
                .iter_mut()
                .zip(self.half.iter().skip(row).step_by(size))
            {
                *slot = *x;
            }
        }
        sandwich(
            &self.entries,
            &self.ends,
            &self.turned,
            size,
            &mut state.covariance,
        );
        for (row, own) in state.covariance.chunks_exact_mut(size).zip(&self.selection) {
            if *own != 0.0 {
                for (slot, r) in row.iter_mut().zip(&self.selection) {
                    *slot += own * r;
                }
            }
        }
    }
}

/// `out = T a`.
fn sandwich(entries: &[(usize, f64)], ends: &[usize], a: &[f64], size: usize, out: &mut [f64]) {
    let mut start = 0;
    for (target, &end) in out.chunks_exact_mut(size).zip(ends) {
        target.fill(0.0);
        for &(i, c) in entries.get(start..end).unwrap_or_default() {
            let source = a.get(i * size..(i + 1) * size).unwrap_or_default();
            for (slot, x) in target.iter_mut().zip(source) {
                *slot += c * x;
            }
        }
        start = end;
    }
}

/// What a pass of the filter over data gives.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    /// The number of innovations that count.
    pub(crate) count: usize,
    /// The sum of their squares, each in units of its variance, at the effects.
    pub(crate) sum_squares: f64,
    /// The sum of the logarithms of their variances.
    pub(crate) log_determinant: f64,
    /// The effects of the regressors by least squares.
    pub(crate) effects: Vec<f64>,
    /// The normal matrix of that regression.
    pub(crate) normal: Vec<f64>,
}

/// Which innovations count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Counted {
    /// All from this step on.
    From(usize),
    /// Those whose variance, in units of the innovations', is below this, after a start of variance
    /// [`INFINITE`].
    Below(f64),
}

/// Filters the first series, NaN where missing, and the regressors with it, and concentrates their
/// effects out; `None` where that is not possible.
pub(crate) fn pass(
    kalman: &mut Kalman,
    mut state: State,
    values: &[f64],
    columns: &[Vec<f64>],
    counted: Counted,
) -> Option<Pass> {
    let width = columns.len() + 1;
    let mut products = vec![0.0; width * width];
    let (mut now, mut innovations) = (vec![0.0; width], vec![0.0; width]);
    let (mut count, mut log_determinant) = (0, 0.0);
    for (t, &value) in values.iter().enumerate() {
        let regressors = columns.iter().map(|c| c.get(t).copied().unwrap_or(0.0));
        for (slot, x) in now.iter_mut().zip(std::iter::once(value).chain(regressors)) {
            *slot = x;
        }
        let variance = kalman.step(&mut state, &now, &mut innovations)?;
        let counts = match counted {
            Counted::From(start) => t >= start,
            Counted::Below(most) => variance < most,
        };
        if value.is_nan() {
            continue;
        }
        if !counts {
            // What is known of the start still depends on which of its values are present.
            if matches!(counted, Counted::Below(_)) {
                log_determinant += (variance / INFINITE).ln();
            }
            continue;
        }
        count += 1;
        log_determinant += variance.ln();
        let inverse = 1.0 / variance;
        for (row, a) in products.chunks_exact_mut(width).zip(&innovations) {
            for (slot, b) in row.iter_mut().zip(&innovations) {
                *slot += a * b * inverse;
            }
        }
    }
    let (first, rest) = products.split_at_checked(width)?;
    let (&total, cross) = first.split_first()?;
    let mut normal: Vec<f64> = rest
        .chunks_exact(width)
        .flat_map(|row| row.iter().skip(1).copied())
        .collect();
    let mut effects = cross.to_vec();
    let kept = normal.clone();
    if !effects.is_empty() && !super::dense::solve(&mut normal, &mut effects) {
        return None;
    }
    Some(Pass {
        count,
        sum_squares: total - dot(cross, &effects),
        log_determinant,
        effects,
        normal: kept,
    })
}
