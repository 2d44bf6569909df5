//! Opening and decompression whose errors say in words what is wrong with the file.

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::Error;

/// Opens the file at `path` for reading, decompressed when it ends in `.gz` or `.zst` in any
/// case, and as CSV when it ends in `.parquet`; `-` is standard input.
///
/// # Errors
/// When it cannot be opened, or its name tells of a format that is not read.
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    let named = |e: &dyn std::fmt::Display| Error::input(format!("{}: {e}", path.display()));
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if extension == "parquet" {
        return parquet(path).map_err(|e| named(&e));
    }
    let file = BufReader::new(File::open(path).map_err(|e| named(&e))?);
    Ok(match extension.as_str() {
        "gz" => Box::new(gzip(file)),
        "zst" => Box::new(zstd(file).map_err(|e| named(&e))?),
        _ => Box::new(file),
    })
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let text = crate::parquet::as_csv(path)?;
    Ok(Box::new(io::Cursor::new(text)))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path) -> Result<Box<dyn Read + Send>, String> {
    Err("Parquet is not supported by this build, which is without the feature `parquet`".to_owned())
}

fn gzip(file: impl BufRead) -> impl Read {
    Unpacked {
        reader: flate2::bufread::MultiGzDecoder::new(file),
        format: "gzip",
    }
}

fn zstd(file: impl BufRead) -> Result<impl Read, String> {
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
fn ends_early(error: &(dyn StdError + 'static)) -> bool {
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
