//! The ways in which a user or a supervisor asks the process to end.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, which are caught from the moment at which this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    /// Installs the handlers; needs a runtime.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Completes on the next signal, also when it came before the call.
    #[cfg(unix)]
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Completes on the next signal.
    #[cfg(not(unix))]
    pub(crate) async fn wait(&mut self) {
        // Without a handler the process ends the default way, which is also an end.
        let _ = tokio::signal::ctrl_c().await;
    }
}
