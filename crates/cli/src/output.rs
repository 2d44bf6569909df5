//! Standard output or a file, whichever was asked for, and the rows that go there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use bongsu::engine::{DetectedRow, format_number};

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

/// An output that is added to.
pub(crate) struct Appended {
    pub(crate) out: Box<dyn Write>,
    /// Whether something is there already.
    pub(crate) begun: bool,
    /// The same file, where it is one that can be synced.
    pub(crate) file: Option<File>,
}

/// Opens `path` for adding to it; `-` is standard output. A last line without an end was cut short
/// when a process was killed: `goes_on` says that it comes again, so that it is taken away.
pub(crate) fn append(path: &Path, goes_on: bool) -> Result<Appended, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Appended {
            out: Box::new(std::io::stdout().lock()),
            begun: false,
            file: None,
        });
    }
    let open = || {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let is_file = file.metadata()?.is_file();
        if is_file {
            end_last_line(path, &mut file, goes_on)?;
        }
        Ok(Appended {
            begun: file.metadata()?.len() > 0,
            file: is_file.then(|| file.try_clone()).transpose()?,
            out: Box::new(file),
        })
    };
    open().map_err(|e: std::io::Error| {
        std::io::Error::new(e.kind(), format!("{}: {e}", path.display())).into()
    })
}

/// The most bytes that are taken away: more than any row has.
const LONGEST_ROW: u64 = 1 << 22;

/// Makes `file` end with the end of a line.
fn end_last_line(path: &Path, file: &mut File, take_away: bool) -> std::io::Result<()> {
    let len = file.metadata()?.len();
    let start = len.saturating_sub(LONGEST_ROW);
    let mut reader = File::open(path)?;
    reader.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    reader.read_to_end(&mut end)?;
    if end.last().is_none_or(|&byte| byte == b'\n') {
        return Ok(());
    }
    let lines = end.iter().rposition(|&byte| byte == b'\n');
    match lines {
        Some(last) if take_away => file.set_len(start + last as u64 + 1)?,
        _ => file.write_all(b"\n")?,
    }
    tracing::warn!(output = %path.display(), "the last row was not whole");
    Ok(())
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
        write!(out, "{}", format_number(score))?;
    }
    out.write_all(if row.anomalous { b",1" } else { b",0" })?;
    match (with_band, row.expectation) {
        (true, Some(band)) => {
            for value in [band.expected, band.lower, band.upper] {
                write!(out, ",{}", format_number(value))?;
            }
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
