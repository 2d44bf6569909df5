//! Times the one-class support vector machine and window features for `benches/peers/svm.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{Detector, FitDetector};
use bongsu_ml::{OneClassSvm, WindowFeatures};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let table = job.inputs.first().ok_or("no input")?;
    if job.method == "window-features" {
        let config = WindowFeatures::new().window(job.parameter("window")?)?;
        let values = job.column();
        return job.run(|| Ok(config.extract(&values)?.into_raw_vec_and_offset().0));
    }
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
