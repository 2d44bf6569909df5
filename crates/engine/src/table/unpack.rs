//! Decompression whose errors say in words what is wrong with the file.

use std::error::Error;
use std::io::{self, BufRead, Read};

pub(super) fn gzip(file: impl BufRead) -> impl Read {
    Unpacked {
        reader: flate2::bufread::MultiGzDecoder::new(file),
        format: "gzip",
    }
}

pub(super) fn zstd(file: impl BufRead) -> Result<impl Read, String> {
    match ruzstd::decoding::StreamingDecoder::new(file) {
        Ok(reader) => Ok(Unpacked {
            reader,
            format: "zstd",
        }),
        Err(e) if ends_early(&e) => {
            Err("the zstd data are cut short: they end too early".to_owned())
        }
        Err(e) => Err(format!("the file is not zstd: {e}")),
    }
}

struct Unpacked<R> {
    reader: R,
    format: &'static str,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|e| {
            let kind = e.kind();
            let said = if ends_early(&e) {
                format!("the {} data are cut short: they end too early", self.format)
            } else if matches!(
                kind,
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other
            ) {
                format!(
                    "the file is not {0}, or its {0} data are damaged: {e}",
                    self.format
                )
            } else {
                return e;
            };
            io::Error::new(kind, said)
        })
    }
}

/// Whether the end of the file is what went wrong, be it deep inside.
fn ends_early(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::UnexpectedEof {
                return true;
            }
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
        }
        cause = error.source();
    }
    false
}
