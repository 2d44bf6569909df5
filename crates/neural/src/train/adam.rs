use crate::kernel::{Work, widest};

/// The moments that Adam keeps of each parameter's gradient.
///
/// With gradient `g`: `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, and at step `t`
/// `w -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)`.
#[derive(Debug)]
pub(super) struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Adam {
    pub(super) fn new(parameters: usize) -> Self {
        Self {
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
            steps: 0,
        }
    }

    /// One step; `decay` takes this share of each parameter away first.
    pub(super) fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &[f32],
        rate: f64,
        decay: f64,
    ) {
        self.steps = self.steps.saturating_add(1);
        let correction = (1.0 - BETA2.powi(self.steps)).sqrt();
        widest(Step {
            parameters,
            gradients,
            first: &mut self.first,
            second: &mut self.second,
            kept: (1.0 - decay) as f32,
            rate: (rate * correction / (1.0 - BETA1.powi(self.steps))) as f32,
            epsilon: (EPSILON * correction) as f32,
        });
    }
}

struct Step<'a> {
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    kept: f32,
    rate: f32,
    epsilon: f32,
}

impl Work for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
        let (kept, rate, epsilon) = (self.kept, self.rate, self.epsilon);
        let moments = self.first.iter_mut().zip(self.second);
        let weights = self.parameters.iter_mut().zip(self.gradients);
        for ((w, &g), (m, v)) in weights.zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w = kept * *w - rate * *m / (v.sqrt() + epsilon);
        }
    }
}
