use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_MAX_PAYLOAD, Lock, MAGIC, Snapshot, from_bytes, inspect, to_bytes, write_atomically,
};
use crate::{Error, Result};

/// A directory that holds a large state as one full copy and the changes since, so that saving costs
/// what has changed.
///
/// Each [`Chain::write`] adds a file of snapshots, its records: a full copy or the changes since the
/// file before. A file is written under another name, synced and then renamed; it names the file
/// that it follows by sequence number and checksum, and ends with the number of its records and a
/// checksum of them all. So whatever happens, a kill, a power failure, a damaged file, what is read
/// back is the state as it was at the end of one `write`, and never a mixture. When a full copy has
/// been written, the files from before the full copy before it are removed.
///
/// One process at a time: the directory is locked for as long as the value lives.
///
/// Cost: reading takes two passes over the files, and as much memory as the largest record.
///
/// ```
/// use bongsu_core::{Result, Snapshot, snapshot::{Chain, from_bytes, to_bytes}};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Counts(Vec<(u32, u64)>);
///
/// impl Snapshot for Counts {
///     const KIND: &'static str = "example.counts";
///     const VERSION: u16 = 1;
///     fn validate(&self) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// let directory = std::env::temp_dir().join(format!("chain-{}", std::process::id()));
/// let mut chain = Chain::open(&directory)?;
/// chain.write(true, [to_bytes(&Counts(vec![(1, 10), (2, 20)]))])?;
/// chain.write(false, [to_bytes(&Counts(vec![(2, 21)]))])?;
/// drop(chain);
///
/// let chain = Chain::open(&directory)?;
/// let mut counts = std::collections::BTreeMap::new();
/// chain.read(|record| {
///     counts.extend(from_bytes::<Counts>(record)?.0);
///     Ok(())
/// })?;
/// assert_eq!(counts[&2], 21);
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Chain {
    directory: PathBuf,
    /// A full copy and the changes since, oldest first.
    links: Vec<Link>,
    /// The full copy before, and its changes.
    previous: Vec<Link>,
    damage: Vec<Damage>,
    /// The number of the next file: above every one that was ever seen.
    next: u64,
    broken: bool,
    // Held for as long as the chain lives.
    _lock: Lock,
}

/// A file of a chain that cannot be used, and why. It is kept under the name that `path` says.
#[derive(Debug)]
pub struct Damage {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Error,
}

/// A whole file of the chain.
#[derive(Debug)]
struct Link {
    path: PathBuf,
    sequence: u64,
    full: bool,
    bytes: u64,
    checksum: u32,
}

/// The first record of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    sequence: u64,
    full: bool,
    /// The checksum of the file that this one follows; 0 for a full copy.
    follows: u32,
}

impl Snapshot for Head {
    const KIND: &'static str = "core.chain.head";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// The last record of a file.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    /// The number of records before it.
    records: u64,
    /// CRC32C of all bytes before it.
    checksum: u32,
}

impl Snapshot for End {
    const KIND: &'static str = "core.chain.end";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

const SUFFIX: &str = ".bngs";
const DAMAGED: &str = ".damaged";

impl Chain {
    /// Opens the chain in `directory`, which is made if it is not there, and checks its files. Files
    /// that are damaged, or follow one that is, are set aside; see [`Chain::damage`].
    ///
    /// # Errors
    /// When another process uses the directory, or a file cannot be read.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        let failed = |e| Error::io(&directory, e);
        fs::create_dir_all(&directory).map_err(failed)?;
        let lock = Lock::take(directory.join("lock"))?;
        let mut chain = Self {
            links: Vec::new(),
            previous: Vec::new(),
            damage: Vec::new(),
            next: 0,
            broken: false,
            _lock: lock,
            directory,
        };
        for path in chain.files()? {
            chain.add(&path)?;
        }
        Ok(chain)
    }

