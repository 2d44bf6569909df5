//! Forecasts many series for `benches/peers/forecast_accuracy.py` and `interval_coverage.py`: a line of
//! standard input is `MODEL PERIOD HORIZON VALUE...`, a line of standard output its forecast, empty
//! where the model cannot be fitted to the series. Arguments are levels of intervals: the means are
//! then followed by the lower and the upper bounds at each. `split:MODEL` and `adaptive:MODEL` are
//! bands calibrated on the past.

// xtask: skip benches/peers/forecast_accuracy.py runs it

use std::env::args;
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use bongsu_core::{ForecastRequest, Forecaster, Labels, Result as CoreResult, Series, Timestamp};
use bongsu_forecast::conformal::ConformalMethod;
use bongsu_forecast::{
    AutoArima, Ces, Combination, Conformal, Ensemble, Ets, Model, Mstl, Naive, Prophet, Theta,
};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

const WEEK: i64 = 7 * 24 * 3600;
/// The second of January 2000, a Sunday.
const START: i64 = 946_771_200;

fn forecaster(name: &str, period: usize, steps: usize) -> CoreResult<Box<dyn Forecaster>> {
    let adaptive = ConformalMethod::Adaptive { gamma: 0.005 };
    Ok(match name.split_once(':') {
        Some(("split", name)) => Box::new(Conformal::new(model(name, period, steps)?, steps)?),
        Some(("adaptive", name)) => {
            Box::new(Conformal::new(model(name, period, steps)?, steps)?.method(adaptive)?)
        }
        _ if name == "prophet" => Box::new(Prophet::new()),
        _ => Box::new(model(name, period, steps)?),
    })
}

/// Weights by forecasts of as many steps from three moments of the past.
const fn past(horizon: usize) -> Combination {
    Combination::InverseError {
        horizon,
        origins: 3,
    }
}

fn model(name: &str, period: usize, steps: usize) -> CoreResult<Model> {
    Ok(match name {
        "naive" => Naive::last().into(),
        "seasonal-naive" => Naive::seasonal(period)?.into(),
        "drift" => Naive::drift().into(),
        "theta" => Theta::new().period(period)?.into(),
        "dot" => Theta::dynamic_optimised().period(period)?.into(),
        "ces" => Ces::automatic().period(period)?.into(),
        "auto-ets" => Ets::automatic().period(period)?.into(),
        "auto-arima" => AutoArima::new().period(period)?.into(),
        "mstl" => Mstl::new(&[period])?.into(),
        "ensemble" => Ensemble::scum(period)?.into(),
        "ensemble-weighted" => Ensemble::scum(period)?.combination(past(steps))?.into(),
        "ensemble-long" => Ensemble::long_season(period)?.into(),
        "ensemble-long-weighted" => {
            let ensemble = Ensemble::long_season(period)?;
            ensemble.combination(past(steps))?.into()
        }
        other => {
            let names = "one of the models of forecast_accuracy.py";
            return Err(bongsu_core::Error::parameter("model", other, names));
        }
    })
}

fn forecast(line: &str, levels: &[f64]) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
    let mut words = line.split(' ');
    let mut next = || words.next().ok_or("a line ends early");
    let (name, period, steps) = (next()?, next()?.parse()?, next()?.parse()?);
    let values: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
    let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(START + WEEK * i));
    let series = Series::new(Labels::empty(), times.collect(), values)?;
    let model = forecaster(name, period, steps)?;
    let request = ForecastRequest::steps(steps).levels(levels);
    let fitted = model.fit(&series.view());
    let Ok(forecast) = fitted.and_then(|fitted| fitted.forecast(&request)) else {
        return Ok(Vec::new());
    };
    let bands = forecast.intervals.into_iter();
    let bounds = bands.flat_map(|band| [band.lower, band.upper].concat());
    Ok(forecast.mean.into_iter().chain(bounds).collect())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let levels: Vec<f64> = args()
        .skip(1)
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let lines: Vec<String> = stdin().lock().lines().collect::<Result<_, _>>()?;
    let forecasts: Vec<_> = lines
        .par_iter()
        .map(|line| forecast(line, &levels))
        .collect();
    let mut out = stdout().lock();
    for forecast in forecasts {
        let text: Vec<String> = forecast?.iter().map(f64::to_string).collect();
        writeln!(out, "{}", text.join(" "))?;
    }
    Ok(())
}
