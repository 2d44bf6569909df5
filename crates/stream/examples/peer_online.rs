//! Times the online detectors of one metric for `benches/peers/online.py`, and scores series for
//! `benches/peers/online_accuracy.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{StreamDetector, Timestamp};
use bongsu_stats::{Ewma, RobustZ, Spot, ZScore};
use bongsu_stream::{AutoStream, HoltWinters, OnlineMad, SeasonalProfile};

/// The score of each value before it is learned, NaN during the warm-up. Missing values are passed
/// over. Where there are times, in seconds, the detector is told them.
fn scores(
    mut detector: impl StreamDetector,
    values: &[f64],
    times: &[f64],
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut times = times.iter();
    let judge = |&x: &f64| {
        let time = times.next().copied().and_then(Timestamp::from_secs_f64);
        if x.is_nan() {
            return Ok(f64::NAN);
        }
        if let Some(time) = time {
            detector.set_time(time);
        }
        let score = detector.score_then_learn(&[x])?;
        Ok(score.ready().unwrap_or(f64::NAN))
    };
    values.iter().map(judge).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    let times: Vec<f64> = job.inputs.iter().skip(1).flatten().copied().collect();
    job.run(|| match job.method.as_str() {
        "ewma" => scores(Ewma::new().build()?, &values, &times),
        "auto-stream" => scores(AutoStream::new().build()?, &values, &times),
        "online-mad" => scores(OnlineMad::new().build()?, &values, &times),
        "holt-winters" => {
            let season = job.parameter("period")?;
            scores(HoltWinters::new().season(season)?.build()?, &values, &times)
        }
        "seasonal-profile" => scores(SeasonalProfile::new().build()?, &values, &times),
        "spot" => scores(Spot::new().build()?, &values, &times),
        "robust-z" => scores(RobustZ::new().build()?, &values, &times),
        "zscore" => scores(ZScore::new().build()?, &values, &times),
        other => Err(format!("no method `{other}`").into()),
    })
}
