//! Times the methods of neighbours for `benches/peers/neighbours.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{Detector as _, FitDetector as _, Rows};
use bongsu_ml::matrix_profile::self_join;
use bongsu_ml::{Knn, Lof, Metric, NeighbourIndex};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let table = job.inputs.first().ok_or("an input is missing")?;
    let rows = Rows::untimed(table.view());
    if job.method == "matrix-profile" {
        let (series, window) = (job.column(), job.parameter("window")?);
        return job.run(|| Ok(self_join(&series, window)?.both().distances));
    }
    let neighbours = job.parameter("neighbors")?;
    let lof = Lof::new().neighbors(neighbours)?;
    job.run(|| {
        Ok(match job.method.as_str() {
            "nearest" => {
                let index = NeighbourIndex::new(&table.view(), Metric::Euclidean)?;
                let found = index.nearest_others(neighbours)?;
                let rows = 0..index.len();
                rows.flat_map(|row| found.distances(row).to_vec()).collect()
            }
            "lof" => lof.fit_score(&rows)?.1,
            "lof-novelty" => {
                let new = job.inputs.get(1).ok_or("a second input is missing")?;
                lof.fit(table.view())?.score(new.view())?
            }
            "knn" => Knn::new().neighbors(neighbours)?.fit_score(&rows)?.1,
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
