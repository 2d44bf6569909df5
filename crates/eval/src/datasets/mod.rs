//! Labelled data sets: known folder layouts, plain files, and a generator.

mod csv_file;
mod layout;
mod m4;
mod nab;
mod servers;
mod synthetic;

use std::io::Read;
use std::path::{Path, PathBuf};

use bongsu_core::{Error, Result, Timestamp};
use ndarray::Array2;

pub use m4::{M4Series, m4};
pub use synthetic::{AnomalyKind, BaseSignal, Synthetic};

/// Opens a file, decompressed where its name says that it is packed.
pub type Opener<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Read + Send>>;

/// Opens a file as it is.
///
/// # Errors
/// When it cannot be opened.
pub fn open_plain(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// What the rows of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKind {
    /// One metric over time.
    Univariate,
    /// Several metrics over time.
    Multivariate,
    /// Rows whose order means nothing.
    Tabular,
}

impl SeriesKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Univariate => "univariate",
            Self::Multivariate => "multivariate",
            Self::Tabular => "tabular",
        }
    }
}

/// A series with a label for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledSeries {
    /// The data set, such as `nab`.
    pub set: String,
    /// The kind of series within the set, such as `realTweets`.
    pub family: String,
    /// The name within the set; unique there.
    pub name: String,
    /// What its rows are.
    pub kind: SeriesKind,
    /// When each row was observed; rows of a table count minutes from 0.
    pub times: Vec<Timestamp>,
    /// The names of the channels.
    pub channels: Vec<String>,
    /// Rows by channels; missing is NaN.
    pub values: Array2<f64>,
    /// Whether each row is anomalous.
    pub labels: Vec<bool>,
    /// The rows before this one are for learning only and are not judged.
    pub judged_from: usize,
}

impl LabelledSeries {
    /// The labels of the judged rows.
    #[must_use]
    pub fn judged_labels(&self) -> &[bool] {
        self.labels.get(self.judged_from..).unwrap_or_default()
    }

    /// The same with only its last `rows` rows, labels with them.
    #[must_use]
    pub fn last_rows(&self, rows: usize) -> Self {
        let skip = self.labels.len().saturating_sub(rows);
        let mut cut = self.clone();
        cut.times.drain(..skip);
        cut.labels.drain(..skip);
        cut.values = self
            .values
            .slice_axis(ndarray::Axis(0), (skip..).into())
            .to_owned();
        cut.judged_from = self.judged_from.saturating_sub(skip);
        cut
    }
}

/// What a folder holds.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// The labelled series, by set and name.
    pub series: Vec<LabelledSeries>,
    /// Files that are no labelled series, and why.
    pub skipped: Vec<(PathBuf, String)>,
}

impl Collection {
    /// Finds every labelled series below `folder` by its layout:
    ///
    /// | layout | set |
    /// |---|---|
    /// | `labels/combined_windows.json` and `data/` | NAB |
    /// | `train/` and `test/`, labels as a column or in `test_label/` | servers, as SMD and ASD |
    /// | `..._UCR_Anomaly_NAME_TRAINEND_START_END.txt` | the UCR archive |
    /// | `..._tr_N_1st_M.csv` with a column `Label` | TSB-AD |
    /// | a CSV with a column `label`, `is_anomaly`, `anomaly` or `is_anomalous`; `;` as separator too | SKAB, `GutenTAG`, Merlion, `ADBench`, or your own |
    /// | `NAME.csv` beside `NAME.labels.csv` (`timestamp,label`) | your own |
    ///
    /// A set is named after the folder below `folder` that it lies in. Without a column of time the
    /// rows are a table. Files ending in `.gz` are read through `open`.
    ///
    /// # Errors
    /// When the folder cannot be read. Files that are no labelled series are listed in
    /// [`Collection::skipped`].
    pub fn read(folder: &Path, open: Opener<'_>) -> Result<Self> {
        let mut found = Self::default();
        let name = file_name(folder);
        layout::visit(folder, &name, 0, open, &mut found)?;
        found
            .series
            .sort_by(|a, b| (&a.set, &a.name).cmp(&(&b.set, &b.name)));
        Ok(found)
    }
}

/// The last part of a path.
fn file_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().map_or_else(
        || "data".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The name without `.gz`, `.zst` and what follows the last dot.
fn stem(path: &Path) -> String {
    let name = file_name(path);
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    name.rsplit_once('.')
        .map_or(name, |(stem, _)| stem)
        .to_owned()
}

fn text_of(path: &Path, open: Opener<'_>) -> Result<String> {
    let mut text = String::new();
    open(path)?
        .read_to_string(&mut text)
        .map_err(|e| Error::io(path, e))?;
    Ok(text)
}

/// Minutes from 0, for rows without a time.
fn minutes(rows: usize) -> Vec<Timestamp> {
    (0..rows)
        .map(|row| Timestamp::from_secs(60 * i64::try_from(row).unwrap_or(i64::MAX / 60)))
        .collect()
}
