//! Times the drift detectors for `benches/peers/drift.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{Drift, DriftDetector};
use bongsu_stream::{Adwin, Ddm, Eddm, HddmA, HddmW, Kswin, PageHinkley};

/// 1 where there is drift, 0.5 where there is a warning, else 0.
fn marks(mut detector: impl DriftDetector, x: &[f64]) -> Result<Vec<f64>, Box<dyn Error>> {
    let mark = |&x: &f64| {
        Ok(match detector.update(x)? {
            Drift::Stable => 0.0,
            Drift::Warning => 0.5,
            Drift::Drift => 1.0,
        })
    };
    x.iter().map(mark).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    job.run(|| match job.method.as_str() {
        "adwin" => marks(
            Adwin::new().delta(job.parameter("delta")?)?.build()?,
            &values,
        ),
        "ddm" => marks(Ddm::new().build()?, &values),
        "eddm" => marks(Eddm::new().build()?, &values),
        "hddm-a" => marks(HddmA::new().build()?, &values),
        "hddm-w" => marks(HddmW::new().build()?, &values),
        "page-hinkley" => marks(PageHinkley::new().build()?, &values),
        "kswin" => marks(
            Kswin::new().alpha(job.parameter("alpha")?)?.build()?,
            &values,
        ),
        other => Err(format!("no method `{other}`").into()),
    })
}
