//! Times the seasonal decompositions for `benches/peers/seasons.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

mod peer;

use std::error::Error;

use bongsu_stats::decompose::{Classical, Model, Mstl, Stl};
use bongsu_stats::period::acf;

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    job.run(|| {
        Ok(match job.method.as_str() {
            "classical" => {
                let model = match job.parameter::<String>("model")?.as_str() {
                    "multiplicative" => Model::Multiplicative,
                    _ => Model::Additive,
                };
                let parts = Classical::new(job.parameter("period")?)?
                    .model(model)
                    .decompose(&values)?;
                [parts.seasonal, parts.trend, parts.residual].concat()
            }
            "stl" => {
                let parts = Stl::new(job.parameter("period")?)?
                    .robust(job.parameter::<u8>("robust")? > 0)
                    .decompose(&values)?;
                [parts.seasonal, parts.trend, parts.residual].concat()
            }
            "mstl" => {
                let periods = [job.parameter("short")?, job.parameter("long")?];
                let parts = Mstl::new(&periods)?.decompose(&values)?;
                let seasons = parts.seasonals.concat();
                [seasons, parts.trend, parts.residual].concat()
            }
            "acf" => acf(&values, job.parameter("lags")?, false)?,
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
