//! The files of verdicts: one, or one for each day.

mod days;
mod file;

use std::path::{Path, PathBuf};

use bongsu_core::{Timestamp, Verdict};

use crate::Error;
use crate::config::{Archive, OutputConfig, Rotation};
use days::{Day, Days};
use file::Sheet;

pub(crate) use file::Mark;
#[cfg(feature = "parquet")]
pub(crate) use file::sync_directory;

/// The header of the file, and of `run --once` on standard output.
pub const VERDICT_HEADER: &str =
    "timestamp,query,series,value,score,expected,lower,upper,anomalous,explanation\n";

/// Where verdicts are written.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// What is done with days, when each has a file of its own.
    days: Option<Days>,
    /// The file that is written to, and its day.
    open: Option<(Option<Day>, Sheet)>,
}

/// Rows that were not written yet, by their days.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    parts: Vec<(Day, String)>,
    len: usize,
}

impl Rows {
    pub(crate) fn push(&mut self, at: Timestamp, row: &str) {
        let day = Day::of(at);
        self.len += row.len();
        match self.parts.last_mut() {
            Some((last, text)) if *last == day => text.push_str(row),
            _ => self.parts.push((day, row.to_owned())),
        }
    }

    /// In bytes.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Journal {
    /// Opens what `config` asks for, at `path`. What was written after `mark` was made is cut off:
    /// the state will judge those timestamps again.
    pub(crate) fn open(
        path: &Path,
        config: &OutputConfig,
        mark: Option<&Mark>,
    ) -> Result<Self, Error> {
        let mut journal = Self {
            path: path.to_owned(),
            days: None,
            open: None,
        };
        match config.rotate {
            Rotation::Never => {
                let mark = mark.filter(|mark| mark.day.is_none());
                journal.open = Some((None, Sheet::open(path, mark)?));
            }
            Rotation::Daily => {
                let archived = config.archive == Archive::Parquet;
                let days = Days::new(path, config.keep_days(), archived)?;
                if let Some(mark) = mark
                    && let Some(day) = mark.day
                {
                    days.set_aside_after(day)?;
                    let sheet = Sheet::open(&days.path(day), Some(mark))?;
                    journal.open = Some((Some(day), sheet));
                }
                journal.days = Some(days);
                journal.tidy();
            }
        }
        Ok(journal)
    }

    /// Appends `rows` and makes them durable; what could not be written stays.
    pub(crate) fn write(&mut self, rows: &mut Rows) -> Result<(), Error> {
        while let Some((day, text)) = rows.parts.first() {
            self.sheet(*day)?.write(text)?;
            rows.len -= text.len();
            rows.parts.remove(0);
        }
        Ok(())
    }

    /// The file for rows of `day`. Days only move on: what comes late is in a later file.
    fn sheet(&mut self, day: Day) -> Result<&mut Sheet, Error> {
        let open = match (self.open.take(), &self.days) {
            (Some((Some(current), _)), Some(days)) if current < day => {
                (Some(day), Sheet::open(&days.path(day), None)?)
            }
            (Some(open), _) => open,
            (None, Some(days)) => (Some(day), Sheet::open(&days.path(day), None)?),
            (None, None) => (None, Sheet::open(&self.path, None)?),
        };
        Ok(&mut self.open.insert(open).1)
    }

    /// Where it stands, for the state; `None` before the first row of all days.
    pub(crate) fn mark(&self) -> Option<Mark> {
        let (day, sheet) = self.open.as_ref()?;
        Some(sheet.mark(*day))
    }

    /// Archives the days that are over, and removes old ones. Only when the state accounts for what
    /// was written.
    pub(crate) fn tidy(&mut self) {
        if let (Some(days), Some((Some(day), _))) = (&mut self.days, &self.open) {
            days.tidy(*day);
        }
    }
}

/// One verdict as a row of the file, with its line end.
#[must_use]
pub fn verdict_row(query: &str, verdict: &Verdict) -> String {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let why = verdict
        .explanation
        .as_ref()
        .map_or("", |why| why.summary.as_str());
    format!(
        "{},{},{},{},{},{},{},{},{},{}\n",
        verdict.timestamp,
        quoted(query),
        quoted(&verdict.labels.selector()),
        number(verdict.value),
        number(verdict.score),
        number(verdict.expected),
        number(verdict.lower),
        number(verdict.upper),
        u8::from(verdict.anomalous),
        quoted(why),
    )
}

