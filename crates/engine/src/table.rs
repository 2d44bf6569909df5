//! Tables of time series in CSV: `timestamp,<channel>[,<channel>...]`.

mod header;
mod part;
mod shown;
mod unpack;
mod written;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use self::header::header;
pub(crate) use self::header::{check_header, is_time_column};
pub(crate) use self::shown::shown;
pub use self::unpack::open;
pub use self::written::{TimeFormat, format_number};
use crate::Error;

/// A CSV file in memory: rows in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The timestamps as they stand in the file.
    pub timestamp_texts: Vec<String>,
    /// The timestamps as moments.
    pub timestamps: Vec<Timestamp>,
    /// How the timestamps are written.
    pub unit: TimeUnit,
    /// The names of the channels.
    pub channels: Vec<String>,
    /// The values: rows as in the file, columns as the channels; missing is NaN.
    pub values: Array2<f64>,
    /// Rows whose time is not after every earlier row's, by index.
    pub late_rows: Vec<usize>,
}

/// How a file writes its timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimeUnit {
    /// Unix seconds, with or without a fraction.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// RFC 3339, or a date and time without a zone, which is taken as UTC.
    Rfc3339,
}

impl std::fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seconds => "Unix seconds",
            Self::Milliseconds => "Unix milliseconds",
            Self::Rfc3339 => "RFC 3339",
        })
    }
}

/// Numbers at least this large are milliseconds: as seconds they would lie beyond the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;
/// Numbers at least this large are finer still: as milliseconds they would lie beyond the year 5138.
const TOO_FINE_FROM: f64 = 1e14;

impl Table {
    /// Reads the file at `path`, decompressed when it ends in `.gz` or `.zst` in any
    /// case; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`Table::read`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let named = |e: &dyn std::fmt::Display| Error::input(format!("{}: {e}", path.display()));
        Self::read(open(path)?).map_err(|e| named(&e))
    }

    /// Reads CSV text.
    ///
    /// The first column is the time; it is called `timestamp`, `time`, `date`, `datetime`, `ds` or `ts`,
    /// in any case. A byte-order mark, carriage returns and blank lines are tolerated. Rows that do not
    /// move on in time are kept and listed in [`Table::late_rows`].
    ///
    /// # Errors
    /// With line and column: when the header does not start with the time, names a channel twice
    /// or has no channel; when a row has another number of fields; when a timestamp cannot be read
    /// or is written in another unit than the first; when a value is not a number.
    pub fn read(input: impl Read) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(without_mark(input)?);
        let mut record = csv::StringRecord::new();
        if !next_record(&mut reader, &mut record)? {
            return Err(Error::input(
                "line 1: the file is empty, but must start with `timestamp,<channel>`",
            ));
        }
        let channels = header(&record)?;
        let mut table = Self {
            timestamp_texts: Vec::new(),
            timestamps: Vec::new(),
            unit: TimeUnit::Seconds,
            values: Array2::zeros((0, 0)),
            late_rows: Vec::new(),
            channels,
        };
        let mut unit = None;
        let mut newest = Timestamp::MIN;
        let mut cells = Vec::new();
        while next_record(&mut reader, &mut record)? {
            let line = record.position().map_or(0, csv::Position::line);
            let (time, row) = table.row(&record, line, &mut unit)?;
            if time <= newest && !table.timestamps.is_empty() {
                table.late_rows.push(table.timestamps.len());
            }
            newest = newest.max(time);
            table.timestamps.push(time);
            table
                .timestamp_texts
                .push(record.get(0).unwrap_or_default().to_owned());
            cells.extend(row);
        }
        table.unit = unit.unwrap_or(TimeUnit::Seconds);
        table.values =
            Array2::from_shape_vec((table.timestamps.len(), table.channels.len()), cells)
                .map_err(Error::input)?;
        Ok(table)
    }

    fn row(
        &self,
        record: &csv::StringRecord,
        line: u64,
        unit: &mut Option<TimeUnit>,
    ) -> Result<(Timestamp, Vec<f64>), Error> {
        if record.len() != self.channels.len() + 1 {
            return Err(self.ragged(record, line));
        }
        let text = record.get(0).unwrap_or_default();
        let wrong = |what: &dyn std::fmt::Display| {
            Error::input(format!("line {line}, column 1: `{}` {what}", shown(text)))
        };
        let (time, found) = parse_time(text).ok_or_else(|| wrong(&why_no_time(text)))?;
        let expected = *unit.get_or_insert(found);
        if found != expected {
            let what = format!("is in {found}, but the file began in {expected}");
            return Err(wrong(&what));
        }
        let values = record.iter().skip(1).enumerate().map(|(column, text)| {
            parse_value(text).ok_or_else(|| {
                let name = self.channels.get(column).map_or("", String::as_str);
                Error::input(format!(
                    "line {line}, column {} ({}): `{}` is not a number",
                    column + 2,
                    shown(name),
                    shown(text)
                ))
            })
        });
        Ok((time, values.collect::<Result<_, _>>()?))
    }

    /// What is wrong with a row of another length than the header.
    fn ragged(&self, record: &csv::StringRecord, line: u64) -> Error {
        let (found, expected) = (record.len(), self.channels.len() + 1);
        let fields = if found == 1 { "field" } else { "fields" };
        let place = match found.checked_sub(1).and_then(|i| self.channels.get(i)) {
            Some(name) => format!("column {} ({}) is missing", found + 1, shown(name)),
            None => format!(
                "column {} is surplus: `{}`",
                expected + 1,
                shown(record.get(expected).unwrap_or_default())
            ),
        };
        let open_quote = if record.iter().any(|field| field.contains('\n')) {
            "; a quotation mark may not be closed"
        } else {
            ""
        };
        Error::input(format!(
            "line {line}: {found} {fields} where the header has {expected}: {place}{open_quote}"
        ))
    }

    /// The channels as series, without their missing values and late rows.
    ///
    /// # Errors
    /// When a channel's name cannot be a label value.
    pub fn to_series(&self) -> Result<Vec<Series>, Error> {
        let mut late = vec![false; self.timestamps.len()];
        for &row in &self.late_rows {
            if let Some(flag) = late.get_mut(row) {
                *flag = true;
            }
        }
        self.channels
            .iter()
            .zip(self.values.columns())
            .map(|(name, column)| {
                let mut series = Series::empty(Labels::from_pairs([(METRIC_NAME, name.as_str())])?);
                for ((&time, &value), late) in self.timestamps.iter().zip(column).zip(&late) {
                    if !late && !value.is_nan() {
                        series.push(time, value)?;
                    }
                }
                Ok(series)
            })
            .collect()
    }
}

