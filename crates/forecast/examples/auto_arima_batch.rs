//! Chooses and forecasts many series for `benches/peers/auto_arima_accuracy.py` and
//! `auto_arima_hourly.py`: the arguments are the period and the number of threads; a line of standard
//! input is `HORIZON VALUE...`, a line of standard output an object of what was chosen. The last line
//! is about all.

// xtask: skip benches/peers/auto_arima_accuracy.py runs it

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bongsu_core::{
    FittedForecaster, ForecastRequest, Forecaster, Labels, Result as CoreResult, Series,
    SeriesView, Timestamp,
};
use bongsu_forecast::arima::AutoArima;
use bongsu_forecast::batch;
use serde_json::{Value, json};

/// A model that notes how long each fit took and what was chosen, by the label `index`.
#[derive(Debug)]
struct Noted {
    model: AutoArima,
    notes: Mutex<Vec<Value>>,
}

impl Forecaster for Noted {
    fn fit(&self, y: &SeriesView<'_>) -> CoreResult<Box<dyn FittedForecaster>> {
        let (start, used) = (Instant::now(), processor_seconds());
        let selection = self.model.fit(y);
        // The processor's time, where the system tells: others may be at work.
        let seconds = match (used, processor_seconds()) {
            (Some(before), Some(after)) => after - before,
            _ => start.elapsed().as_secs_f64(),
        };
        let mut note = json!({"seconds": seconds});
        if let Ok(selection) = &selection {
            let fitted = &selection.fitted;
            let o = fitted.orders();
            note = json!({
                "seconds": seconds,
                "aicc": fitted.information().aicc,
                "orders": [o.ar, o.diff, o.ma, o.seasonal_ar, o.seasonal_diff, o.seasonal_ma],
                "trend": format!("{:?}", fitted.trend()),
                "models": selection.candidates.len(),
            });
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = y
            .labels()
            .get("index")
            .and_then(|i| i.parse::<usize>().ok());
        if let Some(slot) = index.and_then(|i| notes.get_mut(i)) {
            *slot = note;
        }
        Ok(Box::new(selection?.fitted))
    }
}

/// The time that this thread has been on a processor.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}

/// The most memory that this process has held, in kB; 0 where the system does not tell.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("an argument is missing");
    let (period, threads) = (argument()?.parse()?, argument()?.parse()?);
    let (mut series, mut horizons) = (Vec::new(), Vec::new());
    for (index, line) in stdin().lock().lines().enumerate() {
        let line = line?;
        let mut words = line.split(' ');
        let horizon: usize = words.next().ok_or("an empty line")?.parse()?;
        let values: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let times = (0..values.len() as i64).map(|i| Timestamp::from_secs(3600 * i));
        let labels = Labels::from_pairs([("index", index.to_string())])?;
        series.push(Series::new(labels, times.collect(), values)?);
        horizons.push(horizon);
    }
    let longest = horizons.iter().copied().max().ok_or("no series")?;
    let noted = Noted {
        model: AutoArima::new().period(period)?,
        notes: Mutex::new(vec![Value::Null; series.len()]),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let start = Instant::now();
    let forecasts =
        pool.install(|| batch::forecast_many(&noted, &series, &ForecastRequest::steps(longest)));
    let summary = json!({"seconds": start.elapsed().as_secs_f64(), "kilobytes": most_memory()});
    let notes = noted
        .notes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut out = stdout().lock();
    for ((mut note, forecast), horizon) in notes.into_iter().zip(forecasts).zip(horizons) {
        let (name, value) = match forecast {
            Ok(mut forecast) => {
                forecast.mean.truncate(horizon);
                ("mean", json!(forecast.mean))
            }
            Err(error) => ("failure", json!(error.to_string())),
        };
        if let Some(note) = note.as_object_mut() {
            note.insert(name.to_owned(), value);
        }
        writeln!(out, "{note}")?;
    }
    writeln!(out, "{summary}")?;
    Ok(())
}
