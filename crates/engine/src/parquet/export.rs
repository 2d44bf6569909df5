//! The samples of a Prometheus as files of Parquet, a folder a day.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_core::{Series, Timestamp};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::archive::column;
use crate::Error;
use crate::config::SourceConfig;
use crate::query::data_problems;
use crate::source::client;

/// The columns of every file.
const SCHEMA: &str = "message samples {
    required binary series (UTF8);
    required group labels (MAP) {
        repeated group key_value {
            required binary key (UTF8);
            required binary value (UTF8);
        }
    }
    required int64 ts (TIMESTAMP(MILLIS, true));
    required double value;
}";

/// So many rows are held in memory at once and make up a group.
const GROUP: usize = 65_536;

/// The most folders that the series of a stretch of time are spread over.
const MOST_PARTS: u32 = 4_096;

/// How long a stretch of time is that has a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportBy {
    /// A day of UTC: `day=2026-03-02`.
    #[default]
    Day,
    /// An hour of UTC: `hour=2026-03-02T14`.
    Hour,
}

impl ExportBy {
    const fn millis(self) -> i64 {
        match self {
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
        }
    }

    /// The name of the folder of the stretch that begins at `start`.
    fn folder(self, start: Timestamp) -> String {
        let time = jiff::Timestamp::from_millisecond(start.as_millis()).unwrap_or_default();
        match self {
            Self::Day => time.strftime("day=%Y-%m-%d").to_string(),
            Self::Hour => time.strftime("hour=%Y-%m-%dT%H").to_string(),
        }
    }
}

/// What is written where.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The server: one of type `prometheus`, which must speak remote read.
    pub source: SourceConfig,
    /// Which series, such as `up{job="node"}`; one that several select is written once.
    pub selectors: Vec<String>,
    /// From when on; taken back to the beginning of its day or hour.
    pub start: Timestamp,
    /// Until when; that moment does not belong to it.
    pub end: Timestamp,
    /// The folder of the table.
    pub folder: PathBuf,
    /// How long a stretch of time each folder has. It is held in memory.
    pub by: ExportBy,
    /// Over how many folders the series of a stretch are spread, by their fingerprints. Domain: 1
    /// to 4096.
    pub parts: u32,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// The stretches of time.
    pub folders: u64,
    /// The files.
    pub files: u64,
    /// The samples.
    pub samples: u64,
}

/// Reads samples by remote read and writes them below [`ExportRequest::folder`] as
/// `day=2026-03-02/part=0000/samples.parquet`, with the columns `series` (the labels as text),
/// `labels` (a map), `ts` (milliseconds, UTC) and `value`; rows by series and time. `told` hears of every
/// stretch that is done, and of how many there are.
///
/// A stretch is written whole, and what was there of it before is replaced, whatever selected it: the
/// same request twice gives the same files. Where there are no samples, what was there is kept, with a
/// warning. A table has folders of one width: days beside hours are an error. Native histograms are left out, with a warning.
///
/// # Errors
/// When the request is wrong, the server cannot be asked, or a file cannot be written; the stretches
/// that were written stay.
pub async fn export(
    request: &ExportRequest,
    told: &(dyn Fn(u64, u64) + Sync),
) -> Result<Exported, Error> {
    let width = request.by.millis();
    let begin = request.start.as_millis().div_euclid(width) * width;
    let end = request.end.as_millis();
    if begin >= end {
        return Err(Error::config(format!(
            "the export ends at {} before it starts at {}",
            request.end, request.start
        )));
    }
    if request.selectors.is_empty() {
        return Err(Error::config("no selector says which series are exported"));
    }
    if !(1..=MOST_PARTS).contains(&request.parts) {
        return Err(Error::config(format!(
            "`parts` is {}, but must be from 1 to {MOST_PARTS}",
            request.parts
        )));
    }
    check_width(request)?;
    let client = client(&request.source)?;
    let total = (end - begin).div_euclid(width) + i64::from((end - begin) % width > 0);
    let mut done = Exported::default();
    for stretch in 0..total {
        let start = begin + stretch * width;
        let last = (start + width).min(end) - 1;
        let (start, last) = (Timestamp::from_millis(start), Timestamp::from_millis(last));
        let mut found: BTreeMap<String, Series> = BTreeMap::new();
        for selector in &request.selectors {
            let answer = client.remote_read(selector, start, last).await;
            let answer = answer.map_err(Error::server)?;
            for problem in data_problems(&answer.quality) {
                tracing::warn!(selector, "{problem}");
            }
            for series in answer.series {
                found.insert(series.labels().selector(), series);
            }
        }
        let folder = request.folder.join(request.by.folder(start));
        let written = replace(&folder, &found, request.parts);
        let failed = |e| Error::state(format!("{}: {e}", folder.display()));
        let (files, samples) = written.map_err(failed)?;
        done.folders += u64::from(files > 0);
        done.files += files;
        done.samples += samples;
        told(stretch.unsigned_abs() + 1, total.unsigned_abs());
    }
    Ok(done)
}

