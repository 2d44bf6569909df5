//! Times the online detectors of one metric for `benches/peers/online.py`, and scores series for
//! `benches/peers/online_accuracy.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::StreamDetector;
use bongsu_stats::{Ewma, RobustZ, Spot, ZScore};
use bongsu_stream::{HoltWinters, OnlineMad};

/// The score of each value before it is learned, NaN during the warm-up. Missing values are passed
/// over.
fn scores(mut detector: impl StreamDetector, values: &[f64]) -> Result<Vec<f64>, Box<dyn Error>> {
    let judge = |&x: &f64| {
        if x.is_nan() {
            return Ok(f64::NAN);
        }
        let score = detector.score_then_learn(&[x])?;
        Ok(score.ready().unwrap_or(f64::NAN))
    };
    values.iter().map(judge).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    job.run(|| match job.method.as_str() {
        "ewma" => scores(Ewma::new().build()?, &values),
        "online-mad" => scores(OnlineMad::new().build()?, &values),
        "holt-winters" => {
            let season = job.parameter("period")?;
            scores(HoltWinters::new().season(season)?.build()?, &values)
        }
        "spot" => scores(Spot::new().build()?, &values),
        "robust-z" => scores(RobustZ::new().build()?, &values),
        "zscore" => scores(ZScore::new().build()?, &values),
        other => Err(format!("no method `{other}`").into()),
    })
}
