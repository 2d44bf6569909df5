//! Encoding into a file, piece by piece.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::{CHECKSUM, Snapshot, header};
use crate::{Error, Result};

/// What is encoded between two writes.
const PIECE: usize = 64 << 10;

/// Writes the snapshot of `state` to `file`, which is at its start and is `path` in errors. What the
/// header says of the payload is known at the end, and written then.
pub(super) fn write<T: Snapshot>(
    state: &T,
    file: &mut (impl Write + Seek),
    path: &Path,
) -> Result<()> {
    let failed = |e| Error::io(path, e);
    let empty = header::<T>(0)?;
    file.write_all(&empty)
        .and_then(|()| file.write_all(&[0; CHECKSUM]))
        .map_err(failed)?;
    let mut payload = Payload::new(&mut *file);
    let encoded = {
        let mut pieces = BufWriter::with_capacity(PIECE, &mut payload);
        postcard::to_io(state, &mut pieces)
            .map(|_| ())
            .map_err(Some)
            .and_then(|()| pieces.flush().map_err(|_| None))
    };
    let Payload {
        length,
        checksum,
        failure,
        ..
    } = payload;
    if let Some(failure) = failure {
        return Err(failed(failure));
    }
    if let Err(Some(e)) = encoded {
        let message = format!("{} cannot be encoded: {e}", T::KIND);
        return Err(Error::snapshot(message));
    }
    let head = header::<T>(length)?;
    // Of the header and what follows it, as if they had been read one after the other.
    let length = usize::try_from(length).map_err(|_| Error::snapshot("it is too large"))?;
    let checksum = crc32c::crc32c_combine(crc32c::crc32c(&head), checksum, length);
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.write_all(&head))
        .and_then(|()| file.write_all(&checksum.to_le_bytes()))
        .map_err(failed)
}

/// Counts and sums what passes to a file.
struct Payload<W> {
    file: W,
    length: u64,
    checksum: u32,
    /// Why writing failed: encoders only tell that it did.
    failure: Option<io::Error>,
}

impl<W> Payload<W> {
    const fn new(file: W) -> Self {
        Self {
            file,
            length: 0,
            checksum: 0,
            failure: None,
        }
    }
}

impl<W: Write> Write for Payload<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(e) = self.file.write_all(bytes) {
            let kind = e.kind();
            self.failure.get_or_insert(e);
            return Err(kind.into());
        }
        self.length += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::snapshot::to_bytes;

    #[derive(Serialize, Deserialize)]
    struct Numbers(Vec<f64>);

    impl Snapshot for Numbers {
        const KIND: &'static str = "test.numbers";
        const VERSION: u16 = 3;

        fn validate(&self) -> Result<()> {
            Ok(())
        }
    }

    /// A file that takes so many bytes.
    struct Full(Cursor<Vec<u8>>, u64);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.position() + bytes.len() as u64 > self.1 {
                return Err(io::Error::new(
                    io::ErrorKind::StorageFull,
                    "the disk is full",
                ));
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn the_bytes_are_those_of_a_snapshot_in_memory_at_every_length() {
        for length in [0, 1, 2, 127, 8_191, 8_192, 8_193, 100_000] {
            let numbers = Numbers((0..length).map(f64::from).collect());
            let mut file = Cursor::new(Vec::new());
            write(&numbers, &mut file, Path::new("numbers")).unwrap();
            assert_eq!(
                file.into_inner(),
                to_bytes(&numbers).unwrap(),
                "{length} numbers"
            );
        }
    }

    #[test]
    fn a_full_disk_is_told_with_its_cause_wherever_it_ends() {
        let numbers = Numbers(vec![0.5; 50_000]);
        let whole = to_bytes(&numbers).unwrap().len() as u64;
        for room in [0, 10, 40, 65_536, 200_000, whole - 1] {
            let mut file = Full(Cursor::default(), room);
            let error = write(&numbers, &mut file, Path::new("numbers")).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("numbers"), "{text}");
            assert!(text.contains("the disk is full"), "{room}: {text}");
        }
        let mut file = Full(Cursor::default(), whole);
        write(&numbers, &mut file, Path::new("numbers")).unwrap();
    }
}
