//! The CSV file of verdicts, cut back after a crash to what the saved state knows of.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bongsu_core::Verdict;

use crate::Error;

/// The header of the file, and of `run --once` on standard output.
pub const VERDICT_HEADER: &str =
    "timestamp,query,series,value,score,expected,lower,upper,anomalous,explanation\n";

/// An append-only file of verdicts.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Journal {
    /// Opens the file at `path`. With `known_len`, whatever was written after the state was saved
    /// is cut off: the state will judge those timestamps again.
    pub(crate) fn open(path: &Path, known_len: Option<u64>) -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::state(format!("{}: {e}", path.display()));
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let found = file.metadata().map_err(failed)?.len();
        let mut len = found;
        if let Some(known) = known_len
            && known < found
        {
            file.set_len(known).map_err(failed)?;
            len = known;
        }
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            len,
        };
        if len == 0 {
            journal.write(VERDICT_HEADER)?;
        }
        Ok(journal)
    }

    /// Appends `text`, whole rows, and makes it durable.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), Error> {
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(e) = written {
            // A half-written row must not stay in front of the next one.
            let _ = self.file.set_len(self.len);
            let _ = self.file.seek(SeekFrom::Start(self.len));
            return Err(Error::state(format!("{}: {e}", self.path.display())));
        }
        self.len += text.len() as u64;
        Ok(())
    }

    /// The length of the file in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }
}

/// One verdict as a row of the file, with its line end.
#[must_use]
pub fn verdict_row(query: &str, verdict: &Verdict) -> String {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let why = verdict
        .explanation
        .as_ref()
        .map_or("", |why| why.summary.as_str());
    format!(
        "{},{},{},{},{},{},{},{},{},{}\n",
        verdict.timestamp,
        quoted(query),
        quoted(&verdict.labels.selector()),
        number(verdict.value),
        number(verdict.score),
        number(verdict.expected),
        number(verdict.lower),
        number(verdict.upper),
        u8::from(verdict.anomalous),
        quoted(why),
    )
}

/// A CSV field, quoted where it must be (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_state_does_not_know_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        let mut journal = Journal::open(&path, None).unwrap();
        journal.write("1,a\n").unwrap();
        let known = journal.len();
        journal.write("2,b\n").unwrap();
        drop(journal);
        let journal = Journal::open(&path, Some(known)).unwrap();
        assert_eq!(journal.len(), known);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{VERDICT_HEADER}1,a\n"));
    }

    #[test]
    fn fields_are_quoted_as_csv_needs() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
