//! Times the rolling scores for `benches/peers/rolling.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

mod peer;

use std::error::Error;

use bongsu_stats::ewma::ewm_zscore;
use bongsu_stats::iqr::rolling_iqr;
use bongsu_stats::robust_z::rolling_robust_z;
use bongsu_stats::zscore::rolling_zscore;

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    job.run(|| {
        Ok(match job.method.as_str() {
            "zscore" => rolling_zscore(&values, job.parameter("window")?, true)?,
            "robust-z" => rolling_robust_z(&values, job.parameter("window")?, false)?,
            "iqr" => rolling_iqr(&values, job.parameter("window")?)?,
            "ewma" => ewm_zscore(&values, job.parameter("alpha")?)?,
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