/// Writes the series below `folder` in place of what is there; returns how many files and samples.
fn replace(
    folder: &Path,
    series: &BTreeMap<String, Series>,
    parts: u32,
) -> Result<(u64, u64), Box<dyn std::error::Error>> {
    // Hidden beside the table, so that nobody reads half of it.
    let table = folder.parent().unwrap_or(folder);
    let beside = table.parent().unwrap_or(table);
    let partial = beside.join(format!(".export-{}", std::process::id()));
    let old = partial.with_extension("old");
    // One that was killed may have had the same number, and what it left is of another stretch.
    for left in [&partial, &old] {
        if left.exists() {
            fs::remove_dir_all(left)?;
        }
    }
    let written = write_parts(&partial, series, parts).inspect_err(|_| {
        // What went wrong is said; that this fails too would only hide it.
        let _ = fs::remove_dir_all(&partial);
    })?;
    if written.0 == 0 {
        if folder.exists() {
            // The server may have forgotten what is kept here.
            tracing::warn!(
                folder = %folder.display(),
                "there are no samples of it now: what was exported before is kept"
            );
        }
        return Ok(written);
    }
    fs::create_dir_all(table)?;
    // A reader between the two finds no such day; nothing is removed before the new one stands.
    let was_there = folder.exists();
    if was_there {
        fs::rename(folder, &old)?;
    }
    if let Err(error) = fs::rename(&partial, folder) {
        if was_there {
            fs::rename(&old, folder)?;
        }
        return Err(error.into());
    }
    crate::journal::sync_directory(folder)?;
    if was_there {
        fs::remove_dir_all(&old)?;
    }
    Ok(written)
}

/// Refuses a table whose folders are of the other width: its rows would be there twice, or not seen.
fn check_width(request: &ExportRequest) -> Result<(), Error> {
    let other = match request.by {
        ExportBy::Day => "hour=",
        ExportBy::Hour => "day=",
    };
    let Ok(entries) = fs::read_dir(&request.folder) else {
        // It is made when there is something to write.
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(other) {
            return Err(Error::config(format!(
                "{} has `{}`, but this export writes `{}`: give each width of time a table of its own",
                request.folder.display(),
                name.display(),
                request.by.folder(request.start)
            )));
        }
    }
    Ok(())
}

fn write_parts(
    partial: &Path,
    series: &BTreeMap<String, Series>,
    parts: u32,
) -> Result<(u64, u64), Box<dyn std::error::Error>> {
    let (mut files, mut samples) = (0, 0);
    for part in 0..parts {
        let mine = series.iter().filter(|(_, series)| {
            !series.timestamps().is_empty()
                && series.labels().fingerprint() % u64::from(parts) == u64::from(part)
        });
        let mine: Vec<(&String, &Series)> = mine.collect();
        if mine.is_empty() {
            continue;
        }
        let place = partial.join(format!("part={part:04}"));
        fs::create_dir_all(&place)?;
        samples += write(&place.join("samples.parquet"), &mine)?;
        files += 1;
    }
    Ok((files, samples))
}

/// Writes a file; returns how many samples it has.
fn write(path: &Path, series: &[(&String, &Series)]) -> Result<u64, Box<dyn std::error::Error>> {
    let file = File::create(path)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(file.try_clone()?, schema, properties)?;
    let mut rows = Rows::default();
    let mut samples = 0;
    for (name, series) in series {
        let shared = Shared::of(name, series);
        for (time, value) in series.iter() {
            rows.push(&shared, time, value);
            samples += 1;
            if rows.times.len() == GROUP {
                rows.write(&mut writer)?;
            }
        }
    }
    if !rows.times.is_empty() {
        rows.write(&mut writer)?;
    }
    writer.close()?;
    file.sync_all()?;
    Ok(samples)
}

