//! Folders of servers: a training and a test file each, as SMD and ASD have them.

use std::path::Path;

use bongsu_core::{Error, Result};
use ndarray::{Array2, Axis, concatenate};

use super::csv_file::{CsvFile, parse_label};
use super::layout::entries;
use super::{Collection, LabelledSeries, Opener, SeriesKind, minutes, stem, text_of};

/// Adds a series for each file in `test/`: its training file, then itself, of which only the latter is
/// judged.
pub(super) fn read(
    folder: &Path,
    set: &str,
    open: Opener<'_>,
    found: &mut Collection,
) -> Result<()> {
    for path in entries(&folder.join("test"))? {
        match series(folder, &path, set, open) {
            Ok(series) => found.series.push(series),
            Err(error) => found.skipped.push((path, error.to_string())),
        }
    }
    Ok(())
}

fn series(folder: &Path, path: &Path, set: &str, open: Opener<'_>) -> Result<LabelledSeries> {
    let file_name = path.file_name().unwrap_or_default();
    let test = table(&text_of(path, open)?)?;
    let labels = if let Some(labels) = test.labels {
        labels
    } else {
        let text = text_of(&folder.join("test_label").join(file_name), open)?;
        let labels: Option<Vec<bool>> = text.lines().map(|line| parse_label(line.trim())).collect();
        labels.ok_or_else(|| Error::input("a label is neither 0 nor 1"))?
    };
    if labels.len() != test.values.nrows() {
        return Err(Error::shape(
            "number of labels",
            labels.len(),
            test.values.nrows(),
        ));
    }
    let train = table(&text_of(&folder.join("train").join(file_name), open)?)?;
    let judged_from = train.values.nrows();
    let values =
        concatenate(Axis(0), &[train.values.view(), test.values.view()]).map_err(|_| {
            Error::shape(
                "number of channels of the training file",
                train.values.ncols(),
                test.values.ncols(),
            )
        })?;
    let mut all = vec![false; judged_from];
    all.extend(labels);
    let kind = if values.ncols() == 1 {
        SeriesKind::Univariate
    } else {
        SeriesKind::Multivariate
    };
    Ok(LabelledSeries {
        set: set.to_owned(),
        family: "servers".to_owned(),
        name: stem(path),
        kind,
        times: minutes(all.len()),
        channels: test.channels,
        values,
        labels: all,
        judged_from,
    })
}

/// A CSV with a header, or rows of numbers alone.
fn table(text: &str) -> Result<CsvFile> {
    let first = text.lines().next().unwrap_or_default();
    let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok();
    if !first.split(',').all(is_number) {
        return CsvFile::read(text);
    }
    let channels: Vec<String> = (0..first.split(',').count())
        .map(|i| format!("m{i}"))
        .collect();
    let cells: std::result::Result<Vec<f64>, _> = text
        .lines()
        .flat_map(|line| line.split(','))
        .map(|cell| cell.trim().parse())
        .collect();
    let cells = cells.map_err(|e| Error::input(e.to_string()))?;
    let shape = (cells.len() / channels.len().max(1), channels.len());
    Ok(CsvFile {
        times: None,
        channels,
        values: Array2::from_shape_vec(shape, cells).map_err(|e| Error::input(e.to_string()))?,
        labels: None,
    })
}
