//! The service's own HTTP server: what it does, and whether it does it.

mod api;
mod change;
mod view;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use view::{BudgetView, ModelView, QueryView, Shared};

use bongsu_core::Secret;

use crate::metrics::Metrics;
use crate::{Control, Error};

/// How long a stopping server waits for requests that are being answered.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What the server shows, and whom it tells.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) view: Shared,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Arc<Registry>,
    pub(crate) control: Control,
    /// What a request that changes something must bring; without it there are none.
    pub(crate) token: Option<Secret>,
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `addr`, inside a Tokio runtime.
    pub(crate) fn start(addr: SocketAddr, served: Served) -> Result<Self, Error> {
        let failed = |e| Error::config(format!("server.listen: {addr}: {e}"));
        let listener = TcpListener::bind(addr).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let router = api::router(served);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means the same as a message.
                let _ = stopped.await;
            });
            // Accepting goes on after errors, so that there is none to report at the end.
            let _ = serving.await;
        });
        tracing::info!("listening on http://{addr}");
        Ok(Self {
            addr,
            stop: Some(stop),
            task,
        })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more requests, and waits a little for those being answered.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let _ = timeout(STOP_WITHIN, &mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
