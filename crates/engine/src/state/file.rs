//! A file that holds a state, and beside it the one before.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use std::{fs, io};

use bongsu_core::snapshot;

use crate::Error;
use crate::older::{self, Aged};

/// So many files that could not be read are kept.
const MOST_ASIDE: usize = 3;

/// A file of states of the type `T`. What it holds is never lost: a damaged one, or one of a version
/// that cannot be read, is set aside, and the one before is taken up. Of those set aside the newest
/// are kept.
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
            Read::Damaged(damage) => (damage, "damaged".to_owned()),
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
        let aside = self.free_name(&ending);
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

    /// Saves `state`, and keeps the one before; gives its bytes.
    pub(crate) fn save(&self, state: &T) -> Result<u64, Error> {
        self.keep_the_one_before();
        snapshot::save(state, &self.path)?;
        // Its size is only shown.
        Ok(fs::metadata(&self.path).map_or(0, |data| data.len()))
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

    /// Removes what was set aside longest ago, beyond what is kept; `newest` has just been.
    fn remove_oldest_aside(&self, newest: &Path) {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return;
        };
        let name = name.to_string_lossy();
        let is_aside = |path: &PathBuf| {
            let other = path.file_name().map(|other| other.to_string_lossy());
            let rest = other.as_deref().and_then(|o| o.strip_prefix(&*name));
            path != newest
                && rest.is_some_and(|r| r.starts_with(".damaged") || r.starts_with(".version-"))
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut aside: Vec<(SystemTime, PathBuf)> = entries
            .map(|entry| entry.path())
            .filter(is_aside)
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        aside.sort_unstable_by(|a, b| b.cmp(a));
        for (_, path) in aside.iter().skip(MOST_ASIDE - 1) {
            // It only takes space when this fails.
            let _ = fs::remove_file(path);
        }
    }

    fn free_name(&self, ending: &str) -> PathBuf {
        let name = |n: u32| match n {
            0 => self.path.with_extension(format!("bngs.{ending}")),
            n => self.path.with_extension(format!("bngs.{ending}.{n}")),
        };
        (0..)
            .map(name)
            .find(|path| !path.exists())
            .unwrap_or_else(|| name(0))
    }
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
