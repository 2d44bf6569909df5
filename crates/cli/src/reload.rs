//! Following the configuration file of a running service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu::engine::Control;
use bongsu::engine::config::load;

use crate::signals::Hangups;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// For how long a changed text must stay as it is.
const SETTLED: Duration = Duration::from_secs(1);

/// The text of the file, and what is in the files of secrets that it names: either may change.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut seen = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&seen).into_owned();
    for (at, mark) in text.match_indices("file:") {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || "\"',}]".contains(c));
        let secret = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        // What cannot be read the configuration complains of.
        seen.extend(std::fs::read(secret).unwrap_or_default());
    }
    Some(seen)
}

/// Gives the configuration to the engine on SIGHUP, and when the file has changed, for ever.
///
/// The text is compared rather than the time of change: files that an orchestrator mounts are
/// links that are exchanged. `known` is what was [read] before the engine started.
pub(crate) async fn follow(
    control: Control,
    path: PathBuf,
    profile: Option<String>,
    mut known: Option<Vec<u8>>,
    mut hangups: Hangups,
) {
    loop {
        let asked = tokio::select! {
            () = hangups.next() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let text = read(&path);
        // A file that is gone for a moment is being replaced.
        let changed = text.is_some() && text != known;
        if !asked && !changed {
            continue;
        }
        if !asked {
            // An editor may be at work on it.
            tokio::time::sleep(SETTLED).await;
            if read(&path) != text {
                continue;
            }
        }
        known = text;
        // The engine says in the log and in its metrics what came of it.
        let _ = control.reload(load(&path, profile.as_deref())).await;
    }
}
