//! The formats of Prometheus' answers: query results, read at several times the speed of a general
//! JSON library, and the chunks of remote read.
//!
//! [`decode`] works on the whole body, borrows strings without escapes, reads short decimals
//! without going through text, and does not care about unknown keys, the order of keys or white
//! space. It serves programs that already have a body, from a file or another HTTP client; others
//! use [`Client`](crate::Client), which also maps errors.
//!
//! ```
//! use bongsu_prometheus::decode::decode;
//! let body = br#"{"status":"success","data":{"resultType":"vector","result":[
//!     {"metric":{"__name__":"up"},"value":[1435781451.781,"1"]}]}}"#;
//! let answer = decode(body)?.into_answer();
//! assert_eq!(answer.series[0].values(), [1.0]);
//! # Ok::<(), bongsu_prometheus::decode::DecodeError>(())
//! ```

pub(crate) mod chunk;
mod cursor;
mod envelope;
pub(crate) mod number;
mod round;
mod series;

pub use chunk::decode_chunk;
pub use envelope::{Decoded, decode};

pub use crate::remote::{decode_read_samples, decode_read_stream};

/// Why a body is not an answer of Prometheus' query API, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct DecodeError(Box<Repr>);

/// Boxed, so that results without an error stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repr {
    at: usize,
    truncated: bool,
    message: String,
}

impl DecodeError {
    fn new(at: usize, len: usize, byte: Option<u8>, expected: &str) -> Self {
        let found = byte.map_or_else(
            || "the end: the answer is cut short".to_owned(),
            |byte| format!("`{}`", char::from(byte).escape_default()),
        );
        Self(Box::new(Repr {
            at,
            truncated: at >= len,
            message: format!("at byte {at} of {len}: expected {expected}, found {found}"),
        }))
    }

    /// A whole answer of `len` bytes says that it is a success, but gives no result.
    fn no_result(len: usize) -> Self {
        Self(Box::new(Repr {
            at: len,
            truncated: false,
            message: "the answer has no result".to_owned(),
        }))
    }

    /// A chunk of `len` bytes holds less than it says, or what no chunk can hold.
    fn chunk(len: usize) -> Self {
        Self(Box::new(Repr {
            at: len,
            truncated: true,
            message: format!("the chunk of {len} bytes is cut short or damaged"),
        }))
    }

    /// The offset in bytes at which reading failed.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.at
    }

    /// Whether the body ended where more was expected.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.0.truncated
    }
}
