//! Saving and loading of fitted models and streaming states.
//!
//! One state is one snapshot; a state too large to be written anew each time is a [`Chain`] of them.
//!
//! Layout, integers little-endian: magic `BNGS`; length of the kind (one byte) and the kind in
//! UTF-8; schema version (`u16`); length of the payload (`u64`); CRC32C of everything before it
//! and of the payload (`u32`); the payload in postcard.

mod chain;
mod lock;
mod streamed;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

pub use chain::{Chain, Damage};
pub use lock::Lock;

const MAGIC: [u8; 4] = *b"BNGS";

/// The bytes of a checksum.
const CHECKSUM: usize = 4;

/// The largest payload that is read unless the caller says otherwise: 256 MiB.
pub const DEFAULT_MAX_PAYLOAD: u64 = 256 << 20;

/// A state that can be saved and loaded.
pub trait Snapshot: Serialize + DeserializeOwned {
    /// What it is, for example `stats.ewma`: at most 255 bytes, never reused for another type.
    const KIND: &'static str;
    /// The version of its fields; raised with every change of them.
    const VERSION: u16;

    /// Checks what the type promises about itself; always run after decoding.
    ///
    /// # Errors
    /// When a field is outside its domain or fields contradict each other.
    fn validate(&self) -> Result<()>;
}

/// The header of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What it is a snapshot of.
    pub kind: String,
    /// The version of its fields.
    pub version: u16,
    /// The length of the payload in bytes.
    pub payload_len: u64,
    /// CRC32C of header and payload.
    pub checksum: u32,
}

/// Encodes `state`.
///
/// # Errors
/// When the kind is longer than 255 bytes or the state cannot be serialised.
pub fn to_bytes<T: Snapshot>(state: &T) -> Result<Vec<u8>> {
    let mut bytes = header::<T>(0)?;
    let before = bytes.len();
    bytes.extend_from_slice(&[0; CHECKSUM]);
    let mut bytes = postcard::to_extend(state, bytes)
        .map_err(|e| Error::snapshot(format!("{} cannot be encoded: {e}", T::KIND)))?;
    let (head, rest) = bytes.split_at_mut(before);
    let (checksum, payload) = rest.split_at_mut(CHECKSUM);
    head.copy_from_slice(&header::<T>(payload.len() as u64)?);
    let sum = crc32c::crc32c_append(crc32c::crc32c(head), payload);
    checksum.copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// The header of a snapshot without its checksum.
fn header<T: Snapshot>(payload_len: u64) -> Result<Vec<u8>> {
    let kind_len = u8::try_from(T::KIND.len())
        .map_err(|_| Error::parameter("kind", T::KIND, "at most 255 bytes long"))?;
    let mut bytes = Vec::with_capacity(T::KIND.len() + 19);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(kind_len);
    bytes.extend_from_slice(T::KIND.as_bytes());
    bytes.extend_from_slice(&T::VERSION.to_le_bytes());
    bytes.extend_from_slice(&payload_len.to_le_bytes());
    Ok(bytes)
}

/// Decodes a state of at most [`DEFAULT_MAX_PAYLOAD`] bytes.
///
/// # Errors
/// As [`from_bytes_capped`].
pub fn from_bytes<T: Snapshot>(bytes: &[u8]) -> Result<T> {
    from_bytes_capped(bytes, DEFAULT_MAX_PAYLOAD)
}

/// Decodes a state whose payload has at most `max_payload` bytes.
///
/// # Errors
/// When the bytes are not a snapshot, of another kind or version, larger than the cap, cut short,
/// followed by more, damaged, or when the decoded state is not valid.
pub fn from_bytes_capped<T: Snapshot>(bytes: &[u8], max_payload: u64) -> Result<T> {
    let (header, signed_len, payload) = split(bytes)?;
    if header.kind != T::KIND {
        return Err(Error::snapshot(format!(
            "this is a snapshot of `{}`, not of `{}`",
            header.kind,
            T::KIND
        )));
    }
    if header.version != T::VERSION {
        return Err(Error::snapshot(format!(
            "version {} of `{}` cannot be read by this build, which knows version {}",
            header.version,
            T::KIND,
            T::VERSION
        )));
    }
    if header.payload_len > max_payload {
        return Err(Error::snapshot(format!(
            "the payload has {} bytes, more than the cap of {max_payload}",
            header.payload_len
        )));
    }
    if payload.len() as u64 != header.payload_len {
        return Err(Error::snapshot(format!(
            "the payload has {} bytes where the header promises {}",
            payload.len(),
            header.payload_len
        )));
    }
    let signed = bytes.get(..signed_len).unwrap_or_default();
    if crc32c::crc32c_append(crc32c::crc32c(signed), payload) != header.checksum {
        return Err(Error::snapshot(
            "the checksum does not match: the bytes are damaged",
        ));
    }
    let (state, rest) = postcard::take_from_bytes::<T>(payload)
        .map_err(|e| Error::snapshot(format!("`{}` cannot be decoded: {e}", T::KIND)))?;
    if !rest.is_empty() {
        return Err(Error::snapshot(format!(
            "{} bytes are left over after the state",
            rest.len()
        )));
    }
    state.validate()?;
    Ok(state)
}

/// Reads the header alone, without checking the payload.
///
/// # Errors
/// When the bytes do not start with a complete header.
pub fn inspect(bytes: &[u8]) -> Result<Header> {
    split(bytes).map(|(header, _, _)| header)
}

/// Saves `state` to `path`: written to a temporary name beside it, synced, then renamed, so that
/// the path holds either the old or the new state, whole, whatever happens. It is encoded into the
/// file piece by piece, so that a large state takes no memory for its bytes.
///
/// # Errors
/// When the state cannot be encoded or a file operation fails; the old file then stays.
pub fn save<T: Snapshot>(state: &T, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    write_atomically(path, |file| streamed::write(state, file, path))
}

/// Loads a state of at most [`DEFAULT_MAX_PAYLOAD`] bytes from `path`.
///
/// # Errors
/// When the file cannot be read, and as [`from_bytes`].
pub fn load<T: Snapshot>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    // Room for the largest header beside the largest payload; one byte more shows an overlong file.
    let limit = DEFAULT_MAX_PAYLOAD + 275;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|e| Error::io(path, e))?;
    from_bytes(&bytes)
}

