//! Times the detectors of several features for `benches/peers/trees.py`, and scores streams for
//! `benches/peers/trees_accuracy.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[allow(dead_code, reason = "the inputs are tables, never one column")]
#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::StreamDetector;
use bongsu_core::ndarray::Array2;
use bongsu_stream::half_space_trees::{HalfSpace, Limits};
use bongsu_stream::{HalfSpaceTrees, Loda, MicroClusters, RandomCutForest};

/// The scores of a stream, 0 while there are none.
fn scores(stream: &mut dyn StreamDetector, x: &Array2<f64>) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut out = Vec::with_capacity(x.nrows());
    for row in x.rows() {
        let row = row.as_slice().ok_or("a row has holes")?;
        out.push(stream.score_then_learn(row)?.ready().unwrap_or(0.0));
    }
    Ok(out)
}

/// Trees from rows of features and thresholds in turn.
fn trees(table: &Array2<f64>) -> Vec<Vec<HalfSpace>> {
    let split = |pair: &[f64]| match *pair {
        [feature, threshold] => Some(HalfSpace {
            feature: feature as usize,
            threshold,
        }),
        _ => None,
    };
    let tree = |row: Vec<f64>| row.chunks(2).filter_map(split).collect();
    table
        .rows()
        .into_iter()
        .map(|row| tree(row.to_vec()))
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let [x, rest @ ..] = job.inputs.as_slice() else {
        return Err("no points".into());
    };
    job.run(|| match (job.method.as_str(), rest) {
        ("half-space-trees", [table]) => {
            let config = HalfSpaceTrees::new().height(job.parameter("height")?)?;
            scores(&mut config.build_from(x.ncols(), &trees(table))?, x)
        }
        ("half-space-trees-own", []) => {
            let config = HalfSpaceTrees::new().height(job.parameter("height")?)?;
            scores(&mut config.build(x.ncols())?, x)
        }
        ("half-space-trees-auto", []) => {
            let config = HalfSpaceTrees::new().limits(Limits::Auto { points: 100 })?;
            scores(&mut config.build(x.ncols())?, x)
        }
        ("half-space-trees-small", []) => scores(&mut HalfSpaceTrees::small().build(x.ncols())?, x),
        ("micro-clusters", []) => scores(&mut MicroClusters::new().build(x.ncols())?, x),
        ("loda", []) => scores(&mut Loda::new().build(x.ncols())?, x),
        ("random-cut-forest", []) => {
            let config = RandomCutForest::new().trees(job.parameter("trees")?)?;
            scores(&mut config.build(x.ncols())?, x)
        }
        (other, _) => Err(format!("no method `{other}` of so many tables").into()),
    })
}
