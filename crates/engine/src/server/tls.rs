//! The server's certificate, and the clients'.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::serve::Listener;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Error;
use crate::config::ServerTlsConfig;

/// A handshake that takes longer is given up.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// So many handshakes are under way at once.
const HANDSHAKES: usize = 256;
/// Whether the files have changed is looked at so often at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After a failure to accept, when there are no file descriptors left for example.
const PAUSE: Duration = Duration::from_millis(500);

/// A certificate and key that were read, and who may connect.
#[derive(Debug)]
pub(crate) struct Identity {
    config: ServerTlsConfig,
    tls: Arc<ServerConfig>,
    /// When the files were changed last.
    changed: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl Identity {
    /// Reads the files.
    pub(crate) fn load(config: &ServerTlsConfig) -> Result<Self, Error> {
        Ok(Self {
            // First, so that no change is missed.
            changed: changed(config),
            tls: read(config)?,
            config: config.clone(),
            looked: Instant::now(),
        })
    }

    /// What is presented to the next client: the files are read again when they have changed.
    fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            let changed = changed(&self.config);
            if changed != self.changed {
                self.changed = changed;
                match read(&self.config) {
                    Ok(tls) => {
                        self.tls = tls;
                        tracing::info!("the server's certificate was read again");
                    }
                    Err(error) => {
                        tracing::error!(%error, "the server's new certificate is refused; the old one stays");
                    }
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&self.tls))
    }

    /// Takes connections of `listener`; handshakes are made side by side.
    pub(super) fn guard(mut self, listener: TcpListener) -> Guarded {
        let addr = listener.local_addr();
        let (send, connections) = mpsc::channel(1);
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = match listener.accept().await {
                    Ok(connection) => connection,
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not accepted");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                // Never closed, so that this cannot fail.
                let permit = Arc::clone(&handshakes).acquire_owned().await.ok();
                let (acceptor, send) = (self.acceptor(), send.clone());
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            // The server has ended when nobody takes it.
                            let _ = send.send((stream, peer)).await;
                            // Not before: those that wait for a place are bounded, too.
                            drop(permit);
                        }
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                        Err(_) => tracing::debug!(%peer, "a handshake took too long"),
                    }
                });
            }
        });
        Guarded {
            addr,
            connections,
            task,
        }
    }
}

/// Connections after their handshakes.
#[derive(Debug)]
pub(super) struct Guarded {
    addr: io::Result<SocketAddr>,
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Listener for Guarded {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The task lives as long as this does.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.addr {
            Ok(addr) => Ok(*addr),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn changed(config: &ServerTlsConfig) -> Vec<Option<SystemTime>> {
    let files = [
        Some(&config.certificate),
        Some(&config.key),
        config.client_ca.as_ref(),
    ];
    let time = |path: &std::path::PathBuf| fs::metadata(path).and_then(|m| m.modified()).ok();
    files.into_iter().flatten().map(time).collect()
}

fn read(config: &ServerTlsConfig) -> Result<Arc<ServerConfig>, Error> {
    let wrong = |key: &str, path: &Path, message: &str| {
        Error::config(format!("server.tls.{key}: {}: {message}", path.display()))
    };
    let chain = certificates("certificate", &config.certificate)?;
    let pem = fs::read(&config.key).map_err(|e| wrong("key", &config.key, &e.to_string()))?;
    // The library's message could quote the key, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| wrong("key", &config.key, "this is no private key in PEM"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::config(format!("server.tls: {e}")))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("client_ca", path)? {
                roots
                    .add(authority)
                    .map_err(|e| wrong("client_ca", path, &e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.map_err(|e| wrong("client_ca", path, &e.to_string()))?,
            )
        }
    };
    let mut tls = builder
        .with_single_cert(chain, key)
        .map_err(|e| wrong("certificate", &config.certificate, &e.to_string()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong =
        |message: &str| Error::config(format!("server.tls.{key}: {}: {message}", path.display()));
    let pem = fs::read(path).map_err(|e| wrong(&e.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong("this holds no certificates in PEM")),
    }
}
