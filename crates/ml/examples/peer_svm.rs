//! Times the one-class support vector machine for `benches/peers/svm.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[allow(dead_code, reason = "each of these examples needs a part of it")]
#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{Detector, FitDetector};
use bongsu_ml::OneClassSvm;

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let table = job.inputs.first().ok_or("no input")?;
    let config = OneClassSvm::new()
        .nu(job.parameter("nu")?)?
        .tolerance(job.parameter("tolerance")?)?;
    let fitted = config.fit(table.view())?;
    job.run(|| {
        Ok(match job.method.as_str() {
            "one-class-svm-fit" => {
                let fitted = config.fit(table.view())?;
                vec![fitted.rho(), fitted.objective()]
            }
            "one-class-svm-score" => fitted.score(table.view())?,
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
