//! Forecasts many series for `benches/peers/smoothing_accuracy.py`: a line of standard input is
//! `MODEL PERIOD HORIZON VALUE...`, a line of standard output its forecast.

// xtask: skip benches/peers/smoothing_accuracy.py runs it

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use bongsu_core::{ForecastRequest, Forecaster, Labels, Series, Timestamp};
use bongsu_forecast::{Ces, Ets, Naive, Theta};

fn model(name: &str, period: usize) -> Result<Box<dyn Forecaster>, Box<dyn Error>> {
    Ok(match name {
        "naive" => Box::new(Naive::last()),
        "seasonal-naive" => Box::new(Naive::seasonal(period)?),
        "drift" => Box::new(Naive::drift()),
        "auto-ets" => Box::new(Ets::automatic().period(period)?),
        "theta" => Box::new(Theta::new().period(period)?),
        "dot" => Box::new(Theta::dynamic_optimised().period(period)?),
        "ces" => Box::new(Ces::automatic().period(period)?),
        other => return Err(format!("no model `{other}`").into()),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or("a line ends early");
        let (name, period, steps) = (next()?, next()?.parse()?, next()?.parse()?);
        let values: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(3600 * i));
        let series = Series::new(Labels::empty(), times.collect(), values)?;
        let fitted = model(name, period)?.fit(&series.view())?;
        let forecast = fitted.forecast(&ForecastRequest::steps(steps))?;
        let text: Vec<String> = forecast.mean.iter().map(f64::to_string).collect();
        writeln!(out, "{}", text.join(" "))?;
    }
    Ok(())
}
