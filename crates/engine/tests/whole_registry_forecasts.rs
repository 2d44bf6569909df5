//! What every forecast model promises: the same answer again and on any number of threads, in the
//! unit of the metric, and bad input that is refused or forecast in finite numbers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bongsu_engine::registry::forecast::forecast_models;
use bongsu_engine::{ForecastTask, Table, forecast};

const ROWS: usize = 96;
const HORIZON: usize = 12;

/// Every model, with a season of 12 where it takes one.
fn tasks() -> impl Iterator<Item = ForecastTask> {
    forecast_models().map(|spec| {
        let given = [
            ("period", "12"),
            ("periods", "12"),
            ("uncertainty_samples", "50"),
        ];
        let has = |name: &str| spec.all_parameters().any(|p| p.name == name);
        ForecastTask {
            model: spec.name.to_owned(),
            parameters: given
                .into_iter()
                .filter(|&(name, _)| has(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
            horizon: HORIZON,
            ..ForecastTask::default()
        }
    })
}

/// Growth, a season and noise, as multiples of 1/64.
fn value(i: usize) -> f64 {
    let season = 9.0 * (i as f64 * std::f64::consts::TAU / 12.0).sin();
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let noise = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40;
    let level = 60.0 + 0.25 * i as f64;
    ((level + season + noise as f64 / f64::from(1 << 22)) * 64.0).round() / 64.0
}

fn table(rows: usize, of: impl Fn(usize) -> f64) -> Table {
    let mut csv = String::from("timestamp,value");
    for i in 0..rows {
        write!(csv, "\n{},{}", 1_700_000_000 + 3_600 * i, of(i)).unwrap();
    }
    Table::read(csv.as_bytes()).unwrap()
}

/// The mean and every bound, one after the other.
fn numbers(table: &Table, task: &ForecastTask) -> Vec<f64> {
    let outcome = forecast(table, task).unwrap_or_else(|e| panic!("{}: {e}", task.model));
    let all = outcome.forecast;
    let bounds = all
        .intervals
        .iter()
        .flat_map(|interval| [&interval.lower, &interval.upper]);
    let bounds: Vec<f64> = bounds.flatten().copied().collect();
    all.mean.iter().copied().chain(bounds).collect()
}

#[test]
fn forecasts_do_not_hang_on_the_run_or_on_the_number_of_threads() {
    let pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap()
    };
    let (one, four) = (pool(1), pool(4));
    let table = table(ROWS, value);
    for task in tasks() {
        let bits = || -> Vec<u64> {
            numbers(&table, &task)
                .into_iter()
                .map(f64::to_bits)
                .collect()
        };
        let alone = one.install(bits);
        assert_eq!(alone, one.install(bits), "{} again", task.model);
        assert_eq!(alone, four.install(bits), "{} on four threads", task.model);
    }
}

#[test]
fn forecasts_are_in_the_unit_of_the_metric() {
    let own = table(ROWS, value);
    let larger = table(ROWS, |i| value(i) * 1_024.0);
    for task in tasks() {
        let (own, larger) = (numbers(&own, &task), numbers(&larger, &task));
        let spread = own.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let apart = own
            .iter()
            .zip(&larger)
            .map(|(own, larger)| (own - larger / 1_024.0).abs());
        let apart = apart.fold(0.0, f64::max) / spread;
        // Some searches for parameters stop at an absolute tolerance.
        assert!(apart < 1e-3, "{}: {apart:e}", task.model);
    }
}

/// A name, a number of rows and their values.
type Awkward = (&'static str, usize, fn(usize) -> f64);

#[test]
fn awkward_series_are_forecast_in_numbers_or_refused() {
    let awkward: [Awkward; 11] = [
        ("no rows", 0, value),
        ("one row", 1, value),
        ("two rows", 2, value),
        ("constant", ROWS, |_| 5.0),
        ("zeros", ROWS, |_| 0.0),
        ("all missing", ROWS, |_| f64::NAN),
        ("half missing", ROWS, |i| {
            if i % 2 == 0 { f64::NAN } else { value(i) }
        }),
        ("huge", ROWS, |i| value(i) * 1e140),
        ("too huge", ROWS, |i| value(i) * 1e300),
        ("tiny", ROWS, |i| value(i) * 1e-300),
        ("infinite once", ROWS, |i| {
            if i == 40 { f64::INFINITY } else { value(i) }
        }),
    ];
    for task in tasks() {
        for (what, rows, of) in awkward {
            match forecast(&table(rows, of), &task) {
                Ok(outcome) => {
                    let finite = outcome.forecast.mean.iter().all(|x| x.is_finite());
                    assert!(finite, "{}, {what}", task.model);
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.len() > 20, "{}, {what}: {text}", task.model);
                }
            }
        }
    }
}
