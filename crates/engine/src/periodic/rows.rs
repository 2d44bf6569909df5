//! The rows of the files of verdicts, those that are still written to as well.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use bongsu_core::Timestamp;
use jiff::civil::Date;

use crate::Error;
use crate::collect::Point;

/// The files that hold a period.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// Days of the period that are there in a form that this build does not read.
    pub(super) skipped: usize,
}

/// A row, borrowed from the file.
pub(super) struct Row<'a> {
    pub(super) query: &'a str,
    pub(super) series: &'a str,
    pub(super) point: Point,
    pub(super) why: &'a str,
}

/// The files with rows from `from` to `to`: `path` itself, or the files of days beside it.
pub(super) fn files(path: &Path, from: Timestamp, to: Timestamp) -> Result<Files, Error> {
    let mut found = Files {
        paths: Vec::new(),
        skipped: 0,
    };
    if path.is_file() {
        found.paths.push(path.to_owned());
        return Ok(found);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |e: std::io::Error| Error::state(format!("{}: {e}", folder.display()));
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // A day of the file is one of UTC, and what came late may be in the one after.
    let day = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok();
        at.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
    };
    let (first, last) = (day(from), day(to.add_millis(86_400_000)));
    let mut days: Vec<(Date, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(rest) = name
            .strip_prefix(&stem)
            .and_then(|rest| rest.strip_prefix('-'))
        else {
            continue;
        };
        let Some((date, kind)) = rest.split_once('.') else {
            continue;
        };
        let Ok(date) = date.parse::<Date>() else {
            continue;
        };
        if Some(date) < first || last.is_some_and(|last| date > last) {
            continue;
        }
        if kind == ending {
            days.push((date, path));
        } else if kind == "parquet" {
            found.skipped += 1;
        }
    }
    days.sort();
    found.paths = days.into_iter().map(|(_, path)| path).collect();
    if found.paths.is_empty() && found.skipped == 0 {
        return Err(Error::state(format!(
            "{}: there are no verdicts of this time; they are kept where `output.verdicts` is set",
            path.display()
        )));
    }
    Ok(found)
}

/// Shows every row from `from` until before `to`, in the order of the files.
pub(super) fn read(
    files: &Files,
    from: Timestamp,
    to: Timestamp,
    see: &mut dyn FnMut(&Row<'_>),
) -> Result<(), Error> {
    for path in &files.paths {
        let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(|e| failed(&e))?;
        let whole = whole_lines(&file).map_err(|e| failed(&e))?;
        let file = BufReader::with_capacity(1 << 18, file.take(whole));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|e| failed(&e))? {
            let Some(row) = row(&record) else {
                let line = record.position().map_or(0, csv::Position::line);
                return Err(failed(&format!("line {line} is no row of verdicts")));
            };
            if row.point.timestamp >= from && row.point.timestamp < to {
                see(&row);
            }
        }
    }
    Ok(())
}

/// The length of `file` up to the end of its last whole line: a row may just be written.
fn whole_lines(file: &File) -> std::io::Result<u64> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = file;
    let len = file.metadata()?.len();
    let start = len.saturating_sub(1 << 20);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(len - start).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(end.map_or(0, |end| start + end as u64 + 1))
}

fn row(record: &csv::StringRecord) -> Option<Row<'_>> {
    let number = |i: usize| -> Option<f64> {
        let value: f64 = record.get(i)?.parse().ok()?;
        Some(value).filter(|value| !value.is_nan())
    };
    let at = record.get(0)?;
    let (secs, millis) = at.split_once('.').unwrap_or((at, ""));
    let secs: i64 = secs.parse().ok()?;
    let part: i64 = format!("{millis:0<3}").get(..3)?.parse().ok()?;
    let part = if at.starts_with('-') { -part } else { part };
    Some(Row {
        query: record.get(1)?,
        series: record.get(2)?,
        point: Point {
            timestamp: Timestamp::from_millis(secs.checked_mul(1_000)?.checked_add(part)?),
            value: number(3),
            score: number(4),
            expected: number(5),
            lower: number(6),
            upper: number(7),
            anomalous: match record.get(8)? {
                "0" => false,
                "1" => true,
                _ => return None,
            },
        },
        why: record.get(9).unwrap_or_default(),
    })
}