/// A CSV field, quoted where it must be (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_as_csv_needs() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    const DAY: i64 = 86_400;

    fn rows(all: &[(i64, &str)]) -> Rows {
        let mut rows = Rows::default();
        for (secs, row) in all {
            rows.push(Timestamp::from_secs(*secs), row);
        }
        rows
    }

    fn daily(keep: u64) -> OutputConfig {
        OutputConfig {
            rotate: Rotation::Daily,
            keep: Some(crate::config::Span::from_secs(keep * 86_400)),
            ..OutputConfig::default()
        }
    }

    /// The files of a directory with what is in them below the header.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, text.replace(VERDICT_HEADER, ""))
            })
            .collect();
        all.sort();
        all
    }

    fn named(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        all.iter().map(own).collect()
    }

    #[test]
    fn each_day_has_a_file_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        for other in [
            "verdicts-1970-13-01.csv",
            "verdicts-1969-01-01.txt",
            "other-1960-01-01.csv",
            "other-1960-01-01.csv.unaccounted",
            "verdicts-1960-01-01.csv.unaccounted.txt",
        ] {
            std::fs::write(dir.path().join(other), "").unwrap();
        }
        let others = files(dir.path());
        for ending in ["", ".1", ".2"] {
            let aside = format!("verdicts-1970-01-01.csv.unaccounted{ending}");
            std::fs::write(dir.path().join(aside), "").unwrap();
        }
        let mut journal = Journal::open(&path, &daily(2), None).unwrap();
        assert!(journal.mark().is_none());
        let mut all = rows(&[(0, "a\n"), (DAY - 1, "b\n"), (DAY, "c\n"), (5, "late\n")]);
        assert_eq!(all.len(), 11);
        journal.write(&mut all).unwrap();
        assert!(all.is_empty());
        journal
            .write(&mut rows(&[(2 * DAY, "d\n"), (3 * DAY, "e\n")]))
            .unwrap();
        journal.tidy();
        let mut kept = named(&[
            ("verdicts-1970-01-02.csv", "c\nlate\n"),
            ("verdicts-1970-01-03.csv", "d\n"),
            ("verdicts-1970-01-04.csv", "e\n"),
        ]);
        kept.extend(others);
        kept.sort();
        assert_eq!(files(dir.path()), kept);
    }

    #[test]
    fn after_a_crash_what_the_state_does_not_know_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        let mut journal = Journal::open(&path, &daily(0), None).unwrap();
        journal.write(&mut rows(&[(0, "a\n")])).unwrap();
        let mark = journal.mark().unwrap();
        journal
            .write(&mut rows(&[(1, "b\n"), (DAY, "c\n")]))
            .unwrap();
        drop(journal);
        let mut journal = Journal::open(&path, &daily(0), Some(&mark)).unwrap();
        assert_eq!(journal.mark().unwrap(), mark);
        journal
            .write(&mut rows(&[(1, "b\n"), (DAY, "c\n")]))
            .unwrap();
        assert_eq!(
            files(dir.path()),
            named(&[
                ("verdicts-1970-01-01.csv", "a\nb\n"),
                ("verdicts-1970-01-02.csv", "c\n"),
                ("verdicts-1970-01-02.csv.unaccounted", "c\n"),
            ])
        );
        // Back to a single file: the mark of a day says nothing of it.
        let mut single = Journal::open(&path, &OutputConfig::default(), Some(&mark)).unwrap();
        single
            .write(&mut rows(&[(0, "z\n"), (DAY, "y\n")]))
            .unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("{VERDICT_HEADER}z\ny\n")
        );
    }

    #[test]
    fn what_was_set_aside_of_a_day_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        let mut journal = Journal::open(&path, &daily(0), None).unwrap();
        journal.write(&mut rows(&[(0, "a\n")])).unwrap();
        let mark = journal.mark().unwrap();
        for text in ["b\n", "c\n", "d\n"] {
            let mut journal = Journal::open(&path, &daily(0), Some(&mark)).unwrap();
            journal.write(&mut rows(&[(DAY, text)])).unwrap();
        }
        let _journal = Journal::open(&path, &daily(0), Some(&mark)).unwrap();
        assert_eq!(
            files(dir.path()),
            named(&[
                ("verdicts-1970-01-01.csv", "a\n"),
                ("verdicts-1970-01-02.csv.unaccounted", "b\n"),
                ("verdicts-1970-01-02.csv.unaccounted.1", "c\n"),
                ("verdicts-1970-01-02.csv.unaccounted.2", "d\n"),
            ])
        );
    }

    #[test]
    fn what_cannot_be_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        let mut journal = Journal::open(&path, &daily(1), None).unwrap();
        let blocked = dir.path().join("verdicts-1970-01-02.csv");
        std::fs::create_dir(&blocked).unwrap();
        let mut all = rows(&[(0, "a\n"), (DAY, "b\n")]);
        assert!(journal.write(&mut all).is_err());
        assert_eq!(all.len(), 2);
        std::fs::remove_dir(&blocked).unwrap();
        journal.write(&mut all).unwrap();
        assert!(all.is_empty());
        assert_eq!(
            std::fs::read_to_string(blocked).unwrap(),
            format!("{VERDICT_HEADER}b\n")
        );
    }
}
