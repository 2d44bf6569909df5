//! Remote write: samples to any receiver that speaks the protocol, in order, from a queue.

mod encode;
mod options;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::client::{Transport, retry};
use crate::{ClientConfig, Error, Sample};

pub use options::{WriteOptions, WriteProtocol};

/// The longest pause that a receiver can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// A batch in which samples are bad is divided in at most so many requests.
const MOST_DIVIDED: usize = 64;

/// What a receiver of protocol 2.0 says that one of 1.0 does not.
const WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// Sends samples to a Prometheus remote-write endpoint, such as
/// `http://localhost:9090/api/v1/write` (Prometheus with `--web.enable-remote-write-receiver`,
/// VictoriaMetrics), or `.../api/v1/push` (Mimir).
///
/// [`RemoteWriter::send`] only queues. One task at a time posts batches, so that the samples of a
/// series arrive in the order in which they were sent. A batch that the receiver cannot take now (no
/// connection, 429, 5xx) is posted again after a growing pause, for as long as it takes; one that it
/// refuses (other 4xx) is given up and counted, as the same samples would be refused again; where it
/// calls some samples bad (400), halves are sent until those are alone, in at most some dozens of
/// requests a batch. Where a batch is too large for it (413), smaller ones are sent from then on. When the queue is full, the oldest samples
/// make room, and are counted.
///
/// Samples older than the newest of their series are refused by a receiver without an out-of-order
/// window (`out_of_order_time_window` in Prometheus).
///
/// Cost: 32 bytes a queued sample, and its labels once.
///
/// ```no_run
/// use std::time::Duration;
/// use bongsu_core::{Labels, Timestamp};
/// use bongsu_prometheus::{ClientConfig, RemoteWriter, Sample, WriteOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = ClientConfig::new("http://localhost:9090/api/v1/write")?;
/// let writer = RemoteWriter::start(endpoint, WriteOptions::default())?;
/// writer.send([Sample {
///     labels: Labels::from_pairs([("__name__", "bongsu_anomaly_score"), ("job", "node")])?,
///     timestamp: Timestamp::from_secs(1_700_000_000),
///     value: 0.3,
/// }]);
/// let status = writer.stop(Duration::from_secs(5)).await;
/// assert_eq!(status.written, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RemoteWriter {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What became of the samples of a [`RemoteWriter`] so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteStatus {
    /// Not delivered yet.
    pub queued: usize,
    /// Taken by the receiver.
    pub written: u64,
    /// Refused by the receiver, for good.
    pub refused: u64,
    /// Given up to make room in a full queue, or when stopping.
    pub dropped: u64,
    /// Requests that failed and were tried again.
    pub retries: u64,
    /// Why the last request failed; `None` when it did not.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Samples came in, or the writer is to stop.
    wake: Notify,
    /// The queue became empty.
    empty: Notify,
    max_queue: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Sample>,
    /// So many at the front of the queue are being delivered.
    in_flight: usize,
    stopping: bool,
    status: WriteStatus,
}

