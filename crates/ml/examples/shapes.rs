//! How the detectors of shapes score labelled series, for `benches/peers/shapes.py`.
//!
//! Reads every `$BONGSU_DATA/*/NAME.f64`, a series of little-endian 64-bit floats, and writes
//! beside it one file of as many scores for each detector, `NAME.DETECTOR.scores`. Each is fitted
//! to the series that it scores.

// xtask: skip needs labelled data

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetectorDyn, Rows};
use bongsu_ml::{MatrixProfile, Poly, Subsequences};
use bongsu_stats::SpectralResidual;
use bongsu_stats::period::PeriodSearch;

/// The window where a series has no period.
const FALLBACK: usize = 100;

type Detectors = Vec<(&'static str, Box<dyn FitDetectorDyn>)>;

/// Defaults, but for the matrix profile, whose window is the period of the series.
fn detectors(window: usize) -> Result<Detectors, Box<dyn Error>> {
    Ok(vec![
        ("spectral-residual", Box::new(SpectralResidual::new())),
        (
            "matrix-profile",
            Box::new(MatrixProfile::new().window(window)?),
        ),
        ("sub-pca", Box::new(Subsequences::sub_pca())),
        ("poly", Box::new(Poly::new())),
        ("kmeans", Box::new(Subsequences::kmeans_ad())),
    ])
}

/// The strongest period, at most a quarter of the series.
fn window(values: &[f64]) -> Result<usize, Box<dyn Error>> {
    let periods = PeriodSearch::new().find(values)?;
    let most = (values.len() / 4).max(8);
    Ok(periods
        .first()
        .map_or(FALLBACK, |p| p.points)
        .clamp(8, most))
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("BONGSU_DATA").map_err(|_| "BONGSU_DATA is not set")?;
    for set in paths(Path::new(&root))? {
        let mut files = paths(&set)?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "f64"));
        for path in files {
            let bytes = fs::read(&path)?;
            let (values, _) = bytes.as_chunks::<8>();
            let values: Vec<f64> = values.iter().map(|x| f64::from_le_bytes(*x)).collect();
            let column = ArrayView2::from_shape((values.len(), 1), &values)?;
            for (name, detector) in detectors(window(&values)?)? {
                let (_, scores) = detector.fit_score_boxed(&Rows::untimed(column))?;
                let bytes: Vec<u8> = scores.iter().flat_map(|s| s.to_le_bytes()).collect();
                fs::write(path.with_extension(format!("{name}.scores")), bytes)?;
            }
        }
    }
    Ok(())
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}
