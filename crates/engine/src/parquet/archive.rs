//! A day of verdicts from CSV to Parquet.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use bongsu_core::Timestamp;
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::Error;

/// The columns of the CSV file, with their types.
const SCHEMA: &str = "message verdicts {
    required int64 timestamp (TIMESTAMP(MILLIS, true));
    required binary query (UTF8);
    required binary series (UTF8);
    optional double value;
    optional double score;
    optional double expected;
    optional double lower;
    optional double upper;
    required boolean anomalous;
    required binary explanation (UTF8);
}";

/// So many rows are held in memory at once and make up a group.
const GROUP: usize = 65_536;

/// Writes the rows of `csv` to `parquet` and removes `csv`. Whenever it is broken off, the one or
/// the other is whole.
pub(crate) fn archive(csv: &Path, parquet: &Path) -> Result<(), Error> {
    let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", csv.display()));
    let mut partial = parquet.as_os_str().to_owned();
    partial.push(".tmp");
    let file = File::create(&partial).map_err(|e| failed(&e))?;
    convert(csv, file.try_clone().map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
    file.sync_all().map_err(|e| failed(&e))?;
    fs::rename(&partial, parquet).map_err(|e| failed(&e))?;
    crate::journal::sync_directory(parquet).map_err(|e| failed(&e))?;
    fs::remove_file(csv).map_err(|e| failed(&e))
}

fn convert(csv: &Path, to: File) -> Result<(), Box<dyn std::error::Error>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(to, schema, Arc::new(properties.build()))?;
    let mut reader = csv::Reader::from_path(csv)?;
    let mut rows = Rows::default();
    for record in reader.records() {
        rows.push(&record?)?;
        if rows.times.len() == GROUP {
            rows.write(&mut writer)?;
        }
    }
    if !rows.times.is_empty() {
        rows.write(&mut writer)?;
    }
    writer.close()?;
    Ok(())
}

/// Rows by columns.
#[derive(Default)]
struct Rows {
    times: Vec<i64>,
    anomalous: Vec<bool>,
    query: Vec<ByteArray>,
    series: Vec<ByteArray>,
    explanation: Vec<ByteArray>,
    /// Value, score, expected, lower, upper: what there is, and for each row whether there is.
    numbers: [(Vec<f64>, Vec<i16>); 5],
}

impl Rows {
    fn push(&mut self, record: &csv::StringRecord) -> Result<(), String> {
        let cell = |i: usize| record.get(i).unwrap_or_default();
        let bad = |name: &str, i: usize| {
            let line = record.position().map_or(0, csv::Position::line);
            format!("line {line}: `{}` is no {name}", cell(i))
        };
        let time = cell(0).parse().ok().and_then(Timestamp::from_secs_f64);
        let time = time.ok_or_else(|| bad("time", 0))?;
        for (i, (values, present)) in self.numbers.iter_mut().enumerate() {
            match cell(i + 3) {
                "" => present.push(0),
                text => {
                    values.push(text.parse().map_err(|_| bad("number", i + 3))?);
                    present.push(1);
                }
            }
        }
        self.times.push(time.as_millis());
        self.query.push(ByteArray::from(cell(1)));
        self.series.push(ByteArray::from(cell(2)));
        self.anomalous.push(cell(8) == "1");
        self.explanation.push(ByteArray::from(cell(9)));
        Ok(())
    }

    /// Writes them as a group, and begins anew.
    fn write(&mut self, writer: &mut SerializedFileWriter<File>) -> Result<(), ParquetError> {
        let rows = std::mem::take(self);
        let mut group = writer.next_row_group()?;
        column::<Int64Type>(&mut group, &rows.times, None)?;
        column::<ByteArrayType>(&mut group, &rows.query, None)?;
        column::<ByteArrayType>(&mut group, &rows.series, None)?;
        for (values, present) in &rows.numbers {
            column::<DoubleType>(&mut group, values, Some((present, &[])))?;
        }
        column::<BoolType>(&mut group, &rows.anomalous, None)?;
        column::<ByteArrayType>(&mut group, &rows.explanation, None)?;
        group.close()?;
        Ok(())
    }
}

/// Writes the next column: its values and, where some may be missing, which are there and, where
/// rows may have several, which go on with a row.
pub(super) fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let present = levels.map(|(present, _)| present);
    let goes_on = levels.map(|(_, goes_on)| goes_on);
    let goes_on = goes_on.filter(|levels| !levels.is_empty());
    column.typed::<T>().write_batch(values, present, goes_on)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::VERDICT_HEADER;

    #[test]
    fn a_day_of_verdicts_keeps_every_value() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
        let mut text = VERDICT_HEADER.to_owned();
        text.push_str(
            "1700000000,load,\"up{a=\"\"b, c\"\"}\",0.1,2.5,1e-7,,3,1,\"high, \"\"very\"\"\"\n",
        );
        text.push_str("1700000000.125,load,up,,,,,,0,\n");
        fs::write(&csv, &text).unwrap();
        archive(&csv, &parquet).unwrap();
        assert!(!csv.exists() && !folder.path().join("a.parquet.tmp").exists());
        let back = crate::parquet::as_csv(&parquet).unwrap();
        let expected = [
            VERDICT_HEADER,
            "2023-11-14T22:13:20Z,load,\"up{a=\"\"b, c\"\"}\",0.1,2.5,0.0000001,,3,1,\"high, \"\"very\"\"\"\n",
            "2023-11-14T22:13:20.125Z,load,up,,,,,,0,\n",
        ];
        assert_eq!(back, expected.concat());
    }

    #[test]
    fn many_rows_become_several_groups() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
        let row = |i: usize| format!("{i},load,up,{i},0.5,,,,0,\n");
        let rows: String = (0..GROUP + 10).map(row).collect();
        fs::write(&csv, format!("{VERDICT_HEADER}{rows}")).unwrap();
        archive(&csv, &parquet).unwrap();
        let back = crate::parquet::as_csv(&parquet).unwrap();
        assert_eq!(back.lines().count(), GROUP + 11);
        assert!(
            back.lines()
                .last()
                .unwrap()
                .contains(&format!(",{},0.5,", GROUP + 9))
        );
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
        for row in ["x,load,up,1,,,,,0,\n", "1,load,up,one,,,,,0,\n", "1,load\n"] {
            fs::write(&csv, format!("{VERDICT_HEADER}{row}")).unwrap();
            let error = archive(&csv, &parquet).unwrap_err().to_string();
            assert!(error.contains("a.csv"), "{error}");
            assert!(csv.exists() && !parquet.exists());
        }
    }
}
