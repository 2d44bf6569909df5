//! The first line of a table: what the column of the time may be called, and the channels.

use super::{Table, shown};
use crate::Error;

impl Table {
    /// What the first column, the time, may be called, in any case.
    pub const TIME_COLUMNS: [&str; 6] = ["timestamp", "time", "date", "datetime", "ds", "ts"];
}

/// Whether a column of this name is the time.
pub(crate) fn is_time_column(name: &str) -> bool {
    let mut names = Table::TIME_COLUMNS.iter();
    names.any(|known| known.eq_ignore_ascii_case(name))
}

/// The names of the time as a message lists them.
fn time_columns() -> String {
    let quoted = Table::TIME_COLUMNS.map(|name| format!("`{name}`"));
    match quoted.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The channels that the first line of a table names.
pub(super) fn header(record: &csv::StringRecord) -> Result<Vec<String>, Error> {
    let first = record.get(0).unwrap_or_default();
    if !is_time_column(first) {
        return Err(Error::input(format!(
            "line 1, column 1: the header starts with `{}`, but must start with the time, as {}",
            shown(first),
            time_columns()
        )));
    }
    let channels: Vec<String> = record.iter().skip(1).map(str::to_owned).collect();
    check_header(&channels)?;
    Ok(channels)
}

/// Checks the names of channels in a header.
pub(crate) fn check_header(channels: &[String]) -> Result<(), Error> {
    if channels.is_empty() {
        return Err(Error::input(
            "line 1: the header names no channel after the time",
        ));
    }
    for (i, channel) in channels.iter().enumerate() {
        let column = i + 2;
        if channel.is_empty() {
            return Err(Error::input(format!(
                "line 1, column {column}: the channel has no name"
            )));
        }
        if channels.iter().take(i).any(|other| other == channel) {
            return Err(Error::input(format!(
                "line 1, column {column}: channel `{}` occurs twice",
                shown(channel)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

    use super::{check_header, is_time_column, time_columns};
    use crate::Table;

    #[test]
    fn the_time_has_the_names_that_people_give_it() {
        for name in [
            "timestamp",
            "Timestamp",
            "time",
            "DATE",
            "datetime",
            "DateTime",
            "ds",
            "ts",
        ] {
            let table = Table::read(format!("\u{feff}{name},y\n60,1\n").as_bytes()).unwrap();
            assert_eq!(table.channels, ["y"], "{name}");
        }
        for name in ["", "1", "timestamps", "times", "t", "d s"] {
            assert!(!is_time_column(name), "{name}");
        }
        let names = "`timestamp`, `time`, `date`, `datetime`, `ds` or `ts`";
        assert_eq!(time_columns(), names);
    }

    #[test]
    fn a_channel_may_be_called_as_another_time() {
        let channels = ["time", "ds"].map(str::to_owned);
        check_header(&channels).unwrap();
    }
}
