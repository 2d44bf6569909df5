//! The versions of trained detectors that are kept to go back to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_core::{Labels, Result as CoreResult, Snapshot, Timestamp, snapshot};
use serde::{Deserialize, Serialize};

use super::Reason;
use crate::Error;
use crate::judge::Learned;
use crate::older::{self, Added, Aged};

/// The detectors of a query as they were when they went to work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ModelVersion {
    /// Counted from 1 for each query.
    pub(crate) version: u64,
    /// The query.
    pub(crate) query: String,
    /// The detector's name.
    pub(crate) detector: String,
    /// Why they were trained.
    pub(crate) reason: Reason,
    /// The window that was learned.
    pub(crate) from: Timestamp,
    /// Its end, holdout included.
    pub(crate) to: Timestamp,
    /// Points that were learned, of all series.
    pub(crate) points: u64,
    /// The share of anomalous points on the holdout.
    pub(crate) alarm_rate: f64,
    /// What the detectors are states of: another configuration does not take them back.
    pub(crate) signature: String,
    pub(crate) series: Vec<(Labels, Learned)>,
}

/// What a [`ModelVersion`] begins with: all but the states of its detectors, which are large.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Head {
    pub(crate) version: u64,
    pub(crate) query: String,
    pub(crate) detector: String,
    pub(crate) reason: Reason,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) points: u64,
    pub(crate) alarm_rate: f64,
    #[expect(dead_code, reason = "it stands before the next field")]
    signature: String,
    /// How many series follow.
    pub(crate) series: u64,
}

impl Snapshot for ModelVersion {
    const KIND: &'static str = "engine.model_version";
    const VERSION: u16 = 5;

    fn validate(&self) -> CoreResult<()> {
        self.series
            .iter()
            .try_for_each(|(_, learned)| learned.validate())
    }
}

impl Aged for ModelVersion {
    const OLDEST: u16 = 2;
    const ADDED: &'static [Added] = &[
        Added {
            since: 5,
            of: "Refitted",
            field: "farthest",
            value: &[0],
        },
        Added {
            since: 4,
            of: "Learned",
            field: "shift",
            value: &[0],
        },
        Added {
            since: 3,
            of: "AutoStream",
            field: "hold",
            value: &[30],
        },
        Added {
            since: 3,
            of: "AutoStreamState",
            field: "events",
            value: &[0; 18],
        },
    ];
}

/// The folder of the versions of one query.
#[derive(Debug, Clone)]
pub(crate) struct Versions {
    folder: PathBuf,
    keep: usize,
}

impl Versions {
    /// Those of `query` below the directory of the state, of which `keep` are kept.
    pub(crate) fn new(state: &Path, query: &str, keep: usize) -> Self {
        Self {
            folder: state.join("models").join(folder_name(query)),
            keep,
        }
    }

