//! Times the Prophet model for `benches/peers/prophet_model.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{FittedForecaster as _, Labels, Series, Timestamp};
use bongsu_forecast::Prophet;
use bongsu_forecast::prophet::Columns;

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    let step: i64 = job.parameter("step")?;
    let mode: String = job.parameter("mode")?;
    let steps = job.parameter("steps")?;
    let start: i64 = 1_704_067_200;
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(start + step * i));
    let series = Series::new(Labels::empty(), times.collect(), values)?;
    let model = Prophet::new().seasonality_mode(mode.parse()?);
    match job.method.as_str() {
        "prophet-fit" => job.run(|| {
            let fitted = model.fit(&series.view())?;
            let past = fitted.residuals().iter().zip(series.values());
            Ok(past.map(|(residual, value)| value - residual).collect())
        }),
        "prophet-predict" => {
            let fitted = model.fit(&series.view())?;
            let timeline = fitted.timeline();
            let coming = (0..steps).map(|i| timeline.at(timeline.len() + i));
            let coming = coming.collect::<Result<Vec<_>, _>>()?;
            job.run(|| Ok(fitted.predict(&coming, &Columns::new(), &[0.95])?.mean))
        }
        other => Err(format!("no method `{other}`").into()),
    }
}