/// What all rows of a series have.
struct Shared {
    name: ByteArray,
    labels: Vec<(ByteArray, ByteArray)>,
}

impl Shared {
    fn of(name: &str, series: &Series) -> Self {
        let labels = series.labels().iter();
        Self {
            name: ByteArray::from(name),
            labels: labels.map(|(k, v)| (k.into(), v.into())).collect(),
        }
    }
}

/// Rows by columns.
#[derive(Default)]
struct Rows {
    series: Vec<ByteArray>,
    keys: Vec<ByteArray>,
    values_of_keys: Vec<ByteArray>,
    /// Of each entry of the maps whether it is one, and whether it goes on with its row.
    present: Vec<i16>,
    goes_on: Vec<i16>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Rows {
    fn push(&mut self, shared: &Shared, time: Timestamp, value: f64) {
        self.series.push(shared.name.clone());
        for (place, (key, value)) in shared.labels.iter().enumerate() {
            self.keys.push(key.clone());
            self.values_of_keys.push(value.clone());
            self.present.push(1);
            self.goes_on.push(i16::from(place > 0));
        }
        if shared.labels.is_empty() {
            self.present.push(0);
            self.goes_on.push(0);
        }
        self.times.push(time.as_millis());
        self.values.push(value);
    }

    /// Writes them as a group, and begins anew.
    fn write(&mut self, writer: &mut SerializedFileWriter<File>) -> Result<(), ParquetError> {
        let rows = std::mem::take(self);
        let entries = Some((rows.present.as_slice(), rows.goes_on.as_slice()));
        let mut group = writer.next_row_group()?;
        column::<ByteArrayType>(&mut group, &rows.series, None)?;
        column::<ByteArrayType>(&mut group, &rows.keys, entries)?;
        column::<ByteArrayType>(&mut group, &rows.values_of_keys, entries)?;
        column::<Int64Type>(&mut group, &rows.times, None)?;
        column::<DoubleType>(&mut group, &rows.values, None)?;
        group.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bongsu_core::Labels;

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn one_series() -> Result<BTreeMap<String, Series>, Box<dyn std::error::Error>> {
        let labels = Labels::from_pairs([("__name__", "up")])?;
        let times = vec![Timestamp::from_secs(1), Timestamp::from_secs(2)];
        let series = Series::new(labels, times, vec![1.0, 2.0])?;
        Ok(BTreeMap::from([(series.labels().selector(), series)]))
    }

    #[test]
    fn what_a_killed_export_left_gets_into_no_day() -> Tested {
        let data = tempfile::tempdir()?;
        let left = data.path().join(format!(".export-{}", std::process::id()));
        fs::create_dir_all(left.join("part=0099"))?;
        let day = data.path().join("metrics/day=1970-01-01");
        assert_eq!(replace(&day, &one_series()?, 1)?, (1, 2));
        assert!(!day.join("part=0099").exists());
        assert!(day.join("part=0000/samples.parquet").exists());
        // Nothing but the table is left.
        assert_eq!(fs::read_dir(data.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_day_that_the_server_forgot_is_kept() -> Tested {
        let data = tempfile::tempdir()?;
        let day = data.path().join("metrics/day=1970-01-01");
        replace(&day, &one_series()?, 1)?;
        assert_eq!(replace(&day, &BTreeMap::new(), 1)?, (0, 0));
        assert!(day.join("part=0000/samples.parquet").exists());
        assert_eq!(replace(&day, &one_series()?, 1)?, (1, 2));
        assert_eq!(fs::read_dir(data.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn days_and_hours_do_not_mix() -> Tested {
        let data = tempfile::tempdir()?;
        fs::create_dir_all(data.path().join("day=2026-03-01"))?;
        let request = |by| ExportRequest {
            source: SourceConfig::prometheus("http://localhost:9090".to_owned()),
            selectors: vec!["up".to_owned()],
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(60),
            folder: data.path().to_path_buf(),
            by,
            parts: 1,
        };
        assert!(check_width(&request(ExportBy::Day)).is_ok());
        let wrong = check_width(&request(ExportBy::Hour)).map_err(|e| e.to_string());
        let wrong = wrong.err().unwrap_or_default();
        assert!(
            wrong.contains("`day=2026-03-01`") && wrong.contains("`hour=1970-01-01T00`"),
            "{wrong}"
        );
        Ok(())
    }
}