    /// The files of the chain in the order of their numbers; what a killed process had begun to write
    /// is removed.
    fn files(&mut self) -> Result<Vec<PathBuf>> {
        let failed = |e| Error::io(&self.directory, e);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(number) = number(&name).filter(|_| name.contains(SUFFIX)) else {
                continue;
            };
            self.next = self.next.max(number.saturating_add(1));
            if name.ends_with(SUFFIX) {
                files.push((number, path));
            } else if name.ends_with(".tmp") {
                // It is only untidy when this fails.
                let _ = fs::remove_file(path);
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    /// Takes a file in, or sets it aside.
    fn add(&mut self, path: &Path) -> Result<()> {
        let checked = check(path);
        if let Ok((link, _)) = &checked {
            // Whatever the file is called now.
            self.next = self.next.max(link.sequence.saturating_add(1));
        }
        let error = match checked {
            Ok((link, _)) if link.full => {
                self.begin(link);
                self.broken = false;
                return Ok(());
            }
            Ok((link, follows)) => {
                let last = self.links.last();
                if last.is_some_and(|last| {
                    // Numbers are left out when a process was killed before its file was whole.
                    last.checksum == follows && last.sequence < link.sequence
                }) {
                    self.links.push(link);
                    return Ok(());
                }
                Error::snapshot("the file that it follows is not there")
            }
            Err(error) if error.kind() == crate::ErrorKind::Io => return Err(error),
            Err(error) => error,
        };
        let mut aside = path.as_os_str().to_owned();
        aside.push(DAMAGED);
        let aside = PathBuf::from(aside);
        fs::rename(path, &aside).map_err(|e| Error::io(&aside, e))?;
        let path = aside;
        self.damage.push(Damage { path, error });
        // What comes next must not seem to follow a file that is set aside.
        self.broken = true;
        Ok(())
    }

    /// The files that were set aside when the chain was opened.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The first record of the newest file; `None` when there is nothing to read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest(&self) -> Result<Option<Vec<u8>>> {
        let Some(link) = self.links.last() else {
            return Ok(None);
        };
        let mut reader = reader(&link.path)?;
        next_record(&link.path, &mut reader)?;
        next_record(&link.path, &mut reader)
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Gives every record to `apply`, in the order in which they were written.
    ///
    /// # Errors
    /// When a file cannot be read, or `apply` fails.
    pub fn read(&self, mut apply: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for link in &self.links {
            let mut reader = reader(&link.path)?;
            // Head and end were checked.
            next_record(&link.path, &mut reader)?;
            while let Some(record) = next_record(&link.path, &mut reader)? {
                if inspect(&record)?.kind == End::KIND {
                    break;
                }
                apply(&record)?;
            }
        }
        Ok(())
    }

    /// Whether the next [`Chain::write`] must be a full copy: it is the first one, the one before
    /// failed or was damaged, or there are more bytes of changes than the full copy has.
    #[must_use]
    pub fn wants_full(&self) -> bool {
        let mut bytes = self.links.iter().map(|link| link.bytes);
        let full = bytes.next();
        self.broken || full.is_none_or(|full| bytes.sum::<u64>() > full)
    }

    /// Adds a file of `records`, each the bytes of a snapshot, and returns its size in bytes. They are
    /// taken one after the other, so they need not be in memory together.
    ///
    /// # Errors
    /// When changes are written where only a full copy makes sense (see [`Chain::wants_full`]; too
    /// many changes alone are allowed), a record is an error, not a snapshot or larger than
    /// [`DEFAULT_MAX_PAYLOAD`], or a file operation fails; the chain then stays as it was, and the
    /// next `write` must be a full copy.
    pub fn write(
        &mut self,
        full: bool,
        records: impl IntoIterator<Item = Result<Vec<u8>>>,
    ) -> Result<u64> {
        let follows = self.links.last().map(|link| link.checksum);
        let follows = follows.filter(|_| !self.broken);
        if !full && follows.is_none() {
            return Err(Error::input(
                "changes can only follow a full copy, and there is none that is whole",
            ));
        }
        let sequence = self.next;
        self.next = sequence.saturating_add(1);
        let kind = if full { "full" } else { "changes" };
        let path = self
            .directory
            .join(format!("{sequence:012}-{kind}{SUFFIX}"));
        // Until it is known to be whole; a `write` that ends early must not be followed by changes.
        self.broken = true;
        let head = Head {
            sequence,
            full,
            follows: if full { 0 } else { follows.unwrap_or(0) },
        };
        let (bytes, checksum) = write_atomically(&path, |file| {
            let mut out = Out::new(&path, file);
            out.add(&to_bytes(&head)?)?;
            for record in records {
                let record = record?;
                within_cap(inspect(&record)?.payload_len)?;
                out.add(&record)?;
            }
            out.finish()
        })?;
        self.broken = false;
        let link = Link {
            path,
            sequence,
            full,
            bytes,
            checksum,
        };
        if full {
            self.begin(link);
        } else {
            self.links.push(link);
        }
        Ok(bytes)
    }

    /// Makes a full copy the start of the chain. The one before it stays, with its changes, and what
    /// is older goes.
    fn begin(&mut self, full: Link) {
        let before = std::mem::replace(&mut self.links, vec![full]);
        let old = std::mem::replace(&mut self.previous, before);
        // The newest first, so that what is left by a process killed here is whole. A file that
        // stays is only untidy.
        for link in old.into_iter().rev() {
            let _ = fs::remove_file(link.path);
        }
    }
}

/// The number at the start of a file's name.
fn number(name: &str) -> Option<u64> {
    name.split_once('-')?.0.parse().ok()
}

/// A file being written.
struct Out<'a> {
    path: &'a Path,
    file: BufWriter<&'a mut File>,
    end: End,
    bytes: u64,
}

impl<'a> Out<'a> {
    fn new(path: &'a Path, file: &'a mut File) -> Self {
        Self {
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            end: End {
                records: 0,
                checksum: 0,
            },
            bytes: 0,
        }
    }

