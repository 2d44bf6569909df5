use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bongsu_core::{Detector as _, Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::FittedNetwork;
use super::errors::Model;
use crate::{Scratch, check};

/// A trained network that judges points as they come.
///
/// A point is judged by the window that ends with it (of a network that foretells, by the window
/// before it), and there is no score until a window is full. Learning a point moves the window on;
/// the weights never change. Many series can share one network.
///
/// Memory: beside the network, shared, 8 bytes a number of a window and a [`Scratch`].
///
/// ```
/// use bongsu_core::{FitDetector as _, StreamDetector as _, ndarray::Array2};
/// use bongsu_neural::{LstmForecaster, Training};
/// let wave = Array2::from_shape_fn((200, 1), |(i, _)| (i as f64 * 0.4).sin());
/// let training = Training::new().epochs(2)?;
/// let config = LstmForecaster::new().sequence(8)?.units(vec![8])?.training(training);
/// let mut live = config.fit(wave.view())?.live();
/// for row in wave.rows() {
///     live.learn(&[row[0]])?;
/// }
/// let (near, far) = (live.score(&[0.9])?, live.score(&[9.0])?);
/// assert!(near.ready() < far.ready());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug)]
pub struct LiveNetwork {
    network: Arc<FittedNetwork>,
    /// The latest rows, scaled, each at two places, so that those before any row are in one piece.
    rows: Vec<f32>,
    /// The place of the next row among the first half.
    next: usize,
    seen: u64,
    /// Locked for one judgement: a judge can be shared between threads.
    work: Mutex<Work>,
}

/// Memory for one judgement.
#[derive(Debug, Default)]
struct Work {
    window: Vec<f32>,
    scratch: Scratch,
}

impl LiveNetwork {
    /// A judge by `network` that has seen nothing yet.
    #[must_use]
    pub fn new(network: Arc<FittedNetwork>) -> Self {
        let past = network.model.rows() - 1;
        Self {
            rows: vec![0.0; 2 * past * network.n_features()],
            network,
            next: 0,
            seen: 0,
            work: Mutex::default(),
        }
    }

    /// The network that it judges by.
    #[must_use]
    pub const fn network(&self) -> &Arc<FittedNetwork> {
        &self.network
    }

    /// How much each feature of `x`, were it the next point, would contribute to its error; `None`
    /// until a window is full.
    ///
    /// # Errors
    /// As [`StreamDetector::score`].
    pub fn contributions(&self, x: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(x, self.network.n_features())?;
        if self.remaining() > 0 {
            return Ok(None);
        }
        let mut work = self.work();
        self.fill(x, &mut work.window);
        let Work { window, scratch } = &mut *work;
        self.network.shares_of_last(window, scratch).map(Some)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        // Whatever a panic left there is overwritten.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of rows before one that its judgement needs.
    fn past(&self) -> usize {
        self.network.model.rows() - 1
    }

    fn remaining(&self) -> u64 {
        (self.past() as u64).saturating_sub(self.seen)
    }

    /// The rows before `x`, oldest first, and `x`.
    fn fill(&self, x: &[f64], window: &mut Vec<f32>) {
        let features = self.network.n_features();
        let past = self.rows.get(self.next * features..);
        window.clear();
        window.extend(past.unwrap_or_default().iter().take(self.past() * features));
        window.extend(self.network.scaler.scaled(x.iter().copied()));
    }

    /// The causal error of the last row of the window.
    fn error(&self, work: &mut Work) -> Result<f64> {
        let (loss, last) = (self.network.loss, self.past());
        let (mut sum, mut count) = (0.0, 0_u32);
        let Work { window, scratch } = work;
        let model: &Model = &self.network.model;
        model.judge(window, 1, scratch, &mut |row, expected, found| {
            if row == last {
                sum += loss.of_row(expected, found);
                count += 1;
            }
        })?;
        Ok(sum / f64::from(count))
    }
}

impl StreamDetector for LiveNetwork {
    /// Allocates nothing after the first time, unless the network is that of an ONNX file.
    fn score(&self, x: &[f64]) -> Result<Score> {
        check::row(x, self.network.n_features())?;
        let remaining = self.remaining();
        if remaining > 0 {
            return Ok(Score::Warmup { remaining });
        }
        let mut work = self.work();
        self.fill(x, &mut work.window);
        let error = self.error(&mut work)?;
        Ok(Score::Ready(self.network.live_score_of(error)))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        let features = self.network.n_features();
        check::row(x, features)?;
        let past = self.past();
        if past > 0 {
            for place in [self.next, self.next + past] {
                let row = self.rows.iter_mut().skip(place * features);
                for (slot, value) in row.zip(self.network.scaler.scaled(x.iter().copied())) {
                    *slot = value;
                }
            }
            self.next = (self.next + 1) % past;
        }
        self.seen = self.seen.saturating_add(1);
        Ok(())
    }

    /// What the network foretells of a single column, once a window is full.
    fn expectation(&self) -> Option<Expectation> {
        if !self.network.has_bands() || self.remaining() > 0 {
            return None;
        }
        let mut work = self.work();
        // The place of the next value, whatever it will be.
        self.fill(&[0.0], &mut work.window);
        let Work { window, scratch } = &mut *work;
        self.network.bands(window, scratch).ok()?.last().copied()
    }

    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    /// Without the network, which other series may share.
    fn heap_bytes(&self) -> usize {
        let work = self.work();
        let numbers = self.rows.capacity() + work.window.capacity();
        numbers * size_of::<f32>() + work.scratch.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.rows.fill(0.0);
        (self.next, self.seen) = (0, 0);
    }
}

impl Clone for LiveNetwork {
    fn clone(&self) -> Self {
        Self {
            network: Arc::clone(&self.network),
            rows: self.rows.clone(),
            next: self.next,
            seen: self.seen,
            work: Mutex::default(),
        }
    }
}

impl PartialEq for LiveNetwork {
    fn eq(&self, other: &Self) -> bool {
        self.network == other.network
            && self.rows == other.rows
            && (self.next, self.seen) == (other.next, other.seen)
    }
}

/// What is saved.
#[derive(Serialize, Deserialize)]
struct Saved<N> {
    network: N,
    rows: Vec<f32>,
    next: usize,
    seen: u64,
}

impl Serialize for LiveNetwork {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = Saved {
            network: &*self.network,
            rows: self.rows.clone(),
            next: self.next,
            seen: self.seen,
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LiveNetwork {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::<FittedNetwork>::deserialize(deserializer)?;
        Ok(Self {
            network: Arc::new(saved.network),
            rows: saved.rows,
            next: saved.next,
            seen: saved.seen,
            work: Mutex::default(),
        })
    }
}

impl Snapshot for LiveNetwork {
    const KIND: &'static str = "neural.live";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.network.validate()?;
        let size = self.past().saturating_mul(2 * self.network.n_features());
        if self.rows.len() != size
            || self.next >= self.past().max(1)
            || !self.rows.iter().all(|value| value.is_finite())
        {
            return Err(Error::snapshot("the latest rows do not fit the network"));
        }
        Ok(())
    }
}
