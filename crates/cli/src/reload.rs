//! Following the configuration file of a running service.

use std::path::PathBuf;
use std::time::Duration;

use bongsu::engine::Control;
use bongsu::engine::config::load;

use crate::signals::Hangups;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// For how long a changed text must stay as it is.
const SETTLED: Duration = Duration::from_secs(1);

/// Gives the configuration to the engine on SIGHUP, and when the file has changed, for ever.
///
/// The text is compared rather than the time of change: files that an orchestrator mounts are
/// links that are exchanged. `known` is the text that the engine started with.
pub(crate) async fn follow(
    control: Control,
    path: PathBuf,
    profile: Option<String>,
    mut known: Option<Vec<u8>>,
) {
    let mut hangups = match Hangups::install() {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::warn!(%error, "SIGHUP is not caught; the file is followed all the same");
            Hangups::default()
        }
    };
    loop {
        let asked = tokio::select! {
            () = hangups.next() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let text = std::fs::read(&path).ok();
        // A file that is gone for a moment is being replaced.
        let changed = text.is_some() && text != known;
        if !asked && !changed {
            continue;
        }
        if !asked {
            // An editor may be at work on it.
            tokio::time::sleep(SETTLED).await;
            if std::fs::read(&path).ok() != text {
                continue;
            }
        }
        known = text;
        // The engine says in the log and in its metrics what came of it.
        let _ = control.reload(load(&path, profile.as_deref())).await;
    }
}
