//! Times the forests for `benches/peers/forest.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[allow(dead_code, reason = "shared with examples that read a column")]
#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector as _, FitDetector as _};
use bongsu_ml::random_forest::OutOfBag;
use bongsu_ml::{IsolationForest, RandomForest};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let input = |i: usize| -> Result<ArrayView2<'_, f64>, Box<dyn Error>> {
        let table = job.inputs.get(i).ok_or("an input is missing")?;
        Ok(table.view())
    };
    let train = input(0)?;
    match job.method.as_str() {
        "isolation-forest-fit" => job.run(|| {
            let config = IsolationForest::new().seed(job.parameter("seed")?);
            let forest = config.fit(train)?;
            Ok(vec![forest.n_trees() as f64])
        }),
        "isolation-forest-score" => {
            let config = IsolationForest::new().seed(job.parameter("seed")?);
            let forest = config.fit(train)?;
            let rows = input(1)?;
            // A single row takes too little time for one reading of the clock.
            let times: usize = job.parameter("times")?;
            job.run(|| {
                let mut scores = vec![0.0; rows.nrows()];
                for _ in 0..times {
                    forest.score_into(std::hint::black_box(rows), &mut scores)?;
                }
                Ok(scores)
            })
        }
        "random-forest-fit" => {
            let targets: Vec<f64> = input(1)?.iter().copied().collect();
            let config = RandomForest::new()
                .seed(job.parameter("seed")?)
                .out_of_bag(job.parameter("out_of_bag")?);
            job.run(|| {
                let forest = config.fit(train, &targets)?;
                Ok(vec![forest.out_of_bag().map_or(0.0, OutOfBag::r2)])
            })
        }
        "random-forest-predict" => {
            let targets: Vec<f64> = input(1)?.iter().copied().collect();
            let forest = RandomForest::new().fit(train, &targets)?;
            let rows = input(2)?;
            job.run(|| Ok(forest.predict(rows)?))
        }
        other => Err(format!("no method `{other}`").into()),
    }
}
