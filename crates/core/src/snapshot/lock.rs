use std::fs::{File, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// A file that is locked for as long as the value lives, so that one process at a time uses what it
/// stands for. The operating system lets go of it when a process ends, however that happens; the
/// file itself, which is empty, stays.
///
/// ```
/// use bongsu_core::snapshot::Lock;
/// let path = std::env::temp_dir().join(format!("lock-{}", std::process::id()));
/// let lock = Lock::take(&path)?;
/// assert!(Lock::take(&path).is_err());
/// drop(lock);
/// assert!(Lock::take(&path).is_ok());
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Lock {
    // Locked until it is closed.
    _file: File,
}

impl Lock {
    /// Locks the file at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When another process, or another value in this one, holds it, or the file cannot be opened.
    pub fn take(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |e| Error::io(path, e);
        // Not cut short: were it something else by mistake, it would be lost.
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => failed(std::io::Error::other(
                "another process is using this state, and holds this lock",
            )),
            TryLockError::Error(e) => failed(e),
        })?;
        Ok(Self { _file: file })
    }
}
