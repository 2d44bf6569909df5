//! Times the detectors by profiles of the columns for `benches/peers/profiles.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
#[allow(dead_code, reason = "shared with examples of single columns")]
mod peer;

use std::error::Error;

use bongsu_core::{FitDetector, Rows};
use bongsu_ml::{Cblof, Copod, Ecod, Hbos, KMeans, Pca, PcaComponents, PcaScore, Subsequences};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let Some(x) = job.inputs.first() else {
        return Err("a table is missing".into());
    };
    let rows = Rows::untimed(x.view());
    let all = || Pca::new().components(PcaComponents::All);
    job.run(|| {
        Ok(match job.method.as_str() {
            "pca" => scores(&all()?.score(PcaScore::WeightedDistance), &rows)?,
            "hbos" => scores(&Hbos::new(), &rows)?,
            "ecod" => scores(&Ecod::new(), &rows)?,
            "copod" => scores(&Copod::new(), &rows)?,
            "kmeans" => {
                let clusters = job.parameter("clusters")?;
                let config = KMeans::new().clusters(clusters)?.n_init(1)?;
                vec![config.fit(x.view())?.inertia()]
            }
            "cblof" => scores(&Cblof::new(), &rows)?,
            "sub-pca" => {
                let window = job.parameter("window")?;
                let inner = all()?.score(PcaScore::WeightedDistance);
                scores(
                    &Subsequences::new(inner).window(window)?.causal(true),
                    &rows,
                )?
            }
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}

fn scores<C: FitDetector>(config: &C, rows: &Rows<'_>) -> Result<Vec<f64>, Box<dyn Error>> {
    Ok(config.fit_score(rows)?.1)
}
