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

/// SIGHUP, by which a service is asked to read its configuration again.
#[derive(Debug, Default)]
pub(crate) struct Hangups {
    #[cfg(unix)]
    hangup: Option<Signal>,
}

impl Hangups {
    /// Installs the handler; needs a runtime.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            hangup: Some(signal(SignalKind::hangup())?),
        })
    }

    /// Completes on the next signal; never where there is no handler.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(hangup) = &mut self.hangup
            && hangup.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
