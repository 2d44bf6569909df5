use std::cell::RefCell;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::LOOKBACK;
use crate::fourier::fast_length;

/// The least amplitude, as a share of the largest.
const FLOOR: f64 = 1e-8;

/// The longest series whose plan is kept: a few megabytes.
const MOST_KEPT: usize = 1 << 17;

thread_local! {
    /// The plan of the latest length. To plan takes longer than to transform, and the metrics of a
    /// service are as long as each other.
    static LATEST: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// How series of one length are transformed.
#[derive(Clone)]
struct Plan {
    forward: Arc<dyn RealToComplex<f64>>,
    backward: Arc<dyn ComplexToReal<f64>>,
}

impl Plan {
    fn of(length: usize) -> Self {
        LATEST.with_borrow_mut(|latest| {
            if let Some(plan) = latest.as_ref().filter(|p| p.forward.len() == length) {
                return plan.clone();
            }
            let mut planner = RealFftPlanner::new();
            let plan = Self {
                forward: planner.plan_fft_forward(length),
                backward: planner.plan_fft_inverse(length),
            };
            if length <= MOST_KEPT {
                *latest = Some(plan.clone());
            }
            plan
        })
    }
}

/// The Fourier transforms of series of one length, and the memory that they work in.
#[derive(Clone)]
pub(super) struct Transform {
    plan: Plan,
    /// The number of values, without the estimated ones.
    n: usize,
    extension: usize,
    series: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    /// Log amplitudes, with those at either end that an average reaches beyond it.
    logs: Vec<f64>,
    scratch: Vec<Complex<f64>>,
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transform").field("n", &self.n).finish()
    }
}

impl Transform {
    /// The bytes on the heap, without the plan.
    pub(super) const fn heap_bytes(&self) -> usize {
        let complex = self.spectrum.capacity() + self.scratch.capacity();
        let real = self.series.capacity() + self.logs.capacity();
        complex * size_of::<Complex<f64>>() + real * size_of::<f64>()
    }

    /// Of series of `n` values, lengthened by `extension` estimated ones and to a quick length.
    pub(super) fn new(n: usize, extension: usize) -> Self {
        let length = match extension {
            0 => n,
            _ => fast_length(n + extension),
        };
        let plan = Plan::of(length);
        let Plan { forward, backward } = &plan;
        let scratch = forward.get_scratch_len().max(backward.get_scratch_len());
        Self {
            n,
            extension,
            series: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            logs: Vec::new(),
            scratch: vec![Complex::default(); scratch],
            plan,
        }
    }

    /// The saliency of each of `values`, as many as it was made for.
    pub(super) fn saliency(
        &mut self,
        values: impl Iterator<Item = f64> + Clone,
        smoothing: usize,
    ) -> &[f64] {
        let n = self.n;
        // Deviations from the mean in units of the largest one: no square overflows, no offset costs
        // digits. Halved first, as differences of the largest floats would overflow.
        let first = values.clone().next().unwrap_or(0.0) * 0.5;
        for (slot, x) in self.series.iter_mut().zip(values) {
            *slot = x * 0.5 - first;
        }
        self.extend();
        let largest = self.series.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        if largest > 0.0 {
            self.series.iter_mut().for_each(|x| *x /= largest);
            let mean = self.series.iter().sum::<f64>() / self.series.len() as f64;
            self.series.iter_mut().for_each(|x| *x -= mean);
            self.transform(smoothing);
        }
        self.series.get(..n).unwrap_or_default()
    }

    /// Writes the estimated points after the last value, and those that lead back to the first.
    fn extend(&mut self) {
        let (values, estimated) = self.series.split_at_mut(self.n);
        // Without the last one, which is judged: it must not shape what is estimated to follow it.
        let mut latest = values.iter().rev().skip(1).copied();
        let Some(last) = latest.next() else {
            return;
        };
        let mut slope = 0.0;
        let mut start = last;
        for (steps, x) in (1..=LOOKBACK).zip(latest) {
            slope += (last / steps as f64 - x / steps as f64) / LOOKBACK as f64;
            if steps < LOOKBACK {
                start = x;
            }
        }
        let point = start + slope * LOOKBACK as f64;
        let point = point.clamp(-f64::MAX, f64::MAX);
        let extension = self.extension.min(estimated.len());
        let (estimated, bridge) = estimated.split_at_mut(extension);
        estimated.fill(point);
        let first = values.first().copied().unwrap_or(0.0);
        let steps = (bridge.len() + 1) as f64;
        for (step, slot) in (1..).zip(bridge) {
            let share = f64::from(step) / steps;
            *slot = point * (1.0 - share) + first * share;
        }
    }

    fn transform(&mut self, smoothing: usize) {
        let length = self.series.len();
        // Both fail only on slices of other lengths than planned; these are the planned ones.
        let done = self.plan.forward.process_with_scratch(
            &mut self.series,
            &mut self.spectrum,
            &mut self.scratch,
        );
        if done.is_err() {
            return;
        }
        self.average_logs(smoothing);
        let reach = smoothing as f64;
        let averages = self.logs.windows(smoothing);
        for (f, logs) in self.spectrum.iter_mut().zip(averages) {
            *f *= (-logs.iter().sum::<f64>() / reach).exp() / length as f64;
        }
        // Of a real series the first, and at even lengths the last, have no imaginary part.
        if let Some(f) = self.spectrum.first_mut() {
            *f = Complex::default();
        }
        if length.is_multiple_of(2)
            && let Some(f) = self.spectrum.last_mut()
        {
            f.im = 0.0;
        }
        let done = self.plan.backward.process_with_scratch(
            &mut self.spectrum,
            &mut self.series,
            &mut self.scratch,
        );
        debug_assert!(done.is_ok(), "the lengths are the planned ones");
        self.series.iter_mut().for_each(|s| *s = s.abs());
    }

    /// Fills in the log amplitudes; the spectrum of a real series is mirrored at both its ends.
    fn average_logs(&mut self, smoothing: usize) {
        let (half, length) = (smoothing / 2, self.series.len());
        self.logs.clear();
        self.logs.resize(half, 0.0);
        // The square root of the squares: amplitudes are at most the length, so nothing overflows.
        let squares = self.spectrum.iter().map(Complex::norm_sqr);
        self.logs.extend(squares);
        let inner = self.logs.get_mut(half..).unwrap_or_default();
        if let [zero, next, ..] = inner {
            *zero = *next;
        }
        let largest = inner.iter().fold(0.0_f64, |m, &x| m.max(x));
        let floor = (FLOOR * FLOOR * largest).max(f64::MIN_POSITIVE);
        inner.iter_mut().for_each(|x| *x = 0.5 * x.max(floor).ln());
        let frequencies = inner.len();
        for i in 1..=half {
            let mirrored = self.logs.get(half + i).copied().unwrap_or(0.0);
            if let Some(slot) = self.logs.get_mut(half - i) {
                *slot = mirrored;
            }
            // The frequency beyond the last one is the mirror image of `length - that`.
            let beyond = length.saturating_sub(frequencies - 1 + i);
            let mirrored = self.logs.get(half + beyond).copied().unwrap_or(0.0);
            self.logs.push(mirrored);
        }
    }
}