/// The input behind a UTF-8 byte-order mark, if it has one.
fn without_mark(input: impl Read) -> Result<impl Read, Error> {
    let mut input = BufReader::new(input);
    let start = input
        .fill_buf()
        .map_err(|e| Error::input(format!("line 1: {e}")))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(input)
}

fn next_record<R: Read>(
    reader: &mut csv::Reader<R>,
    record: &mut csv::StringRecord,
) -> Result<bool, Error> {
    reader.read_record(record).map_err(|e| {
        let line = e
            .position()
            .map_or_else(|| reader.position().line(), csv::Position::line);
        match e.kind() {
            csv::ErrorKind::Utf8 { err, .. } => Error::input(format!(
                "line {line}, column {}: the text is not UTF-8",
                err.field() + 1
            )),
            csv::ErrorKind::Io(e) => Error::input(format!("line {line}: {e}")),
            _ => Error::input(format!("line {line}: {e}")),
        }
    })
}

/// What is wrong with a text that [`parse_time`] does not read.
pub(crate) fn why_no_time(text: &str) -> &'static str {
    if is_too_fine(text) {
        "is in microseconds or nanoseconds, which are not read; write Unix seconds, Unix milliseconds or RFC 3339"
    } else {
        "is not a timestamp in Unix seconds, Unix milliseconds or RFC 3339"
    }
}

/// Whether `text` is a number that only microseconds or nanoseconds could mean.
fn is_too_fine(text: &str) -> bool {
    text.parse::<f64>()
        .is_ok_and(|number| number.is_finite() && number.abs() >= TOO_FINE_FROM)
}

/// Reads a timestamp and says how it is written. A number of at least 1e14 is none: it would be
/// microseconds or nanoseconds.
#[must_use]
pub fn parse_time(text: &str) -> Option<(Timestamp, TimeUnit)> {
    if let Ok(number) = text.parse::<f64>() {
        return if number.abs() >= TOO_FINE_FROM {
            None
        } else if number.abs() >= MILLISECONDS_FROM {
            Some((
                Timestamp::from_secs_f64(number / 1e3)?,
                TimeUnit::Milliseconds,
            ))
        } else {
            Some((Timestamp::from_secs_f64(number)?, TimeUnit::Seconds))
        };
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        text.parse::<DateTime>()
            .ok()?
            .in_tz("UTC")
            .ok()
            .map(|zoned| zoned.timestamp())
    })?;
    Some((
        Timestamp::from_millis(moment.as_millisecond()),
        TimeUnit::Rfc3339,
    ))
}

