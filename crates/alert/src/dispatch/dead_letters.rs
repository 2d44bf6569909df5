use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bongsu_core::{Alert, Timestamp};
use serde::Serialize;

use crate::Page;
use crate::time::rfc3339;

/// The size at which the file is set aside unless [`DeadLetters::limit`] says otherwise.
const DEFAULT_LIMIT: u64 = 16 * 1024 * 1024;

/// A file of what a [`Dispatcher`](crate::Dispatcher) gave up.
///
/// Each line is a JSON object: `schema` (1), `at` (RFC 3339; `null` for what no answer led to), `sink`,
/// `reason`, `error` (what the receiver said, without credentials), and `alert` or `page` as they are
/// saved. The reasons:
///
/// | reason | the alert or message |
/// |---|---|
/// | `refused` | was refused for its content |
/// | `partial` | was taken in part: some recipients, alerts or groups were refused, `error` says which |
/// | `stuck` | failed again and again, while the receiver took others |
/// | `overflow` | was pushed out of a full queue |
/// | `abandoned` | was for a sink that is not there any more |
///
/// A letter may come twice after a crash, but
/// none is lost: it is written before the state without it is saved.
///
/// Parameters: the path; [`DeadLetters::limit`], in bytes, at least 1, by default 16 MiB. A file that
/// has reached it is renamed, with `.1` added and instead of the one before, so the two together
/// have at most twice the limit and one batch of letters.
///
/// ```
/// use bongsu_alert::{DeadLetters, Dispatcher};
/// let letters = DeadLetters::new("/var/lib/bongsu/dead.jsonl").limit(1_000_000);
/// let dispatcher = Dispatcher::new().dead_letters(letters);
/// # let _ = dispatcher;
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    path: PathBuf,
    limit: u64,
    /// Several dispatchers may write to it at the same time.
    turn: Arc<Mutex<()>>,
}

impl DeadLetters {
    /// To this file, which is created when there is a letter.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            limit: DEFAULT_LIMIT,
            turn: Arc::default(),
        }
    }

    /// The size in bytes at which the file is set aside; at least 1.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes.max(1);
        self
    }

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines.
    pub(super) fn append(&self, lines: &str) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.open()?;
        let length = file.metadata()?.len();
        if length >= self.limit {
            drop(file);
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&self.path, aside)?;
            file = self.open()?;
        }
        file.write_all(lines.as_bytes())
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)
    }
}

#[derive(Serialize)]
struct Letter<'a> {
    schema: u32,
    at: Option<String>,
    sink: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(flatten)]
    content: Content<'a>,
}

/// What was given up.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content<'a> {
    Alert(&'a Alert),
    Page(&'a Page),
}

/// Why, and when.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason<'a> {
    Overflow,
    Abandoned,
    Refused(Timestamp, &'a str),
    Partial(Timestamp, &'a str),
    Stuck(Timestamp, &'a str),
}

/// The line of a letter.
pub(super) fn line(sink: &str, reason: Reason<'_>, content: Content<'_>) -> String {
    let (answer, reason) = match reason {
        Reason::Overflow => (None, "overflow"),
        Reason::Abandoned => (None, "abandoned"),
        Reason::Refused(at, said) => (Some((at, said)), "refused"),
        Reason::Partial(at, said) => (Some((at, said)), "partial"),
        Reason::Stuck(at, said) => (Some((at, said)), "stuck"),
    };
    let (at, error) = answer.unzip();
    let at = at.map(rfc3339);
    let letter = Letter {
        schema: 1,
        at,
        sink,
        reason,
        error,
        content,
    };
    match serde_json::to_string(&letter) {
        Ok(line) => format!("{line}\n"),
        Err(error) => {
            tracing::error!(sink, %error, "a dead letter cannot be written");
            String::new()
        }
    }
}
