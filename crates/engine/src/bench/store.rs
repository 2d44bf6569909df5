//! Results of runs as files, so that a bench goes on after an interruption.

use std::fs;
use std::path::{Path, PathBuf};

use bongsu_eval::{LabelledSeries, RunResult};
use crc32c::{crc32c, crc32c_append};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Results of another version of the detectors are not taken.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most characters of a name that a file's name shows; file systems take 255 bytes.
const LONGEST: usize = 50;

/// The folder of results: a file a run.
pub(super) struct Store {
    folder: PathBuf,
    /// Of the way in which series are judged.
    salt: u32,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    version: String,
    /// Of the rows, the labels and the way of measuring, so that no other series is taken for this one.
    #[serde(default)]
    digest: u32,
    run: RunResult,
}

impl Store {
    pub(super) const fn new(folder: PathBuf, salt: u32) -> Self {
        Self { folder, salt }
    }

    fn path(&self, detector: &str, set: &str, series: &str, end: &str) -> PathBuf {
        let plain = |text: &str| {
            let keep = |c: char| {
                if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                    c
                } else {
                    '+'
                }
            };
            let short = text.chars().map(keep).take(LONGEST).collect::<String>();
            if text == short {
                short
            } else {
                // Another name may look alike then.
                format!("{short}-{:08x}", crc32c(text.as_bytes()))
            }
        };
        let file = format!("{}.{end}", plain(series));
        self.folder
            .join(plain(detector))
            .join(plain(set))
            .join(file)
    }

    /// The result of an earlier run on the same series.
    pub(super) fn run(
        &self,
        detector: &str,
        one: &LabelledSeries,
        unlabelled: bool,
    ) -> Option<RunResult> {
        let text = fs::read_to_string(self.path(detector, &one.set, &one.name, "json")).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        let same = kept.version == VERSION
            && kept.digest == self.salt ^ digest(one, unlabelled)
            && kept.run.series == one.name;
        same.then_some(kept.run)
    }

    pub(super) fn keep(
        &self,
        run: &RunResult,
        one: &LabelledSeries,
        unlabelled: bool,
    ) -> Result<(), Error> {
        let path = self.path(&run.detector, &run.set, &run.series, "json");
        let kept = Kept {
            schema: 1,
            version: VERSION.to_owned(),
            digest: self.salt ^ digest(one, unlabelled),
            run: run.clone(),
        };
        let text = serde_json::to_vec(&kept).map_err(Error::report)?;
        write(&path, &text)
    }

    pub(super) fn keep_scores(
        &self,
        detector: &str,
        one: &LabelledSeries,
        scores: &[f64],
    ) -> Result<(), Error> {
        let bytes: Vec<u8> = scores
            .iter()
            .flat_map(|score| score.to_le_bytes())
            .collect();
        write(&self.path(detector, &one.set, &one.name, "f64"), &bytes)
    }

    /// The kept scores of a series, the lowest in place of those that are missing.
    pub(super) fn scores(&self, detector: &str, one: &LabelledSeries) -> Option<Vec<f64>> {
        let bytes = fs::read(self.path(detector, &one.set, &one.name, "f64")).ok()?;
        let chunks = bytes.chunks_exact(8);
        let scores: Vec<f64> = chunks
            .filter_map(|chunk| Some(f64::from_le_bytes(chunk.try_into().ok()?)))
            .collect();
        let present = scores.iter().copied().filter(|score| !score.is_nan());
        let lowest = present.reduce(f64::min).unwrap_or(0.0);
        let fill = |score: &f64| if score.is_nan() { lowest } else { *score };
        (scores.len() == one.labels.len()).then(|| scores.iter().map(fill).collect())
    }
}

/// Of all that a result depends on, besides the detector.
fn digest(one: &LabelledSeries, unlabelled: bool) -> u32 {
    let times = one.times.iter().map(|time| time.as_millis().to_le_bytes());
    let values = one.values.iter().map(|value| value.to_bits().to_le_bytes());
    let numbers = times.chain(values);
    let sum = numbers.fold(0, |sum, bytes| crc32c_append(sum, &bytes));
    let labels: Vec<u8> = one.labels.iter().map(|label| u8::from(*label)).collect();
    let shape = [one.judged_from, one.values.ncols(), usize::from(unlabelled)];
    let shape = shape.iter().flat_map(|number| number.to_le_bytes());
    crc32c_append(crc32c_append(sum, &labels), &shape.collect::<Vec<_>>())
}

/// Writes to a temporary name first, so that a file is whole or not there.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::report(format!("{}: {e}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}
