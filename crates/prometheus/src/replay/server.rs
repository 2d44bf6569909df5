use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bongsu_core::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Recording, ReplayClock, api};
use crate::{Error, ErrorKind};

/// How long [`ReplayServer::stop`] waits for requests that are being answered.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How a [`ReplayServer`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// How far back an instant selector looks for the last point of a series (default 5 min, that
    /// of Prometheus).
    pub lookback: Duration,
}

impl ReplayOptions {
    /// How far back an instant selector looks for the last point of a series (default 5 min, that
    /// of Prometheus). Domain: at least 1 ms.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn lookback(mut self, lookback: Duration) -> Result<Self, Error> {
        if lookback < Duration::from_millis(1) {
            let shown = format!("{lookback:?}");
            return Err(Error::parameter("lookback", shown, "at least 1 ms"));
        }
        self.lookback = lookback;
        Ok(self)
    }
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_mins(5),
        }
    }
}

/// A recording behind Prometheus' HTTP API.
///
/// Answers `/api/v1/query`, `query_range`, `series`, `labels`, `label/<name>/values`, `metadata`,
/// `targets` and `status/buildinfo`, `/-/ready` and `/-/healthy`, by GET and by form POST. A series
/// that has had no point for 2.5 of its scrape intervals is absent, as after Prometheus' stale
/// marker. It has no access control: listen on loopback.
///
/// It stops when it is dropped; [`ReplayServer::stop`] also waits for the end.
#[derive(Debug)]
pub struct ReplayServer {
    addr: SocketAddr,
    recording: Arc<Recording>,
    clock: ReplayClock,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl ReplayServer {
    /// Serves `recording` on `addr` (port 0: any free one) at the time that `clock` shows.
    ///
    /// # Errors
    /// When the address cannot be listened on, or outside a Tokio runtime.
    pub fn start(
        recording: Arc<Recording>,
        clock: ReplayClock,
        addr: SocketAddr,
    ) -> Result<Self, Error> {
        Self::start_with(recording, clock, addr, ReplayOptions::default())
    }

    /// As [`ReplayServer::start`], with other options.
    ///
    /// # Errors
    /// As [`ReplayServer::start`].
    pub fn start_with(
        recording: Arc<Recording>,
        clock: ReplayClock,
        addr: SocketAddr,
        options: ReplayOptions,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            let message = "a replay server needs a Tokio runtime";
            Error::plain(ErrorKind::Configuration, message)
        })?;
        let failed = |e| Error::io(format!("listening on {addr}"), e);
        let listener = TcpListener::bind(addr).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let router = api::router(recording.clone(), clock.clone(), options);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means the same as a message.
                let _ = stopped.await;
            });
            // Accepting goes on after errors, so that there is none to report at the end.
            let _ = serving.await;
        });
        Ok(Self {
            addr,
            recording,
            clock,
            stop: Some(stop),
            task,
        })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base address, such as `http://127.0.0.1:9090`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The time in the recording.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What it serves.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Takes no more requests, and waits at most 5 s until those being answered are done.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        // What is still running after that is aborted by the drop.
        let _ = tokio::time::timeout(STOP_WITHIN, &mut self.task).await;
    }
}

impl Drop for ReplayServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
