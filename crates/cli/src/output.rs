//! Standard output or a file, whichever was asked for, and the rows that go there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use bongsu::engine::DetectedRow;

use crate::Failure;

/// Opens `path` for writing; `-` is standard output.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Write>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(std::io::stdout().lock())));
    }
    let file = File::create(path)
        .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// Opens `path` for adding to it, and says whether something is there already; `-` is standard
/// output.
pub(crate) fn append(path: &Path) -> Result<(Box<dyn Write>, bool), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdout().lock()), false));
    }
    let failed =
        |e: std::io::Error| std::io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let begun = file.metadata().map_err(failed)?.len() > 0;
    Ok((Box::new(file), begun))
}

pub(crate) fn write_header(
    out: &mut impl Write,
    with_band: bool,
    explain: bool,
) -> std::io::Result<()> {
    out.write_all(b"timestamp,score,anomalous")?;
    if with_band {
        out.write_all(b",expected,lower,upper")?;
    }
    if explain {
        out.write_all(b",explanation")?;
    }
    out.write_all(b"\n")
}

/// A row of the output, which begins with the time as it stands in the input.
pub(crate) fn write_row(
    out: &mut impl Write,
    time: &str,
    row: &DetectedRow,
    with_band: bool,
    explain: bool,
) -> std::io::Result<()> {
    write_field(out, time)?;
    out.write_all(b",")?;
    if let Some(score) = row.score {
        write!(out, "{score}")?;
    }
    out.write_all(if row.anomalous { b",1" } else { b",0" })?;
    match (with_band, row.expectation) {
        (true, Some(band)) => {
            write!(out, ",{},{},{}", band.expected, band.lower, band.upper)?;
        }
        (true, None) => out.write_all(b",,,")?,
        (false, _) => {}
    }
    if explain {
        out.write_all(b",")?;
        let summary = row.explanation.as_ref().map_or("", |e| e.summary.as_str());
        write_field(out, summary)?;
    }
    out.write_all(b"\n")
}

/// A field of a CSV file, in quotation marks where it needs them.
fn write_field(out: &mut impl Write, text: &str) -> std::io::Result<()> {
    let special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if text.bytes().any(special) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}
