//! Times the searches for changes and the spectral residual for `benches/peers/changepoints.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

mod peer;

use std::error::Error;

use bongsu_core::StreamDetector as _;
use bongsu_stats::{Bocpd, Changepoints, Cost, Penalty, Search, SpectralResidual};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    job.run(|| match job.method.as_str() {
        "pelt" | "binary-segmentation" => {
            let cost: Cost = job.parameter::<String>("cost")?.parse()?;
            let penalty = Penalty::Manual(job.parameter("penalty")?);
            let mut config = Changepoints::new().cost(cost).penalty(penalty)?;
            if job.method == "binary-segmentation" {
                config = config.search(Search::Binary);
            }
            let found = config.segment(&values)?.breakpoints();
            Ok(found.into_iter().map(|at| at as f64).collect())
        }
        "bocpd" => {
            // As the reference: the most probable run after each point.
            let config = Bocpd::new()
                .hazard(job.parameter("hazard")?)?
                .known(0.0, 1.0)?;
            let config = config
                .strength(1.0)?
                .shape(1.0)?
                .max_runs(job.parameter("runs")?)?;
            let mut stream = config.build()?;
            let mut likely = Vec::with_capacity(values.len());
            for &x in &values {
                stream.learn(&[x])?;
                likely.push(stream.most_probable_run() as f64);
            }
            Ok(likely)
        }
        "spectral-residual" => Ok(SpectralResidual::new().saliency(&values)?),
        "spectral-residual-causal" => Ok(SpectralResidual::new().score_causal(&values)?),
        other => Err(format!("no method `{other}`").into()),
    })
}
