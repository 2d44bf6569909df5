//! The folder of the Numenta Anomaly Benchmark.

use std::collections::BTreeMap;
use std::path::Path;

use bongsu_core::{Error, Result, Timestamp};

use super::csv_file::{CsvFile, parse_time};
use super::{Collection, LabelledSeries, Opener, SeriesKind, text_of};

/// Adds every series that the windows name; a label is a row in a window.
pub(super) fn read(
    folder: &Path,
    set: &str,
    open: Opener<'_>,
    found: &mut Collection,
) -> Result<()> {
    let windows = text_of(&folder.join("labels/combined_windows.json"), open)?;
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&windows)
        .map_err(|e| Error::input(format!("labels/combined_windows.json: {e}")))?;
    for (file, windows) in windows {
        let path = folder.join("data").join(&file);
        match series(&path, &file, &windows, set, open) {
            Ok(series) => found.series.push(series),
            Err(error) => found.skipped.push((path, error.to_string())),
        }
    }
    Ok(())
}

fn series(
    path: &Path,
    file: &str,
    windows: &[[String; 2]],
    set: &str,
    open: Opener<'_>,
) -> Result<LabelledSeries> {
    let read = CsvFile::read(&text_of(path, open)?)?;
    let times = read
        .times
        .ok_or_else(|| Error::input("there is no column of time"))?;
    let mut labels = vec![false; times.len()];
    for [start, end] in windows {
        // The first row of each moment, as the benchmark counts: a moment may repeat.
        let row = |text: &str| -> Result<usize> {
            let moment: Option<Timestamp> = parse_time(text);
            let place = moment.and_then(|moment| times.iter().position(|time| *time == moment));
            place.ok_or_else(|| {
                Error::input(format!("the window's moment {text} is not in the file"))
            })
        };
        if let Some(window) = labels.get_mut(row(start)?..=row(end)?) {
            window.fill(true);
        }
    }
    let (family, _) = file.split_once('/').unwrap_or((set, file));
    Ok(LabelledSeries {
        set: set.to_owned(),
        family: family.to_owned(),
        name: file.trim_end_matches(".csv").to_owned(),
        kind: SeriesKind::Univariate,
        times,
        channels: read.channels,
        values: read.values,
        labels,
        judged_from: 0,
    })
}