impl RemoteWriter {
    /// Starts a writer to `endpoint`, the whole address of the receiver. Its
    /// [retries](ClientConfig::retries) do not count here; its pauses between them do. Needs a Tokio
    /// runtime.
    ///
    /// # Errors
    /// When a TLS file cannot be read or holds something else.
    pub fn start(endpoint: ClientConfig, options: WriteOptions) -> Result<Self, Error> {
        let transport = Transport::new(endpoint)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Notify::new(),
            empty: Notify::new(),
            max_queue: options.max_queue,
        });
        let lane = Lane {
            transport,
            protocol: options.protocol,
            batch: options.max_batch,
            shared: Arc::clone(&shared),
        };
        Ok(Self {
            shared,
            task: tokio::spawn(lane.run()),
        })
    }

    /// Queues `samples`, those of a series in order of time. Never waits.
    pub fn send(&self, samples: impl IntoIterator<Item = Sample>) {
        let mut state = self.shared.lock();
        state.queue.extend(samples);
        let (in_flight, queued) = (state.in_flight, state.queue.len());
        let excess = (queued - in_flight).saturating_sub(self.shared.max_queue);
        state.queue.drain(in_flight..in_flight + excess);
        state.status.dropped += excess as u64;
        drop(state);
        self.shared.wake.notify_one();
    }

    /// What became of the samples so far.
    #[must_use]
    pub fn status(&self) -> WriteStatus {
        let state = self.shared.lock();
        WriteStatus {
            queued: state.queue.len(),
            ..state.status.clone()
        }
    }

    /// Waits until everything queued is delivered or refused; false when that takes longer than
    /// `within`.
    pub async fn flush(&self, within: Duration) -> bool {
        let emptied = async {
            loop {
                let empty = self.shared.empty.notified();
                if self.status().queued == 0 {
                    return;
                }
                empty.await;
            }
        };
        timeout(within, emptied).await.is_ok()
    }

    /// Stops at once, and gives what is not delivered, for another writer to the same receiver. A
    /// batch that is under way may arrive twice then, which receivers take for once.
    #[must_use]
    pub fn hand_over(self) -> Vec<Sample> {
        self.task.abort();
        let mut state = self.shared.lock();
        state.in_flight = 0;
        state.queue.drain(..).collect()
    }

    /// Delivers what is queued, for at most `within`, and stops. What is left then is dropped.
    pub async fn stop(mut self, within: Duration) -> WriteStatus {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        if timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
            // Nothing is in flight after this.
            let _ = (&mut self.task).await;
        }
        let mut state = self.shared.lock();
        let left = state.queue.len();
        state.queue.clear();
        state.in_flight = 0;
        state.status.dropped += left as u64;
        state.status.clone()
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for samples and takes at most `n`; `None` when there are none and none will come.
    async fn take(&self, n: usize) -> Option<Vec<Sample>> {
        loop {
            {
                let mut state = self.lock();
                if !state.queue.is_empty() {
                    let n = n.min(state.queue.len());
                    state.in_flight = n;
                    return Some(state.queue.iter().take(n).cloned().collect());
                }
                if state.stopping {
                    return None;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Notes that `n` samples in flight are dealt with.
    fn settle(&self, n: usize, count: impl FnOnce(&mut WriteStatus)) {
        let mut state = self.lock();
        // None of them is there any more after a hand-over.
        let n = n.min(state.in_flight);
        state.in_flight -= n;
        state.queue.drain(..n);
        count(&mut state.status);
        if state.queue.is_empty() {
            self.empty.notify_waiters();
        }
    }
}

/// The task that posts.
struct Lane {
    transport: Transport,
    protocol: WriteProtocol,
    batch: usize,
    shared: Arc<Shared>,
}

/// What to do after a failure.
enum Next {
    /// The same once more, later.
    Wait(Duration),
    /// Something else at once.
    Again,
    GiveUp,
}

impl Lane {
    async fn run(mut self) {
        while let Some(samples) = self.shared.take(self.batch).await {
            let mut rest = samples.as_slice();
            while !rest.is_empty() {
                let n = self.batch.min(rest.len());
                let (batch, later) = rest.split_at(n);
                let mut requests = MOST_DIVIDED;
                if self.deliver(batch, &mut requests).await {
                    rest = later;
                }
            }
        }
    }

    /// Posts `batch` until it is taken or refused; false when it is to be split first.
    async fn deliver(&mut self, batch: &[Sample], requests: &mut usize) -> bool {
        let mut failures = 0;
        *requests = requests.saturating_sub(1);
        loop {
            let error = match self.post(batch).await {
                Ok(()) => {
                    self.shared.settle(batch.len(), |status| {
                        status.written += batch.len() as u64;
                        status.last_error = None;
                    });
                    return true;
                }
                Err(error) => error,
            };
            let next = self.next(&error, batch.len(), failures);
            // Prometheus takes nothing of a batch in which one sample is out of order.
            let is_divided = error.http_status() == Some(400) && batch.len() > 1 && *requests > 0;
            if is_divided {
                let (older, newer) = batch.split_at(batch.len() / 2);
                for half in [older, newer] {
                    Box::pin(self.deliver(half, requests)).await;
                }
                return true;
            }
            let refused = matches!(next, Next::GiveUp);
            self.shared
                .settle(if refused { batch.len() } else { 0 }, |status| {
                    status.last_error = Some(error.to_string());
                    if refused {
                        status.refused += batch.len() as u64;
                    } else {
                        status.retries += 1;
                    }
                });
            match next {
                Next::GiveUp => return true,
                Next::Again if self.batch < batch.len() => return false,
                Next::Again => {}
                Next::Wait(pause) => {
                    failures += 1;
                    sleep(pause).await;
                }
            }
        }
    }

    async fn post(&mut self, batch: &[Sample]) -> Result<(), Error> {
        let call = encode::call(batch, self.protocol)?;
        let reply = self.transport.attempt(&call).await?;
        if self.protocol == WriteProtocol::V2 && !reply.headers.contains_key(WRITTEN) {
            // A receiver of 1.0 that did not look at the type has taken it for an empty request.
            self.protocol = WriteProtocol::V1;
            let call = encode::call(batch, self.protocol)?;
            self.transport.attempt(&call).await?;
        }
        Ok(())
    }

    fn next(&mut self, error: &Error, len: usize, failures: u32) -> Next {
        if error.is_transient() {
            let config = &self.transport.config;
            let asked = error.retry_after();
            let pause = retry::pause(failures, config.first_delay, config.max_delay, asked);
            // A pause longer than the own ones is kept all the same: nobody waits for the answer.
            let pause = pause.or(asked).unwrap_or(config.max_delay);
            return Next::Wait(pause.min(LONGEST_PAUSE));
        }
        match error.http_status() {
            Some(413) if len > 1 => {
                self.batch = len.div_ceil(2);
                Next::Again
            }
            Some(415) if self.protocol == WriteProtocol::V2 => {
                self.protocol = WriteProtocol::V1;
                Next::Again
            }
            _ => Next::GiveUp,
        }
    }
}