/// Reads a value: empty and `NaN` are missing.
pub(crate) fn parse_value(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table, Error> {
        Table::read(text.as_bytes())
    }

    #[test]
    fn a_plain_file_is_read() {
        let table = read("timestamp,a,b\n60,1,2\n120,,NaN\n").unwrap();
        assert_eq!(table.channels, ["a", "b"]);
        assert_eq!(
            table.timestamps,
            [Timestamp::from_secs(60), Timestamp::from_secs(120)]
        );
        assert!(table.values[[1, 0]].is_nan() && table.values[[1, 1]].is_nan());
        assert_eq!(table.unit, TimeUnit::Seconds);
    }

    #[test]
    fn marks_and_carriage_returns_are_tolerated() {
        let table = read("\u{feff}timestamp,a\r\n60,1\r\n\r\n120,2\r\n").unwrap();
        assert_eq!(table.values.column(0).to_vec(), [1.0, 2.0]);
    }

    #[test]
    fn units_are_detected() {
        for (text, unit) in [
            ("1700000000", TimeUnit::Seconds),
            ("1700000000.5", TimeUnit::Seconds),
            ("1700000000000", TimeUnit::Milliseconds),
            ("2023-11-14T22:13:20Z", TimeUnit::Rfc3339),
            ("2023-11-14T23:13:20+01:00", TimeUnit::Rfc3339),
            ("2023-11-14 22:13:20", TimeUnit::Rfc3339),
        ] {
            let (time, found) = parse_time(text).unwrap();
            assert_eq!(found, unit, "{text}");
            assert_eq!(time.as_millis() / 1_000, 1_700_000_000, "{text}");
        }
        for none in ["yesterday", "NaN", "inf", "1e14", "1700000000000000"] {
            assert_eq!(parse_time(none), None, "{none}");
        }
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, message) in [
            ("", "line 1"),
            (
                "when,a\n1,2\n",
                "line 1, column 1: the header starts with `when`, but must start with the time, as \
                 `timestamp`, `time`, `date`, `datetime`, `ds` or `ts`",
            ),
            ("1,2\n2,3\n", "line 1, column 1: the header starts with `1`"),
            ("timestamp\n1\n", "names no channel"),
            (
                "timestamp,a,a\n1,2,3\n",
                "line 1, column 3: channel `a` occurs twice",
            ),
            (
                "timestamp,a\n1,2\n2\n",
                "line 3: 1 field where the header has 2: column 2 (a) is missing",
            ),
            (
                "timestamp,a\n1,2\n2,3,4\n",
                "line 3: 3 fields where the header has 2: column 3 is surplus: `4`",
            ),
            (
                "timestamp,a\n1700000000000000,2\n",
                "line 2, column 1: `1700000000000000` is in microseconds or nanoseconds",
            ),
            (
                "timestamp,a\n1,\"\u{1b}[31m\"\n",
                "line 2, column 2 (a): `\\u{1b}[31m` is not a number",
            ),
            (
                "timestamp,a\n1,2\n2,x\n",
                "line 3, column 2 (a): `x` is not a number",
            ),
            (
                "timestamp,a\nnoon,2\n",
                "line 2, column 1: `noon` is not a timestamp",
            ),
            (
                "timestamp,a\n60,2\n1700000000000,3\n",
                "line 3, column 1: `1700000000000` is in Unix milliseconds",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text:?} gave {error}");
        }
    }

    #[test]
    fn messages_stay_short() {
        let long = "x".repeat(1 << 20);
        for text in [
            format!("timestamp,a\n1,\"{long}\n2,3\n"),
            format!("timestamp,a\n\"1,2\n{long}\n2,3\n"),
            format!("timestamp,a,b\n1,2,\"3\n{long}\n2,3\n"),
            format!("{long},a\n"),
            format!("timestamp,{long},{long}\n"),
            format!("timestamp,{long}\n1,x\n"),
            format!("timestamp,{long}\n1\n"),
            format!("timestamp,a\n1,2,{long}\n"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.len() < 250, "{error}");
        }
        let error = read("timestamp,a,b\n1,\"2,3\n2,3,4\n").unwrap_err();
        assert!(error.to_string().contains("may not be closed"), "{error}");
    }

    #[test]
    fn compressed_files_are_told_apart_from_broken_ones() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Table::open(&path).map_err(|e| e.to_string())
        };
        let csv: String = (0..20_000)
            .map(|i| format!("{i},{}\n", i * 7_919 % 10_007))
            .collect();
        let csv = format!("timestamp,a\n{csv}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, csv.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(csv.as_bytes(), level);
        for (name, whole) in [("x.csv.GZ", &gzip), ("x.Zst", &zstd)] {
            assert_eq!(open(name, whole).unwrap().timestamps.len(), 20_000);
            let half = open(name, &whole[..whole.len() / 2]).unwrap_err();
            assert!(half.contains("cut short"), "{name}: {half}");
            let start = open(name, &whole[..3]).unwrap_err();
            assert!(start.contains("cut short"), "{name}: {start}");
            let plain = open(name, csv.as_bytes()).unwrap_err();
            assert!(plain.contains("the file is not "), "{name}: {plain}");
        }
        let parquet = open("x.Parquet", b"PAR1").unwrap_err();
        let said = if cfg!(feature = "parquet") {
            "the file is not Parquet"
        } else {
            "Parquet is not supported by this build"
        };
        assert!(parquet.contains(said), "{parquet}");
    }

    #[test]
    fn late_rows_are_kept_and_listed() {
        let table = read("timestamp,a\n60,1\n120,2\n120,3\n90,4\n180,5\n").unwrap();
        assert_eq!(table.late_rows, [2, 3]);
        assert_eq!(table.to_series().unwrap()[0].values(), [1.0, 2.0, 5.0]);
    }
}
