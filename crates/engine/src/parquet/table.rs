//! A Parquet file as the CSV text that every command reads.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use parquet::basic::{LogicalType, TimeUnit};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use crate::table::is_time_column;

/// The rows of the file at `path` in CSV, the column of the time first. Numbers keep their value to
/// the last digit; a moment becomes RFC 3339, a missing value an empty field.
pub(crate) fn as_csv(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|e| wrong(&e))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut names = Vec::new();
    let mut in_nanos = Vec::new();
    for column in schema.columns() {
        let [name] = column.path().parts() else {
            return Err(format!(
                "column `{}` is nested, but columns must be plain",
                column.path()
            ));
        };
        names.push(name.clone());
        in_nanos.push(matches!(
            column.logical_type_ref(),
            Some(LogicalType::Timestamp(moment)) if moment.unit == TimeUnit::NANOS
        ));
    }
    let Some(time) = names.iter().position(|name| is_time_column(name)) else {
        let names = names.join(", ");
        return Err(format!("no column is the time; there are: {names}"));
    };
    let mut text = String::new();
    row(&mut text, time, &names, |text, name| {
        quote(text, name);
        Ok(())
    })?;
    for record in reader {
        let record = record.map_err(|e| wrong(&e))?;
        let fields: Vec<(&Field, (&String, &bool))> = record
            .get_column_iter()
            .map(|(_, field)| field)
            .zip(names.iter().zip(&in_nanos))
            .collect();
        row(&mut text, time, &fields, |text, (field, (name, nanos))| {
            push(text, field, **nanos).map_err(|what| format!("column `{name}` holds {what}"))
        })?;
    }
    Ok(text)
}

fn wrong(error: &ParquetError) -> String {
    format!("the file is not Parquet, or its data are damaged: {error}")
}

/// Adds a line of `cells`, that of the time first.
fn row<T>(
    text: &mut String,
    time: usize,
    cells: &[T],
    mut add: impl FnMut(&mut String, &T) -> Result<(), String>,
) -> Result<(), String> {
    let others = cells.iter().enumerate().filter(|(i, _)| *i != time);
    let ordered = cells
        .get(time)
        .into_iter()
        .chain(others.map(|(_, cell)| cell));
    for (i, cell) in ordered.enumerate() {
        if i > 0 {
            text.push(',');
        }
        add(text, cell)?;
    }
    text.push('\n');
    Ok(())
}

/// Adds a value, or says of which kind it is when that is no number.
fn push(text: &mut String, field: &Field, nanos: bool) -> Result<(), &'static str> {
    // Writing to a text cannot fail.
    let _ = match field {
        Field::Null => Ok(()),
        Field::Bool(flag) => write!(text, "{}", u8::from(*flag)),
        Field::Byte(n) => write!(text, "{n}"),
        Field::Short(n) => write!(text, "{n}"),
        Field::Int(n) => write!(text, "{n}"),
        Field::Long(n) if nanos => moment(text, n.div_euclid(1_000)),
        Field::Long(n) => write!(text, "{n}"),
        Field::UByte(n) => write!(text, "{n}"),
        Field::UShort(n) => write!(text, "{n}"),
        Field::UInt(n) => write!(text, "{n}"),
        Field::ULong(n) => write!(text, "{n}"),
        Field::Float(x) => write!(text, "{x}"),
        Field::Float16(x) => write!(text, "{}", x.to_f32()),
        Field::Double(x) => write!(text, "{x}"),
        Field::Str(word) => {
            quote(text, word);
            Ok(())
        }
        Field::Date(days) => moment(text, i64::from(*days).saturating_mul(86_400_000_000)),
        Field::TimestampMillis(ms) => moment(text, ms.saturating_mul(1_000)),
        Field::TimestampMicros(us) => moment(text, *us),
        Field::Decimal(_) => return Err("decimals, which are not read"),
        Field::TimeMillis(_) | Field::TimeMicros(_) => return Err("times without a day"),
        Field::Bytes(_) => return Err("bytes"),
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            return Err("nested values");
        }
    };
    Ok(())
}

fn moment(text: &mut String, micros: i64) -> std::fmt::Result {
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(moment) => write!(text, "{moment}"),
        // Beyond the calendar: whoever reads it refuses it by its place.
        Err(_) => write!(text, "{micros}"),
    }
}

fn quote(text: &mut String, word: &str) {
    if word.contains(['"', ',', '\n', '\r']) {
        let _ = write!(text, "\"{}\"", word.replace('"', "\"\""));
    } else {
        text.push_str(word);
    }
}
