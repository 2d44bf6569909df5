use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::SchemaRef;

use crate::Error;

/// How much is read at once.
const PIECE: u64 = 1 << 16;

/// The most bytes of one batch. Lengths that a stream states are not believed: memory grows with the
/// bytes that come.
const LARGEST: usize = 1 << 30;

/// What a stream ends with: the mark of a message, and a length of 0.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The batches of an Arrow IPC stream from outside.
pub(crate) struct Batches<R> {
    input: R,
    decoder: StreamDecoder,
    /// What is read and not decoded.
    rest: Buffer,
    /// The last bytes that were read.
    last: [u8; 8],
    /// The bytes since the last batch.
    since: usize,
}

impl<R: Read> Batches<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            decoder: StreamDecoder::new(),
            rest: Buffer::from_vec(Vec::<u8>::new()),
            last: [0; 8],
            since: 0,
        }
    }

    /// The columns of the stream, once they are known: at the latest when it has ended.
    pub(crate) fn schema(&self) -> Option<SchemaRef> {
        self.decoder.schema()
    }

    /// The next batch; none at the end.
    ///
    /// # Errors
    /// When the stream is damaged, cut short or cannot be read, or a batch is larger than 1 GiB.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if self.rest.is_empty() && !self.read()? {
                return self.end().map(|()| None);
            }
            if let Some(batch) = self.decode()? {
                self.since = 0;
                return Ok(Some(batch));
            }
            if self.since > LARGEST {
                return Err(Error::input("a batch is larger than 1 GiB"));
            }
        }
    }

    /// Whether there was more.
    fn read(&mut self) -> Result<bool, Error> {
        let mut piece = Vec::new();
        let read = self.input.by_ref().take(PIECE).read_to_end(&mut piece);
        let count = read.map_err(Error::input)?;
        let kept: Vec<u8> = self.last.iter().chain(&piece).copied().collect();
        if let Some(last) = kept.last_chunk() {
            self.last = *last;
        }
        self.since += count;
        self.rest = Buffer::from_vec(piece);
        Ok(count > 0)
    }

    fn decode(&mut self) -> Result<Option<RecordBatch>, Error> {
        let (decoder, rest) = (&mut self.decoder, &mut self.rest);
        // Bytes from outside: what the decoder does not expect must not end the process.
        let found = catch_unwind(AssertUnwindSafe(|| decoder.decode(rest)));
        let damaged = "this is no Arrow IPC stream, or it is damaged";
        match found {
            Ok(found) => found.map_err(|e| Error::input(format!("{damaged}: {e}"))),
            Err(_) => Err(Error::input(damaged)),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let whole = self.decoder.finish().is_ok() && self.last == END;
        if whole {
            Ok(())
        } else {
            Err(Error::input("the stream is cut short: it has no end mark"))
        }
    }
}
