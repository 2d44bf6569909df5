use serde::{Deserialize, Serialize};

/// The 0.99 quantile of `|z|` for standard normal `z`.
const NORMAL_HIGH: f64 = 2.575_829_303_548_901;

/// The mean of `|z|` for standard normal `z`.
const NORMAL_MEAN: f64 = 0.797_884_560_802_865_4;

/// Step of the quantile's logarithm: one exceedance moves it by about 3 %.
const QUANTILE_STEP: f64 = 0.03;

/// The share of a step that an exceedance beyond the detector's threshold makes.
const BEYOND_SHARE: f64 = 0.25;

/// Weight of a new value in the mean.
const MEAN_STEP: f64 = 0.01;

/// How much further than the quantile itself the bound moves when the tail is heavy, for the square
/// of the excess of `q/m` over its normal value.
const STRETCH: f64 = 0.4;

/// How many times longer the first steps are, and after how many points that has halved.
const EAGERNESS: f64 = 5.0;
const EAGER_POINTS: f64 = 30.0;

/// The largest factor.
const MOST: f64 = 8.0;

/// How heavy the tail of standardised deviations is, in constant memory.
///
/// Two numbers are tracked: the 0.99 quantile `q` of `|u|` by stochastic approximation (up by
/// `e^(0.99 s)` when exceeded, down by `e^(-0.01 s)` otherwise) and the mean `m` of `|u|`. The scale
/// is then multiplied by `max(1, q/2.576 (1 + 0.4 max(0, q/m - 3.228)^2))`, which is about 1 for
/// normal data; 0.4 makes a bound of 4 leave about 1 in 1,000 points of a Student t with 3 degrees
/// of freedom outside, and fewer of a t with 5 or of a Laplace distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    high: f64,
    mean: f64,
}

impl Tail {
    /// Tails of normal noise, of which the factor is 1.
    pub const NORMAL: Self = Self {
        high: NORMAL_HIGH,
        mean: NORMAL_MEAN,
    };

    /// Takes in the deviation `u` of point number `seen` in standard deviations, at least 0; `beyond`
    /// says that it was beyond the threshold, `repeated` that the one before was so too: one event
    /// counts once.
    pub fn learn(&mut self, u: f64, seen: u64, beyond: bool, repeated: bool) {
        let step = QUANTILE_STEP * (1.0 + EAGERNESS / (1.0 + seen as f64 / EAGER_POINTS));
        if u <= self.high {
            self.high *= (-step * 0.01).exp();
        } else if !repeated {
            let share = if beyond { BEYOND_SHARE } else { 1.0 };
            self.high *= (step * 0.99 * share).exp();
        }
        self.high = self.high.clamp(NORMAL_HIGH * 0.5, NORMAL_HIGH * MOST);
        self.mean += MEAN_STEP * (u.min(self.high) - self.mean);
        self.mean = self.mean.clamp(NORMAL_MEAN * 0.25, NORMAL_MEAN * 4.0);
    }

    /// The factor by which the tail stretches the scale, in [1, 8].
    #[must_use]
    pub fn factor(&self) -> f64 {
        let excess = (self.high / self.mean - NORMAL_HIGH / NORMAL_MEAN).max(0.0);
        (self.high / NORMAL_HIGH * (1.0 + STRETCH * excess * excess)).clamp(1.0, MOST)
    }

    /// Whether a state that was loaded is one that can be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.high.is_finite() && self.high > 0.0 && self.mean.is_finite() && self.mean > 0.0
    }
}
