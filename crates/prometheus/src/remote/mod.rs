//! Prometheus' binary protocols: raw samples in by remote read, scores and bands out by remote
//! write.

mod message;
mod read;
mod stream;
#[cfg(test)]
mod tests;
mod write;

pub use write::{RemoteWriter, WriteOptions, WriteProtocol, WriteStatus};

use bongsu_core::Timestamp;

use self::stream::{Span, Unreadable};
use crate::{Answer, Error, ErrorKind};

/// The samples from `start` to `end` in the body of an answer to a remote read, of the type
/// `application/x-streamed-protobuf`: frames of XOR chunks. For bodies that came by another way than
/// [`Client::remote_read`](crate::Client::remote_read), which asks and reads at once.
///
/// Cost: O(bytes) time; the samples are held once.
///
/// # Errors
/// When a frame is cut short or its checksum is wrong, when a message or chunk is damaged, and when
/// a chunk has an encoding that is not known here.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_prometheus::decode::decode_read_stream;
/// let answer = decode_read_stream(&[], Timestamp::MIN, Timestamp::MAX)?;
/// assert!(answer.series.is_empty());
/// assert!(decode_read_stream(&[5, 1, 2], Timestamp::MIN, Timestamp::MAX).is_err());
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
pub fn decode_read_stream(body: &[u8], start: Timestamp, end: Timestamp) -> Result<Answer, Error> {
    stream::frames(body, Span { start, end }).map_err(Error::from)
}

/// As [`decode_read_stream`], of a body of the type `application/x-protobuf`: one message with
/// samples in a snappy block, which may unpack to `cap` bytes.
///
/// # Errors
/// When the block is damaged or unpacks to more than `cap` bytes, and when the message is damaged.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_prometheus::decode::decode_read_samples;
/// // A snappy block of no bytes: a message without results.
/// let answer = decode_read_samples(&[0], 1 << 20, Timestamp::MIN, Timestamp::MAX)?;
/// assert!(answer.series.is_empty());
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
pub fn decode_read_samples(
    body: &[u8],
    cap: u64,
    start: Timestamp,
    end: Timestamp,
) -> Result<Answer, Error> {
    stream::samples(body, cap, Span { start, end }).map_err(Error::from)
}

impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Broken(kind, message) => Self::plain(kind, message),
            Unreadable::Encoding(encoding) => Self::plain(
                ErrorKind::Decode,
                format!("the chunks have the encoding {encoding}, which is not known here"),
            ),
        }
    }
}

/// Packs `message` into a snappy block.
fn pack(message: &[u8]) -> Result<Vec<u8>, Error> {
    snap::raw::Encoder::new()
        .compress_vec(message)
        .map_err(|e| Error::plain(ErrorKind::TooLarge, format!("a message of 4 GiB: {e}")))
}