    /// Those in `folder`, to be read.
    pub(crate) const fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            keep: usize::MAX,
        }
    }

    /// Removes what a killed process left of a version that it had begun to write.
    pub(crate) fn tidy(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ext| ext == "tmp") {
                // It is only untidy when this fails.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The numbers that are there, ascending.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| -> Option<u64> {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".bngs")?.parse().ok()
        };
        let mut numbers: Vec<u64> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// When the newest was written, where the file system tells.
    fn written(&self) -> Option<SystemTime> {
        let paths = self.numbers().into_iter().map(|number| self.path(number));
        let times = paths.filter_map(|path| fs::metadata(path).ok()?.modified().ok());
        times.max()
    }

    /// Writes a version and removes the oldest beyond those that are kept.
    pub(crate) fn save(&self, version: &ModelVersion) -> Result<(), Error> {
        let path = self.path(version.version);
        let failed = |e: std::io::Error| Error::state(format!("{}: {e}", self.folder.display()));
        fs::create_dir_all(&self.folder).map_err(failed)?;
        snapshot::save(version, &path)?;
        let numbers = self.numbers();
        let surplus = numbers.len().saturating_sub(self.keep);
        for number in numbers.into_iter().take(surplus) {
            fs::remove_file(self.path(number)).map_err(failed)?;
        }
        Ok(())
    }

    /// Reads a version.
    pub(crate) fn load(&self, number: u64) -> Result<ModelVersion, Error> {
        let path = self.path(number);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let known: Vec<String> = self.numbers().iter().map(u64::to_string).collect();
                return Err(Error::state(format!(
                    "there is no version {number}; there are: {}",
                    known.join(", ")
                )));
            }
            Err(e) => return Err(Error::state(format!("{}: {e}", path.display()))),
        };
        older::read(&bytes).map_err(|e| Error::state(format!("{}: {e}", path.display())))
    }

    /// Reads what a version says of itself; `None` where it has just been removed.
    pub(crate) fn head(&self, number: u64) -> Result<Option<Head>, Error> {
        let path = self.path(number);
        let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
        match fs::read(&path) {
            Ok(bytes) => older::read_head::<ModelVersion, Head>(&bytes)
                .map(Some)
                .map_err(|e| failed(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    /// The name of their folder.
    pub(crate) fn folder_name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Whether they are those of `query`.
    pub(crate) fn are_of(&self, query: &str) -> bool {
        self.folder_name() == folder_name(query)
    }

    /// Removes all of them, and what marks them as gone.
    fn remove_all(&self, mark: &Path) {
        for number in self.numbers() {
            // What stays keeps the folder from being removed.
            let _ = fs::remove_file(self.path(number));
        }
        let _ = fs::remove_file(mark);
        let folder = self.folder.display();
        match fs::remove_dir(&self.folder) {
            Ok(()) => tracing::info!(
                %folder,
                "the trained detectors of a query that is not there any more were removed"
            ),
            // It only takes space.
            Err(error) => tracing::warn!(%folder, %error, "not removed"),
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.bngs"))
    }
}

/// For so long, in milliseconds, the versions of a query that is not configured any more are kept: it
/// may come back.
const GONE_FOR: i64 = 30 * 24 * 3_600 * 1_000;

/// The file beside the versions of a query that is not configured any more, with the time at which
/// that was seen first.
const GONE: &str = "gone";

/// Removes the versions of queries that are not among `queries` and have not been for long at `now`.
/// From when on they are not is written down beside them, until they come back.
pub(crate) fn remove_gone<'a>(
    state: &Path,
    queries: impl Iterator<Item = &'a str>,
    now: Timestamp,
) {
    let named: Vec<String> = queries.map(folder_name).collect();
    let folders = fs::read_dir(state.join("models")).into_iter().flatten();
    for folder in folders.flatten() {
        let versions = Versions::of(folder.path());
        let mark = versions.folder.join(GONE);
        if named.contains(&versions.folder_name()) {
            // Hardly ever is there one.
            let _ = fs::remove_file(mark);
        } else if !versions.numbers().is_empty() {
            match gone_since(&mark, versions.written(), now) {
                Some(since) if now.millis_since(since) > GONE_FOR => versions.remove_all(&mark),
                Some(_) => {}
                None => {
                    if let Err(error) = fs::write(&mark, format!("{}\n", now.as_millis())) {
                        let mark = mark.display();
                        tracing::warn!(%mark, %error, "it cannot be noted since when a query is gone");
                    }
                }
            }
        }
    }
}

/// Since when the query is gone, where that is known: a mark that was cut off says nothing, nor does
/// one of a clock that was ahead, or that was behind: from before the newest version was `written`.
fn gone_since(mark: &Path, written: Option<SystemTime>, now: Timestamp) -> Option<Timestamp> {
    let text = fs::read_to_string(mark).ok()?;
    let since = Timestamp::from_millis(text.strip_suffix('\n')?.parse().ok()?);
    let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let written = written.map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    (Timestamp::from_millis(written) <= since && since <= now).then_some(since)
}

/// The longest name of a folder: file systems take 255 bytes.
const LONGEST_NAME: usize = 200;

/// A name of a folder that is the query's own: what is no letter, digit, `-` or `_` becomes its
/// code between dots, and of a name that gets too long the end becomes its fingerprint.
fn folder_name(query: &str) -> String {
    let mut name = String::with_capacity(query.len());
    for c in query.chars() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            name.push(c);
        } else {
            name.push_str(&format!(".{:x}.", u32::from(c)));
        }
    }
    if name.len() > LONGEST_NAME {
        name.truncate(LONGEST_NAME);
        let whole = Labels::from_pairs([("query", query)]).map_or(0, |labels| labels.fingerprint());
        name.push_str(&format!("..{whole:016x}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn version(number: u64) -> ModelVersion {
        ModelVersion {
            version: number,
            query: "cpu".to_owned(),
            detector: "ewma".to_owned(),
            reason: Reason::First,
            from: Timestamp::from_secs(0),
            to: Timestamp::from_secs(60),
            points: 100,
            alarm_rate: 0.01,
            signature: String::new(),
            series: Vec::new(),
        }
    }

    #[test]
    fn the_newest_versions_stay_and_others_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::new(folder.path(), "cpu/all", 2);
        assert!(versions.numbers().is_empty());
        for number in 1..=4 {
            versions.save(&version(number)).unwrap();
        }
        assert_eq!(versions.numbers(), [3, 4]);
        assert_eq!(versions.load(3).unwrap().version, 3);
        let error = versions.load(1).unwrap_err().to_string();
        assert!(error.contains("no version 1; there are: 3, 4"), "{error}");
        let begun = folder.path().join("models/cpu.2f.all/000005.bngs.77.tmp");
        fs::write(&begun, b"BNGS").unwrap();
        versions.tidy();
        assert!(!begun.exists());
        assert_eq!(versions.numbers(), [3, 4]);
        fs::write(folder.path().join("models/cpu.2f.all/000004.bngs"), b"BNGS").unwrap();
        assert!(versions.load(4).is_err());
    }

    #[test]
    fn what_a_version_says_of_itself_is_read_without_its_detectors() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::new(folder.path(), "trained", 2);
        fs::create_dir_all(&versions.folder).unwrap();
        for number in ModelVersion::OLDEST..=ModelVersion::VERSION {
            let fixture = format!("tests/fixtures/model_version-v{number}.bngs");
            let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
            fs::copy(fixture, versions.path(1)).unwrap();
            let (head, whole) = (
                versions.head(1).unwrap().unwrap(),
                versions.load(1).unwrap(),
            );
            assert_eq!(
                (head.version, &head.query, &head.detector),
                (whole.version, &whole.query, &whole.detector)
            );
            assert_eq!(
                (head.reason.to_string(), head.from, head.to, head.points),
                (whole.reason.to_string(), whole.from, whole.to, whole.points)
            );
            assert_eq!(head.alarm_rate.to_bits(), whole.alarm_rate.to_bits());
            assert_eq!(head.series, whole.series.len() as u64);
        }
        let mut bytes = fs::read(versions.path(1)).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(versions.path(1), &bytes).unwrap();
        let error = versions.head(1).unwrap_err().to_string();
        assert!(
            error.contains("000001.bngs") && error.contains("damaged"),
            "{error}"
        );
        assert!(versions.head(7).unwrap().is_none());
        assert!(versions.are_of("trained") && !versions.are_of("other"));
    }

    /// `days` after the first.
    fn day(days: i64) -> Timestamp {
        Timestamp::from_secs(86_400 * (20_000 + days))
    }

    #[test]
    fn versions_of_queries_that_are_long_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let versions = ["cpu", "disk/io", "gone"].map(|q| Versions::new(folder.path(), q, 2));
        for versions in &versions {
            versions.save(&version(1)).unwrap();
            // How old the versions are does not count.
            let file = fs::File::open(versions.path(1)).unwrap();
            file.set_modified(UNIX_EPOCH).unwrap();
        }
        let other = folder.path().join("models/networks");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("own.safetensors"), b"weights").unwrap();
        let left = |queries: &[&str], at: i64| {
            remove_gone(folder.path(), queries.iter().copied(), day(at));
            versions.each_ref().map(|v| v.numbers().len())
        };
        assert_eq!(left(&["cpu", "disk/io"], 0), [1, 1, 1]);
        assert_eq!(left(&["cpu"], 20), [1, 1, 1]);
        assert_eq!(left(&["cpu"], 30), [1, 1, 1]);
        assert_eq!(left(&["cpu"], 31), [1, 1, 0], "each by its own time");
        // One that comes back is there as if it had never gone.
        assert_eq!(left(&["cpu", "disk/io"], 49), [1, 1, 0]);
        assert_eq!(left(&["cpu"], 51), [1, 1, 0]);
        assert_eq!(left(&["cpu"], 81), [1, 1, 0]);
        assert_eq!(left(&["cpu"], 82), [1, 0, 0]);
        let names = fs::read_dir(folder.path().join("models")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["cpu", "networks"], "what is not ours stays");
        assert!(other.join("own.safetensors").exists());
    }

    #[test]
    fn a_mark_that_says_nothing_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::new(folder.path(), "gone", 2);
        versions.save(&version(1)).unwrap();
        let file = fs::File::open(versions.path(1)).unwrap();
        let at = Duration::from_millis(day(50).as_millis().unsigned_abs());
        file.set_modified(UNIX_EPOCH + at).unwrap();
        let mark = versions.folder.join(GONE);
        let of = |days: i64| format!("{}\n", day(days).as_millis());
        for text in ["", "17", "no time\n", &of(900), &of(-20_000), &of(49)] {
            fs::write(&mark, text).unwrap();
            remove_gone(folder.path(), std::iter::empty(), day(100));
            assert_eq!(versions.numbers(), [1], "{text:?}");
            let since = gone_since(&mark, versions.written(), day(100));
            assert_eq!(since, Some(day(100)), "{text:?}");
        }
    }

    #[test]
    fn different_queries_have_different_folders_inside_the_directory() {
        let long = "봉수".repeat(60);
        let longer = format!("{long}!");
        let names = ["a/b", "a.b", "..", "a-b", "a.2f.b", "ä", &long, &longer].map(folder_name);
        for (i, name) in names.iter().enumerate() {
            assert!(name.len() < 255, "{name}");
            assert!(!name.contains('/') && name != "..", "{name}");
            assert!(!names[i + 1..].contains(name), "{name}");
        }
    }
}
