//! Times ARIMA models for `benches/peers/arima.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::error::Error;

use bongsu_core::{Labels, SeriesView, Timestamp};
use bongsu_forecast::arima::{Arima, AutoArima, Grid, Orders};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let values = job.column();
    let times: Vec<_> = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    let labels = Labels::empty();
    let series = SeriesView::new(&labels, &times, &values)?;
    let order = |name: &str| job.parameter::<usize>(name).unwrap_or(0);
    let orders = Orders::new(order("p"), order("d"), order("q")).seasonal(
        order("sp"),
        order("sd"),
        order("sq"),
        order("s"),
    );
    job.run(|| {
        Ok(match job.method.as_str() {
            "arima" => vec![Arima::new(orders).fit(&series)?.log_likelihood()],
            "arima-grid" => {
                let selection = Grid::default().fit(&series)?;
                vec![selection.fitted.information().aic]
            }
            "auto-arima" => {
                let config = AutoArima::new().period(job.parameter("s")?)?;
                vec![config.fit(&series)?.fitted.information().aicc]
            }
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
