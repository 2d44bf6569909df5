//! How well each detector tells the labelled anomalies of tables from normal rows.
//!
//! Reads every `$BONGSU_DATA/adbench/*.csv` (a header, features, the last column 1 for anomalies
//! and 0 for normal rows), scales its columns, and prints the area under the ROC curve of each
//! detector's scores of the rows that it learned from: data set, detector, area. Random methods
//! are run with ten seeds and have the mean.

// xtask: skip needs labelled data

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use bongsu_core::ndarray::Array2;
use bongsu_core::{FitDetectorDyn, Rows};
use bongsu_ml::{
    Cblof, Copod, Ecod, Hbos, IsolationForest, Knn, Lof, OneClassSvm, Pca, PcaComponents, PcaScore,
    Scaled, Scaler,
};

const SEEDS: u64 = 10;

type Detectors = Vec<(&'static str, Vec<Box<dyn FitDetectorDyn>>)>;

/// The detectors for a table with this number of rows, a random one with each seed.
fn detectors(rows: usize) -> Result<Detectors, Box<dyn Error>> {
    let weighted = Pca::new()
        .components(PcaComponents::All)?
        .score(PcaScore::WeightedDistance);
    let forest = |seed| Box::new(IsolationForest::new().seed(seed)) as Box<dyn FitDetectorDyn>;
    let cblof = |seed| scaled(Cblof::new().seed(seed));
    let mut all: Detectors = vec![
        ("isolation-forest", (0..SEEDS).map(forest).collect()),
        ("cblof", (0..SEEDS).map(cblof).collect()),
        ("pca", vec![scaled(Pca::new())]),
        ("pca-weighted", vec![scaled(weighted)]),
        ("hbos", vec![Box::new(Hbos::new())]),
        ("ecod", vec![Box::new(Ecod::new())]),
        ("copod", vec![Box::new(Copod::new())]),
    ];
    // The references take minutes on larger tables.
    if rows <= 20_000 {
        all.push(("knn", vec![scaled(Knn::new())]));
        all.push(("lof", vec![scaled(Lof::new())]));
    }
    if rows <= 8_000 {
        all.push(("one-class-svm", vec![scaled(OneClassSvm::new().nu(0.5)?)]));
    }
    Ok(all)
}

fn scaled<C>(inner: C) -> Box<dyn FitDetectorDyn>
where
    Scaled<C>: FitDetectorDyn + 'static,
{
    Box::new(Scaled::new(Scaler::Standard, inner))
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("BONGSU_DATA").map_err(|_| "BONGSU_DATA is not set")?;
    let folder = fs::read_dir(Path::new(&root).join("adbench"))?;
    let mut files: Vec<PathBuf> = folder
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    let mut stdout = io::stdout().lock();
    for path in files {
        let (x, labels) = read(&path)?;
        let name = path.file_stem().unwrap_or_default().display();
        for (detector, seeds) in detectors(x.nrows())? {
            let mut sum = 0.0;
            for config in &seeds {
                let (_, scores) = config.fit_score_boxed(&Rows::untimed(x.view()))?;
                sum += area_under_roc(&scores, &labels);
            }
            writeln!(stdout, "{name} {detector} {}", sum / seeds.len() as f64)?;
        }
        stdout.flush()?;
    }
    Ok(())
}

/// The features and the labels of a file.
fn read(path: &Path) -> Result<(Array2<f64>, Vec<bool>), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let (features, label) = line.rsplit_once(',').ok_or("a line has one column")?;
        for feature in features.split(',') {
            values.push(feature.parse::<f64>()?);
        }
        labels.push(label.parse::<f64>()? > 0.5);
    }
    let columns = values.len() / labels.len().max(1);
    Ok((
        Array2::from_shape_vec((labels.len(), columns), values)?,
        labels,
    ))
}

/// The probability that an anomaly scores above a normal row, equal scores counted by half.
fn area_under_roc(scores: &[f64], labels: &[bool]) -> f64 {
    let mut pairs: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0.0, 0.0);
    for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
        let anomalies = equal.iter().filter(|(_, label)| *label).count() as f64;
        let normal = equal.len() as f64 - anomalies;
        sum += anomalies * (below + normal / 2.0);
        below += normal;
    }
    let anomalies = labels.iter().filter(|label| **label).count() as f64;
    sum / (anomalies * below)
}
