//! Forecasts many series for `benches/peers/forecast_accuracy.py`: a line of standard input is
//! `MODEL PERIOD HORIZON VALUE...`, a line of standard output its forecast, empty where the model
//! cannot be fitted to the series.

// xtask: skip benches/peers/forecast_accuracy.py runs it

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use bongsu_core::{ForecastRequest, Forecaster, Labels, Result as CoreResult, Series, Timestamp};
use bongsu_forecast::{AutoArima, Ces, Ensemble, Ets, Mstl, Naive, Prophet, Theta};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

const WEEK: i64 = 7 * 24 * 3600;
/// The second of January 2000, a Sunday.
const START: i64 = 946_771_200;

fn model(name: &str, period: usize) -> CoreResult<Box<dyn Forecaster>> {
    Ok(match name {
        "naive" => Box::new(Naive::last()),
        "seasonal-naive" => Box::new(Naive::seasonal(period)?),
        "drift" => Box::new(Naive::drift()),
        "theta" => Box::new(Theta::new().period(period)?),
        "dot" => Box::new(Theta::dynamic_optimised().period(period)?),
        "ces" => Box::new(Ces::automatic().period(period)?),
        "auto-ets" => Box::new(Ets::automatic().period(period)?),
        "auto-arima" => Box::new(AutoArima::new().period(period)?),
        "mstl" => Box::new(Mstl::new(&[period])?),
        "prophet" => Box::new(Prophet::new()),
        "ensemble" => Box::new(Ensemble::scum(period)?),
        other => {
            let names = "one of the models of forecast_accuracy.py";
            return Err(bongsu_core::Error::parameter("model", other, names));
        }
    })
}

fn forecast(line: &str) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
    let mut words = line.split(' ');
    let mut next = || words.next().ok_or("a line ends early");
    let (name, period, steps) = (next()?, next()?.parse()?, next()?.parse()?);
    let values: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(START + WEEK * i));
    let series = Series::new(Labels::empty(), times.collect(), values)?;
    let model = model(name, period)?;
    let fitted = model.fit(&series.view());
    let request = ForecastRequest::steps(steps);
    let forecast = fitted.and_then(|fitted| fitted.forecast(&request));
    Ok(forecast.map(|forecast| forecast.mean).unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let lines: Vec<String> = stdin().lock().lines().collect::<Result<_, _>>()?;
    let forecasts: Vec<_> = lines.par_iter().map(|line| forecast(line)).collect();
    let mut out = stdout().lock();
    for forecast in forecasts {
        let text: Vec<String> = forecast?.iter().map(f64::to_string).collect();
        writeln!(out, "{}", text.join(" "))?;
    }
    Ok(())
}