fn split(bytes: &[u8]) -> Result<(Header, usize, &[u8])> {
    let short = || Error::snapshot("the bytes end within the header");
    let rest = bytes
        .strip_prefix(&MAGIC)
        .ok_or_else(|| Error::snapshot("the bytes do not start with the magic `BNGS`"))?;
    let (&kind_len, rest) = rest.split_first().ok_or_else(short)?;
    let (kind, rest) = rest
        .split_at_checked(usize::from(kind_len))
        .ok_or_else(short)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    let (payload_len, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let signed_len = bytes.len() - rest.len();
    let (checksum, payload) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let kind = std::str::from_utf8(kind).map_err(|_| Error::snapshot("the kind is not UTF-8"))?;
    let header = Header {
        kind: kind.to_owned(),
        version: u16::from_le_bytes(*version),
        payload_len: u64::from_le_bytes(*payload_len),
        checksum: u32::from_le_bytes(*checksum),
    };
    Ok((header, signed_len, payload))
}

/// Writes a file under a temporary name, syncs it, and gives it its own name.
fn write_atomically<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let failed = |e| Error::io(path, e);
    let written = (|| {
        let mut file = File::create(temporary).map_err(failed)?;
        let result = write(&mut file)?;
        file.sync_all().map_err(failed)?;
        fs::rename(temporary, path).map_err(failed)?;
        sync_directory(path).map_err(failed)?;
        Ok(result)
    })();
    written.inspect_err(|_| {
        // Best effort: the first error is the one worth telling.
        let _ = fs::remove_file(temporary);
    })
}

/// Makes the rename itself durable, where directories can be synced.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
