//! The service's own HTTP server: what it does, and whether it does it.

mod access;
mod answers;
mod api;
mod capacity;
mod change;
mod connections;
mod dashboard;
mod incidents;
mod openapi;
mod routes;
mod shapes;
mod silences;
mod tls;
mod view;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use access::Access;
pub use answers::{AcknowledgeOrder, Maker, SilenceOrder, SilenceView};
pub(crate) use capacity::CapacityView;
pub use openapi::openapi_json;
pub(crate) use tls::Identity;
pub(crate) use view::{BudgetView, ModelView, QueryView, Shared, newest};

use crate::config::ServerConfig;
use crate::incident::Reports;
use crate::metrics::Metrics;
use crate::recent::Recent;
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
    pub(crate) reports: Reports,
    pub(crate) access: Access,
    /// What charts are drawn from.
    pub(crate) recent: Arc<Recent>,
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    scheme: &'static str,
    access: Access,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens as `config` says, inside a Tokio runtime.
    pub(crate) fn start(config: &ServerConfig, served: Served) -> Result<Self, Error> {
        let addr = config.listen;
        let identity = config.tls.as_ref().map(Identity::load).transpose()?;
        let failed = |e| Error::config(format!("server.listen: {addr}: {e}"));
        let listener = TcpListener::bind(addr).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let access = served.access.clone();
        let router = routes::router(served);
        let (stop, stopped) = oneshot::channel::<()>();
        // A dropped sender means the same as a message.
        let stopped = async { drop(stopped.await) };
        let scheme = if identity.is_some() { "https" } else { "http" };
        let task = tokio::spawn(async move {
            let limits = connections::Limits::default();
            match identity {
                None => connections::serve(listener, router, limits, stopped).await,
                Some(identity) => {
                    let listener = identity.guard(listener);
                    connections::serve(listener, router, limits, stopped).await;
                }
            }
        });
        tracing::info!("listening on {scheme}://{addr}");
        Ok(Self {
            addr,
            scheme,
            access,
            stop: Some(stop),
            task,
        })
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// Asks for the tokens of `config` from now on.
    pub(crate) fn renew(&self, config: &ServerConfig) {
        self.access.renew(config);
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
