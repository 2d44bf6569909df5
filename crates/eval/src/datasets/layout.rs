//! Which set a folder or a file belongs to.

use std::path::{Path, PathBuf};

use bongsu_core::{Error, Result};
use ndarray::Array2;

use super::csv_file::CsvFile;
use super::{
    Collection, LabelledSeries, Opener, SeriesKind, file_name, minutes, nab, servers, stem, text_of,
};

/// How deep folders are looked into.
const DEPTH: usize = 5;

/// Adds what is below `folder`, whose set is `set` unless it is the root.
pub(super) fn visit(
    folder: &Path,
    set: &str,
    depth: usize,
    open: Opener<'_>,
    found: &mut Collection,
) -> Result<()> {
    if folder.join("labels/combined_windows.json").is_file() && folder.join("data").is_dir() {
        return nab::read(folder, set, open, found);
    }
    if folder.join("train").is_dir() && folder.join("test").is_dir() {
        return servers::read(folder, set, open, found);
    }
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(folder)?.into_iter().partition(|path| path.is_dir());
    for path in files {
        match series(&path, set, open) {
            Ok(Some(series)) => found.series.push(series),
            Ok(None) => found.skipped.push((path, "no labels".to_owned())),
            Err(error) => found.skipped.push((path, error.to_string())),
        }
    }
    if depth < DEPTH {
        for path in folders {
            let name = file_name(&path);
            let set = if depth == 0 { &name } else { set };
            visit(&path, set, depth + 1, open, found)?;
        }
    }
    Ok(())
}

/// The entries of a folder by name, hidden ones left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(folder, e))?.path();
        if !file_name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn file_name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The labelled series of one file, where it is one.
fn series(path: &Path, set: &str, open: Opener<'_>) -> Result<Option<LabelledSeries>> {
    let name = file_name_of(path);
    let stem = stem(path);
    if let Some(ucr) = UcrName::parse(&stem) {
        return ucr.read(path, set, &stem, open).map(Some);
    }
    let is_csv = [".csv", ".csv.gz", ".csv.zst"]
        .iter()
        .any(|end| name.ends_with(end));
    if !is_csv || stem.ends_with(".labels") {
        return Ok(None);
    }
    let beside = labels_beside(path, &stem);
    let text = text_of(path, open)?;
    if beside.is_none() && !CsvFile::is_labelled(&text) {
        return Ok(None);
    }
    let mut file = CsvFile::read(&text)?;
    if let Some(beside) = beside {
        file.labels = Some(labels_of(&file, &text_of(&beside, open)?)?);
    }
    let Some(labels) = file.labels else {
        return Ok(None);
    };
    if file.channels.is_empty() {
        return Err(Error::input("there is no channel beside the label"));
    }
    let tsb = TsbName::parse(&stem);
    let kind = match (&file.times, file.channels.len(), &tsb) {
        (None, _, None) => SeriesKind::Tabular,
        (_, 1, _) => SeriesKind::Univariate,
        _ => SeriesKind::Multivariate,
    };
    let rows = labels.len();
    let folder = path.parent().map_or_else(String::new, file_name);
    let family = match &tsb {
        Some(tsb) => tsb.source.clone(),
        None if kind == SeriesKind::Tabular => "tabular".to_owned(),
        None if folder == set => stem.split(['-', '_']).next().unwrap_or(&stem).to_owned(),
        None => folder.clone(),
    };
    let name = if folder == set {
        stem
    } else {
        format!("{folder}/{stem}")
    };
    Ok(Some(LabelledSeries {
        set: set.to_owned(),
        family,
        name,
        kind,
        times: file.times.unwrap_or_else(|| minutes(rows)),
        channels: file.channels,
        values: file.values,
        labels,
        judged_from: 0,
    }))
}

/// `NAME.labels.csv` beside `NAME.csv`.
fn labels_beside(path: &Path, stem: &str) -> Option<PathBuf> {
    let beside = path.with_file_name(format!("{stem}.labels.csv"));
    beside.is_file().then_some(beside)
}

/// The labels of a file of their own, by time where both have one.
fn labels_of(file: &CsvFile, text: &str) -> Result<Vec<bool>> {
    let beside = CsvFile::read(text)?;
    let labels = beside
        .labels
        .ok_or_else(|| Error::input("the labels have no column `label`"))?;
    let rows = file.values.nrows();
    match (&file.times, beside.times) {
        (Some(times), Some(known)) => {
            let known: std::collections::HashMap<_, _> = known.into_iter().zip(labels).collect();
            let label = |time| known.get(time).copied();
            let labels: Option<Vec<bool>> = times.iter().map(label).collect();
            labels.ok_or_else(|| Error::input("a time of the series is not among the labels"))
        }
        _ if labels.len() == rows => Ok(labels),
        _ => Err(Error::shape("number of labels", labels.len(), rows)),
    }
}

/// `004_UCR_Anomaly_NAME_2500_5400_5600`: the end of the training part and the anomaly, from 1.
struct UcrName {
    train: usize,
    start: usize,
    end: usize,
    family: String,
}

impl UcrName {
    fn parse(stem: &str) -> Option<Self> {
        let (_, rest) = stem.split_once("UCR_Anomaly_")?;
        let mut parts = rest.rsplitn(4, '_');
        let end = parts.next()?.parse().ok()?;
        let start = parts.next()?.parse().ok()?;
        let train = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let family = name
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned();
        Some(Self {
            train,
            start,
            end,
            family,
        })
    }

    fn read(&self, path: &Path, set: &str, name: &str, open: Opener<'_>) -> Result<LabelledSeries> {
        let text = text_of(path, open)?;
        let values: std::result::Result<Vec<f64>, _> =
            text.split_whitespace().map(str::parse).collect();
        let values = values.map_err(|e| Error::input(e.to_string()))?;
        let rows = values.len();
        let anomaly = self.start.saturating_sub(1)..self.end;
        if self.start == 0 || self.end > rows || anomaly.is_empty() || self.train >= rows {
            return Err(Error::input(
                "the rows in the file's name are not in the file",
            ));
        }
        Ok(LabelledSeries {
            set: set.to_owned(),
            family: self.family.clone(),
            name: name.to_owned(),
            kind: SeriesKind::Univariate,
            times: minutes(rows),
            channels: vec!["value".to_owned()],
            values: Array2::from_shape_vec((rows, 1), values)
                .map_err(|e| Error::input(e.to_string()))?,
            labels: (0..rows).map(|row| anomaly.contains(&row)).collect(),
            judged_from: self.train,
        })
    }
}

/// `001_NAB_id_1_Facility_tr_1007_1st_2014`.
struct TsbName {
    source: String,
}

impl TsbName {
    fn parse(stem: &str) -> Option<Self> {
        let (front, numbers) = stem.rsplit_once("_tr_")?;
        let (train, first) = numbers.split_once("_1st_")?;
        train.parse::<usize>().ok()?;
        first.parse::<usize>().ok()?;
        let (_, rest) = front.split_once('_')?;
        let source = rest.split("_id_").next()?;
        Some(Self {
            source: source.to_owned(),
        })
    }
}
