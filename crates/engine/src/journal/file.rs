//! A file of verdicts, cut back after a crash to what the saved state knows of.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::VERDICT_HEADER;
use super::days::Day;
use crate::Error;

/// An append-only file of verdicts.
#[derive(Debug)]
pub(super) struct Sheet {
    path: PathBuf,
    file: File,
    len: u64,
    /// The last bytes of the file, by which it is recognised.
    tail: Vec<u8>,
}

/// Where a file stood when the state was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Its day, when each has a file of its own.
    pub(super) day: Option<Day>,
    /// Bytes that the state accounts for.
    len: u64,
    /// CRC32C of the last of them.
    tail: u32,
}

/// So many bytes before the mark must be those that were written.
const TAIL: usize = 1_024;

impl Sheet {
    /// Opens the file at `path`. When it is the one that `mark` was made of, whatever was written
    /// after the mark is cut off: the state will judge those timestamps again. Any other file is
    /// appended to.
    pub(super) fn open(path: &Path, mark: Option<&Mark>) -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::state(format!("{}: {e}", path.display()));
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        // The entry in the directory must be as durable as the rows.
        sync_directory(path).map_err(failed)?;
        let mut len = file.metadata().map_err(failed)?.len();
        if let Some(mark) = mark {
            let known = tail_before(&mut file, mark.len.min(len)).map_err(failed)?;
            if mark.len <= len && crc32c::crc32c(&known) == mark.tail {
                file.set_len(mark.len).map_err(failed)?;
                len = mark.len;
            } else {
                tracing::warn!(
                    file = %path.display(),
                    "this is not the file of verdicts that the saved state knows; it is appended to"
                );
            }
        }
        let tail = tail_before(&mut file, len).map_err(failed)?;
        file.seek(SeekFrom::Start(len)).map_err(failed)?;
        let mut sheet = Self {
            path: path.to_owned(),
            file,
            len,
            tail,
        };
        if len == 0 {
            sheet.write(VERDICT_HEADER)?;
        }
        Ok(sheet)
    }

    /// Appends `text`, whole rows, and makes it durable.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Error> {
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
        self.tail.extend_from_slice(text.as_bytes());
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        Ok(())
    }

    /// Where the file stands, for the state.
    pub(super) fn mark(&self, day: Option<Day>) -> Mark {
        Mark {
            day,
            len: self.len,
            tail: crc32c::crc32c(&self.tail),
        }
    }
}

/// The last bytes before `end`.
fn tail_before(file: &mut File, end: u64) -> std::io::Result<Vec<u8>> {
    let start = end.saturating_sub(TAIL as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(end - start).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Makes a new entry of the directory durable, where directories can be synced.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(parent) = path.parent()
    {
        let here = Path::new(".");
        File::open(if parent.as_os_str().is_empty() {
            here
        } else {
            parent
        })?
        .sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_state_does_not_know_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        let mut journal = Sheet::open(&path, None).unwrap();
        journal.write("1,a\n").unwrap();
        let mark = journal.mark(None);
        journal.write("2,b\n").unwrap();
        drop(journal);
        let journal = Sheet::open(&path, Some(&mark)).unwrap();
        assert_eq!(journal.mark(None), mark);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{VERDICT_HEADER}1,a\n"));
    }

    #[test]
    fn another_file_is_never_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Sheet::open(&dir.path().join("verdicts.csv"), None).unwrap();
        journal.write("1,a\n").unwrap();
        let other = dir.path().join("other.csv");
        for content in ["x".repeat(5_000), "short".to_owned()] {
            std::fs::write(&other, &content).unwrap();
            Sheet::open(&other, Some(&journal.mark(None))).unwrap();
            assert_eq!(std::fs::read_to_string(&other).unwrap(), content);
        }
    }
}
