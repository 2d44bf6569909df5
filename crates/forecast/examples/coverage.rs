//! Measures how often real values lie inside the bands that models state, plain and calibrated: a line
//! of standard input is `GROUP PERIOD HORIZON TRAIN VALUE...`, the first TRAIN values known.

// xtask: skip reads series from standard input, written by benches/peers/interval_coverage.py

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use bongsu_core::{ForecastRequest, Forecaster, Labels, Series, Timestamp};
use bongsu_forecast::conformal::ConformalMethod;
use bongsu_forecast::{Conformal, Ets, Model, Naive, Theta, batch};

const LEVELS: [f64; 2] = [0.8, 0.95];

/// Values, and at each level how many are inside and the sum of the widths.
#[derive(Default)]
struct Tally {
    count: f64,
    inside: [f64; 2],
    width: [f64; 2],
    failed: usize,
}

/// Models by name.
type Models = Vec<(String, Box<dyn Forecaster>)>;
/// What is known of a series, and what came.
type Split = (Series, Vec<f64>);

fn models(period: usize, horizon: usize) -> Result<Models, Box<dyn Error>> {
    let plain: [(&str, Model); 3] = [
        ("seasonal-naive", Naive::seasonal(period)?.into()),
        ("auto-ets", Ets::automatic().period(period)?.into()),
        ("theta", Theta::new().period(period)?.into()),
    ];
    let adaptive = ConformalMethod::Adaptive { gamma: 0.005 };
    let mut all: Models = Vec::new();
    for (name, model) in plain {
        let conformal = Conformal::new(model.clone(), horizon)?;
        all.push((format!("{name} plain"), Box::new(model)));
        all.push((format!("{name} split"), Box::new(conformal.clone())));
        all.push((
            format!("{name} adaptive"),
            Box::new(conformal.method(adaptive)?),
        ));
    }
    Ok(all)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut groups: BTreeMap<(String, usize, usize), Vec<Split>> = BTreeMap::new();
    for line in stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or("a line ends early");
        let (group, period, horizon) = (next()?.to_owned(), next()?.parse()?, next()?.parse()?);
        let train: usize = next()?.parse()?;
        let mut known: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let future = known.split_off(train.min(known.len()));
        let times = (0..known.len() as i64).map(|i| Timestamp::from_secs(300 * i));
        let series = Series::new(Labels::empty(), times.collect(), known)?;
        groups
            .entry((group, period, horizon))
            .or_default()
            .push((series, future));
    }
    let mut out = stdout().lock();
    for ((group, period, horizon), members) in groups {
        let (series, futures): (Vec<Series>, Vec<Vec<f64>>) = members.into_iter().unzip();
        for (name, model) in models(period, horizon)? {
            let request = ForecastRequest::steps(horizon).levels(&LEVELS);
            let mut tally = Tally::default();
            for (future, forecast) in
                futures
                    .iter()
                    .zip(batch::forecast_many(model.as_ref(), &series, &request))
            {
                let Ok(forecast) = forecast else {
                    tally.failed += 1;
                    continue;
                };
                tally.count += future.len() as f64;
                let scale =
                    future.iter().map(|y| y.abs()).sum::<f64>().max(1e-9) / future.len() as f64;
                let sums = tally.inside.iter_mut().zip(&mut tally.width);
                for (band, (inside, width)) in forecast.intervals.iter().zip(sums) {
                    for ((y, low), high) in future.iter().zip(&band.lower).zip(&band.upper) {
                        *inside += f64::from(u8::from(low <= y && y <= high));
                        *width += (high - low) / scale;
                    }
                }
            }
            let [a, b] = tally.inside.map(|inside| 100.0 * inside / tally.count);
            let [c, d] = tally.width.map(|width| width / tally.count);
            writeln!(
                out,
                "{group:<12} {name:<24} inside 80: {a:5.1} 95: {b:5.1}  width 80: {c:6.2} 95: {d:6.2}  \
                 series {} failed {}",
                futures.len(),
                tally.failed
            )?;
        }
    }
    Ok(())
}
