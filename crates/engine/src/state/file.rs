//! A file that holds a state, and beside it the one before.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use std::{fs, io};

use bongsu_core::snapshot;

use crate::Error;
use crate::older::{self, Aged};

/// So many damaged files are kept.
const MOST_DAMAGED: usize = 3;

/// What damaged files end in when they are set aside.
const DAMAGED: &str = "damaged";

/// A file of states of the type `T`. What it holds is never lost: a damaged one, or one of a version
/// that cannot be read, is set aside, and the one before is taken up. Of the damaged ones the newest
/// are kept, and of each version that cannot be read the newest one.
#[derive(Debug, Clone)]
pub(crate) struct StateFile<T> {
    path: PathBuf,
    /// What it is, in messages.
    what: &'static str,
    /// What follows when there is none that can be read.
    without: &'static str,
    /// Whether it was told that the one before is not kept.
    told: Arc<AtomicBool>,
    of: PhantomData<fn() -> T>,
}

impl<T: Aged> StateFile<T> {
    pub(crate) fn new(path: PathBuf, what: &'static str, without: &'static str) -> Self {
        Self {
            path,
            what,
            without,
            told: Arc::default(),
            of: PhantomData,
        }
    }

    /// What was saved, of this version or an older one that can be read. A damaged file, or one of
    /// another version, is set aside under a name of its own, and the one before is read; one that
    /// cannot be read for another reason is an error, and nothing is lost.
    pub(crate) fn load(&self) -> Result<Option<T>, Error> {
        let (damage, ending) = match read(&self.path, self.what)? {
            Read::State(state) => return Ok(Some(state)),
            Read::Damaged(damage) => (damage, DAMAGED.to_owned()),
            Read::OtherVersion(version, why) => (why, format!("version-{version}")),
            Read::Nothing => {
                // A start after damage may have ended before it could save.
                let before = self.load_before()?;
                if before.is_some() {
                    let what = self.what;
                    tracing::warn!("there is no {what} but the one before, which is taken up");
                }
                return Ok(before);
            }
        };
        let aside = free_name(&self.path.with_extension(format!("bngs.{ending}")));
        fs::rename(&self.path, &aside)
            .map_err(|e| Error::state(format!("{}: {e}", aside.display())))?;
        self.remove_oldest_aside(&aside);
        let before = self.load_before()?;
        let then = match &before {
            Some(_) => "the one before is taken up",
            None => self.without,
        };
        tracing::error!(
            error = %damage,
            aside = %aside.display(),
            "the saved {} cannot be used; it was set aside and {then}",
            self.what
        );
        Ok(before)
    }

    /// The size of what was saved last.
    pub(crate) fn bytes(&self) -> u64 {
        // It is only shown.
        fs::metadata(&self.path).map_or(0, |data| data.len())
    }

    /// Saves `state`, and keeps the one before; gives its bytes.
    pub(crate) fn save(&self, state: &T) -> Result<u64, Error> {
        self.keep_the_one_before();
        snapshot::save(state, &self.path)?;
        Ok(self.bytes())
    }

    /// Gives the newest a second name. Where the file system has no such names, as on some shares, it
    /// is copied. A failure harms nobody now, and the newest can still be saved: it is only told.
    fn keep_the_one_before(&self) {
        if !self.path.exists() {
            return;
        }
        let before = self.before();
        let kept = match fs::remove_file(&before) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => self.second_name(&before),
        };
        match kept {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error = %e,
                        path = %before.display(),
                        "the {} before the newest is not kept",
                        self.what
                    );
                }
            }
            _ => self.told.store(false, Ordering::Relaxed),
        }
    }

    fn second_name(&self, name: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => fs::copy(&self.path, name).map(|_| ()),
            outcome => outcome,
        }
    }

    fn load_before(&self) -> Result<Option<T>, Error> {
        Ok(match read(&self.before(), self.what)? {
            Read::State(state) => Some(state),
            Read::Nothing | Read::Damaged(_) | Read::OtherVersion(..) => None,
        })
    }

    /// Where the one before the newest is.
    fn before(&self) -> PathBuf {
        self.path.with_extension("bngs.before")
    }

    /// Removes what was set aside longest ago of its kind, beyond what is kept; `newest` has just been.
    fn remove_oldest_aside(&self, newest: &Path) {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return;
        };
        let name = name.to_string_lossy();
        let kind = |path: &Path| {
            let other = path.file_name()?.to_string_lossy();
            let rest = other.strip_prefix(&*name)?.strip_prefix('.')?;
            let kind = rest.split('.').next()?;
            (kind == DAMAGED || kind.starts_with("version-")).then(|| kind.to_owned())
        };
        let mut aside: BTreeMap<String, Vec<(bool, SystemTime, PathBuf)>> = BTreeMap::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let modified = entry.metadata().and_then(|data| data.modified());
            if let (Some(kind), Ok(modified)) = (kind(&path), modified) {
                let files = aside.entry(kind).or_default();
                files.push((path == newest, modified, path));
            }
        }
        for (kind, mut files) in aside {
            let kept = if kind == DAMAGED { MOST_DAMAGED } else { 1 };
            files.sort_unstable_by(|a, b| b.cmp(a));
            for (_, _, path) in files.iter().skip(kept) {
                // It only takes space when this fails.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// `path`, or where there is a file already, `path` with the first number that is free.
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let mut number = 0_u64;
    let mut free = path.to_owned();
    while free.symlink_metadata().is_ok() {
        number += 1;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        free = name.into();
    }
    free
}

/// What a file holds.
enum Read<T> {
    Nothing,
    State(T),
    Damaged(bongsu_core::Error),
    /// A version that this build does not read, and that in words.
    OtherVersion(u16, bongsu_core::Error),
}

fn read<T: Aged>(path: &Path, what: &str) -> Result<Read<T>, Error> {
    let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Read::Nothing),
        Err(e) => return Err(failed(&e)),
    };
    let version = snapshot::inspect(&bytes)
        .ok()
        .filter(|header| header.kind == T::KIND)
        .map(|header| header.version);
    Ok(match older::read::<T>(&bytes) {
        Ok(state) => {
            if let Some(version) = version.filter(|version| *version != T::VERSION) {
                let now = T::VERSION;
                tracing::info!(version, now, "the {what} of an older version is taken up");
            }
            Read::State(state)
        }
        Err(error) => match version {
            Some(version) if !T::reads(version) => Read::OtherVersion(version, error),
            _ => Read::Damaged(error),
        },
    })
}
