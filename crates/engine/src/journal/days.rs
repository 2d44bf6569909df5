//! A file for each day (UTC): `verdicts-2026-03-01.csv`.

use std::fs;
use std::path::{Path, PathBuf};

use bongsu_core::Timestamp;
use jiff::civil::Date;
use jiff::{ToSpan as _, Unit};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::state::free_name;

const MILLIS: i64 = 86_400_000;
/// The days of 0000-01-01 and 9999-12-31.
const FIRST: i64 = -719_528;
const LAST: i64 = 2_932_896;

/// A day, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Day(i64);

impl Day {
    pub(super) const fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(MILLIS))
    }

    fn name(self) -> String {
        // Beyond the calendar there are no names.
        let days = self.0.clamp(FIRST, LAST).days();
        let date = Date::constant(1970, 1, 1).saturating_add(days);
        date.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        // Other spellings of a date are no names of ours.
        if date.to_string() != text {
            return None;
        }
        let span = Date::constant(1970, 1, 1).until((Unit::Day, date)).ok()?;
        Some(Self(i64::from(span.get_days())))
    }
}

/// The files of all days, and what becomes of them.
#[derive(Debug)]
pub(super) struct Days {
    folder: PathBuf,
    /// What stands before and after the day in a name.
    stem: String,
    extension: String,
    /// So many days are kept; all when there is no number.
    keep: Option<i64>,
    archived: bool,
    /// The newest day for which everything is done.
    tidied: Option<Day>,
}

impl Days {
    pub(super) fn new(path: &Path, keep: Option<i64>, archived: bool) -> Result<Self, Error> {
        let text = |part: Option<&std::ffi::OsStr>| Some(part?.to_str()?.to_owned());
        let Some(stem) = text(path.file_stem()) else {
            let path = path.display();
            return Err(Error::config(format!(
                "output.verdicts: {path} is no name of a file"
            )));
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        Ok(Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            stem,
            extension: text(path.extension()).unwrap_or_else(|| "csv".to_owned()),
            keep,
            archived,
            tidied: None,
        })
    }

    pub(super) fn path(&self, day: Day) -> PathBuf {
        self.named(day, &self.extension)
    }

    fn named(&self, day: Day, extension: &str) -> PathBuf {
        self.folder
            .join(format!("{}-{}.{extension}", self.stem, day.name()))
    }

    /// The files of days, in the order of the directory.
    fn all(&self, extension: &str) -> Vec<(Day, PathBuf)> {
        self.those(|name| self.day(name, extension))
    }

    /// The files that were set aside, of which a day may have several.
    fn all_aside(&self) -> Vec<(Day, PathBuf)> {
        self.those(|name| {
            let (name, number) = name.split_once(UNACCOUNTED)?;
            let is_number = |rest: &str| rest.parse::<u64>().is_ok();
            (number.is_empty() || number.strip_prefix('.').is_some_and(is_number))
                .then(|| self.day(name, &self.extension))?
        })
    }

    fn those(&self, day: impl Fn(&str) -> Option<Day>) -> Vec<(Day, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| Some((day(entry.file_name().to_str()?)?, entry.path())))
            .collect()
    }

    /// The day of the file with this name.
    fn day(&self, name: &str, extension: &str) -> Option<Day> {
        let rest = name.strip_prefix(&self.stem)?.strip_prefix('-')?;
        Day::read(rest.strip_suffix(extension)?.strip_suffix('.')?)
    }

    /// Puts files of later days out of the way: the state does not know of them, and what is in
    /// them will be judged again.
    pub(super) fn set_aside_after(&self, day: Day) -> Result<(), Error> {
        for (_, path) in self.all(&self.extension).iter().filter(|(d, _)| *d > day) {
            let mut aside = path.clone().into_os_string();
            aside.push(UNACCOUNTED);
            let aside = free_name(Path::new(&aside));
            fs::rename(path, &aside)
                .map_err(|e| Error::state(format!("{}: {e}", path.display())))?;
            tracing::warn!(
                file = %path.display(),
                aside = %aside.display(),
                "these verdicts were written after the state was saved; they were set aside and are \
                 judged again"
            );
        }
        Ok(())
    }

    /// Archives the days before `today` and removes those that are older than they are kept.
    pub(super) fn tidy(&mut self, today: Day) {
        if self.tidied.replace(today) == Some(today) {
            return;
        }
        if self.archived {
            self.archive(today);
        }
        let Some(keep) = self.keep else {
            return;
        };
        let mut all = self.all(&self.extension);
        all.append(&mut self.all_aside());
        if self.archived {
            all.append(&mut self.all(ARCHIVED));
        }
        let old = all
            .into_iter()
            .filter(|(day, _)| day.0 < today.0.saturating_sub(keep));
        for (_, path) in old {
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(file = %path.display(), "old verdicts were removed"),
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "old verdicts cannot be removed");
                }
            }
        }
    }

    #[cfg(not(feature = "parquet"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn archive(&self, _: Day) {}

    /// Writes each day that is over as Parquet, beside the judging, and then removes its CSV file.
    #[cfg(feature = "parquet")]
    fn archive(&self, today: Day) {
        let over = self
            .all(&self.extension)
            .into_iter()
            .filter(|(day, _)| *day < today);
        let over: Vec<_> = over
            .map(|(day, csv)| (csv, self.named(day, ARCHIVED)))
            .collect();
        if over.is_empty() {
            return;
        }
        let convert = move || {
            for (csv, parquet) in over {
                match crate::parquet::archive(&csv, &parquet) {
                    Ok(()) => {
                        tracing::info!(file = %parquet.display(), "a day of verdicts was archived");
                    }
                    Err(error) => {
                        tracing::warn!(file = %csv.display(), %error, "a day of verdicts cannot be archived");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("archive".to_owned());
        if let Err(error) = thread.spawn(convert) {
            tracing::warn!(%error, "days of verdicts cannot be archived now");
        }
    }
}

/// The extension of archived days.
const ARCHIVED: &str = "parquet";

/// What is added to the names of files that were set aside.
const UNACCOUNTED: &str = ".unaccounted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names_and_back() {
        for (secs, name) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (1_709_164_800, "2024-02-29"),
        ] {
            let day = Day::of(Timestamp::from_secs(secs));
            assert_eq!(day.name(), name);
            assert_eq!(Day::read(name), Some(day));
        }
        for other in [
            "",
            "1970-1-1",
            "1970-02-30",
            "19700101",
            "1970-01-01T00",
            "x",
        ] {
            assert_eq!(Day::read(other), None, "{other}");
        }
        let far = Day::of(Timestamp::MAX);
        assert_eq!(far.name(), "9999-12-31");
    }
}
