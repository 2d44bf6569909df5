use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::{WindowFeatures, extract};

/// Window features, value by value; see [`WindowFeatures`].
///
/// Memory: 24 bytes a row of the window, 8 of them when saved.
///
/// ```
/// let mut stream = bongsu_ml::WindowFeatures::new().window(3)?.stride(3)?.build()?;
/// let means: Vec<f64> = [1.0, 2.0, 3.0, 7.0, 8.0, 9.0]
///     .into_iter()
///     .filter_map(|x| stream.push(x).ok()?)
///     .map(|features| features[1])
///     .collect();
/// assert_eq!(means, [2.0, 8.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct FeatureStream {
    config: WindowFeatures,
    seen: u64,
    /// The window is the end of it; moved to the front when twice as long.
    values: Vec<f64>,
    /// The values of the window that are present, ascending.
    sorted: Vec<f64>,
}

/// What is saved: the window alone; its order is rebuilt on loading.
#[derive(Serialize, Deserialize)]
struct Saved {
    config: WindowFeatures,
    seen: u64,
    window: Vec<f64>,
}

impl From<FeatureStream> for Saved {
    fn from(stream: FeatureStream) -> Self {
        Self {
            window: stream.last().to_vec(),
            config: stream.config,
            seen: stream.seen,
        }
    }
}

impl From<Saved> for FeatureStream {
    fn from(saved: Saved) -> Self {
        let present = saved.window.iter().copied().filter(|x| !x.is_nan());
        let mut sorted: Vec<f64> = present.collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            config: saved.config,
            seen: saved.seen,
            values: saved.window,
            sorted,
        }
    }
}

impl PartialEq for FeatureStream {
    fn eq(&self, other: &Self) -> bool {
        let bits = |x: &f64| x.to_bits();
        self.config == other.config
            && self.seen == other.seen
            && self
                .last()
                .iter()
                .map(bits)
                .eq(other.last().iter().map(bits))
    }
}

impl FeatureStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: WindowFeatures) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            seen: 0,
            values: Vec::new(),
            sorted: Vec::new(),
        })
    }

    /// Takes the next value (NaN when it is missing) and gives the features of the window that ends
    /// with it, where one does; in the order of [`WindowFeatures::NAMES`].
    ///
    /// # Errors
    /// When `x` is infinite; the state is then unchanged.
    pub fn push(&mut self, x: f64) -> Result<Option<[f64; WindowFeatures::COUNT]>> {
        if x.is_infinite() {
            return Err(Error::non_finite("the value", x));
        }
        let window = self.config.window;
        // One zero and one NaN only, so that equal windows are equal bit by bit.
        let x = if x.is_nan() { f64::NAN } else { x + 0.0 };
        let is_full = self.seen >= window as u64;
        let leaving = self.last().first().copied().filter(|_| is_full);
        self.replace(leaving.filter(|old| !old.is_nan()), x);
        if self.values.len() >= 2 * window {
            let start = self.values.len() + 1 - window;
            self.values.drain(..start);
        }
        self.values.push(x);
        self.seen = self.seen.saturating_add(1);
        let rows = self.seen.checked_sub(window as u64);
        let due = rows.is_some_and(|rows| rows.is_multiple_of(self.config.stride as u64));
        Ok(due.then(|| extract::features(self.last(), &self.sorted)))
    }

    /// The number of values taken since the start or the last reset.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &WindowFeatures {
        &self.config
    }

    /// Forgets every value.
    pub fn reset(&mut self) {
        self.seen = 0;
        self.values.clear();
        self.sorted.clear();
    }

    fn last(&self) -> &[f64] {
        let start = self.values.len().saturating_sub(self.config.window);
        self.values.get(start..).unwrap_or_default()
    }

    /// Puts `new` in its place among the sorted values unless it is missing, and takes `old` out.
    fn replace(&mut self, old: Option<f64>, new: f64) {
        let below = |x: f64| self.sorted.partition_point(|&v| v < x);
        match (old, new.is_nan()) {
            (None, true) => {}
            (None, false) => self.sorted.insert(below(new), new),
            (Some(old), true) => {
                let place = below(old);
                if place < self.sorted.len() {
                    self.sorted.remove(place);
                }
            }
            (Some(old), false) => {
                let (leave, enter) = (below(old), below(new));
                let place = if leave < enter {
                    self.sorted.copy_within(leave + 1..enter, leave);
                    enter - 1
                } else {
                    self.sorted.copy_within(enter..leave, enter + 1);
                    enter
                };
                if let Some(slot) = self.sorted.get_mut(place) {
                    *slot = new;
                }
            }
        }
    }
}

impl Snapshot for FeatureStream {
    const KIND: &'static str = "ml.window_features";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let expected = self.seen.min(self.config.window as u64);
        let canonical = |x: &f64| {
            x.to_bits() == f64::NAN.to_bits()
                || (x.is_finite() && x.to_bits() != (-0.0_f64).to_bits())
        };
        if self.values.len() as u64 == expected && self.values.iter().all(canonical) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the window does not fit the number of values seen",
            ))
        }
    }
}
