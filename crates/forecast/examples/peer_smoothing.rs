//! Times smoothing models for `benches/peers/smoothing.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{ForecastRequest, Forecaster, Labels, Series, Timestamp};
use bongsu_forecast::{Ces, Ets, Theta};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(3600 * i));
    let series = Series::new(Labels::empty(), times.collect(), values)?;
    let period = job.parameter("period")?;
    let steps = job.parameter("steps")?;
    let model: Box<dyn Forecaster> = match job.method.as_str() {
        "ets" => {
            let family: String = job.parameter("model")?;
            Box::new(Ets::new(family.parse()?).period(period)?)
        }
        "auto-ets" => Box::new(Ets::automatic().period(period)?),
        "ces" => Box::new(Ces::automatic().period(period)?),
        "dot" => Box::new(Theta::dynamic_optimised().period(period)?),
        other => return Err(format!("no method `{other}`").into()),
    };
    job.run(|| {
        let fitted = model.fit(&series.view())?;
        Ok(fitted.forecast(&ForecastRequest::steps(steps))?.mean)
    })
}
