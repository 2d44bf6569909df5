//! Prometheus' binary protocols: raw samples in by remote read, scores and bands out by remote
//! write.

mod message;
mod read;
mod stream;
#[cfg(test)]
mod tests;
mod write;

pub use write::{RemoteWriter, WriteOptions, WriteProtocol, WriteStatus};

use crate::{Error, ErrorKind};

/// Packs `message` into a snappy block.
fn pack(message: &[u8]) -> Result<Vec<u8>, Error> {
    snap::raw::Encoder::new()
        .compress_vec(message)
        .map_err(|e| Error::plain(ErrorKind::TooLarge, format!("a message of 4 GiB: {e}")))
}