    fn add(&mut self, record: &[u8]) -> Result<()> {
        self.file
            .write_all(record)
            .map_err(|e| Error::io(self.path, e))?;
        self.end.records += 1;
        self.end.checksum = crc32c::crc32c_append(self.end.checksum, record);
        self.bytes += record.len() as u64;
        Ok(())
    }

    /// Ends the file; its size and checksum.
    fn finish(mut self) -> Result<(u64, u32)> {
        let end = to_bytes(&self.end)?;
        let checksum = self.end.checksum;
        self.add(&end)?;
        self.file.flush().map_err(|e| Error::io(self.path, e))?;
        Ok((self.bytes, checksum))
    }
}

fn reader(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// Checks that a file is whole; what it is, and the checksum of the file that it follows.
fn check(path: &Path) -> Result<(Link, u32)> {
    let short = || Error::snapshot("the file ends too early");
    let mut reader = reader(path)?;
    let mut record = next_record(path, &mut reader)?.ok_or_else(short)?;
    let head: Head = from_bytes(&record)?;
    let (mut records, mut checksum, mut bytes) = (0, 0, 0);
    loop {
        records += 1;
        checksum = crc32c::crc32c_append(checksum, &record);
        bytes += record.len() as u64;
        record = next_record(path, &mut reader)?.ok_or_else(short)?;
        if inspect(&record)?.kind == End::KIND {
            break;
        }
    }
    let end: End = from_bytes(&record)?;
    let link = Link {
        path: path.to_owned(),
        sequence: head.sequence,
        full: head.full,
        bytes: bytes + record.len() as u64,
        checksum,
    };
    if (end.records, end.checksum) != (records, checksum) {
        return Err(Error::snapshot(
            "the records are not those that were written",
        ));
    }
    if next_record(path, &mut reader)?.is_some() {
        return Err(Error::snapshot("something follows the end of the file"));
    }
    Ok((link, head.follows))
}

/// The bytes of the next snapshot of a file; `None` at its end.
fn next_record(path: &Path, reader: &mut impl Read) -> Result<Option<Vec<u8>>> {
    let mut record = Vec::new();
    // Grows with what is there, not with what a damaged header promises.
    let mut take = |record: &mut Vec<u8>, bytes: u64| {
        let taken = reader.take(bytes).read_to_end(record);
        taken.map_err(|e| Error::io(path, e))
    };
    let kind_at = MAGIC.len();
    if take(&mut record, kind_at as u64 + 1)? == 0 {
        return Ok(None);
    }
    let kind_len = record.get(kind_at).copied().map_or(0, u64::from);
    // The kind, the version, the length of the payload and the checksum.
    take(&mut record, kind_len + 14)?;
    let payload = inspect(&record)?.payload_len;
    within_cap(payload)?;
    if (take(&mut record, payload)? as u64) < payload {
        return Err(Error::snapshot("the file ends within a record"));
    }
    Ok(Some(record))
}

/// What is written must be what can be read.
fn within_cap(payload: u64) -> Result<()> {
    if payload <= DEFAULT_MAX_PAYLOAD {
        return Ok(());
    }
    Err(Error::snapshot(format!(
        "a record has {payload} bytes, more than the cap of {DEFAULT_MAX_PAYLOAD}"
    )))
}
