//! What every detector that is run on a table promises: the same answer again and on any number of
//! threads, an answer that does not hang on the unit, rows out of order that touch nothing, and bad
//! input that is refused or judged, never a score that is not a number.

#![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bongsu_engine::registry::{self, DetectorSpec};
use bongsu_engine::{DetectRequest, DetectedRow, Error, Table, detect};

/// Rows of the tables; a season of 24 comes back a dozen times.
const ROWS: usize = 300;

/// Every detector as it is tried here: networks small enough to be trained in a debug build.
fn requests() -> impl Iterator<Item = (&'static DetectorSpec, DetectRequest)> {
    registry::detectors().map(|spec| {
        let small = [
            ("epochs", "2"),
            ("sequence", "8"),
            ("units", "4"),
            ("calibration", "500"),
        ];
        let has = |name: &str| spec.all_parameters().any(|p| p.name == name);
        let given = small.into_iter().filter(|&(name, _)| has(name));
        let mut parameters: BTreeMap<String, String> = given
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if spec.name == "forecast" {
            parameters.insert("model".to_owned(), "ets".to_owned());
        }
        let request = DetectRequest {
            detector: spec.name.to_owned(),
            parameters,
            raw: true,
            ..DetectRequest::default()
        };
        (spec, request)
    })
}

/// A metric with a season, noise and a planted fault, as multiples of 1/64: scaling them by a power
/// of two and adding a whole number is exact.
fn value(i: usize, channel: usize) -> f64 {
    let season = 8.0 * (i as f64 * std::f64::consts::TAU / 24.0).sin();
    let mixed = (i as u64 * 6 + channel as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let noise = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40;
    let fault = if i == 280 { 120.0 } else { 0.0 };
    let level = 40.0 + 10.0 * channel as f64;
    ((level + season + noise as f64 / f64::from(1 << 23) + fault) * 64.0).round() / 64.0
}

fn table(rows: usize, channels: usize, of: impl Fn(usize, usize) -> f64) -> Table {
    let mut csv = String::from("timestamp");
    for channel in 0..channels {
        write!(csv, ",c{channel}").unwrap();
    }
    for i in 0..rows {
        write!(csv, "\n{}", 1_700_000_000 + 3_600 * i).unwrap();
        for channel in 0..channels {
            write!(csv, ",{}", of(i, channel)).unwrap();
        }
    }
    Table::read(csv.as_bytes()).unwrap()
}

/// The tables that suit the detector: all take one channel and several.
fn usual(spec: &DetectorSpec) -> Table {
    table(ROWS, if spec.input.is_together() { 3 } else { 1 }, value)
}

fn scores(rows: &[DetectedRow]) -> Vec<Option<u64>> {
    rows.iter().map(|row| row.score.map(f64::to_bits)).collect()
}

#[test]
fn answers_do_not_hang_on_the_run_or_on_the_number_of_threads() {
    let pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap()
    };
    let (one, four) = (pool(1), pool(4));
    for (spec, request) in requests() {
        let table = usual(spec);
        let judged = || detect(&table, &request).map(|rows| scores(&rows)).unwrap();
        let alone = one.install(judged);
        assert_eq!(alone, one.install(judged), "{} again", spec.name);
        assert_eq!(alone, four.install(judged), "{} on four threads", spec.name);
    }
}

#[test]
fn the_unit_of_a_metric_changes_no_answer() {
    for (spec, request) in requests() {
        // Its limits are in the unit of the metric.
        if spec.name == "hst" {
            continue;
        }
        let channels = if spec.input.is_together() { 3 } else { 1 };
        let own = detect(&usual(spec), &request).unwrap();
        for (scale, shift) in [(1_024.0, 0.0), (1.0, 512.0), (1.0 / 256.0, -64.0)] {
            let other = table(ROWS, channels, |i, c| value(i, c) * scale + shift);
            let there = detect(&other, &request).unwrap();
            let apart = own
                .iter()
                .zip(&there)
                .position(|(here, there)| here.anomalous != there.anomalous);
            let what = format!("{}, {scale} x + {shift}", spec.name);
            assert_eq!(apart, None, "{what}: a row is judged otherwise");
        }
    }
}

#[test]
fn rows_out_of_order_change_nothing() {
    for (spec, request) in requests() {
        let channels = if spec.input.is_together() { 3 } else { 1 };
        let own = detect(&usual(spec), &request).unwrap();
        // Each tenth row comes a second time, with values that would be noticed.
        let mut csv = String::from("timestamp");
        for channel in 0..channels {
            write!(csv, ",c{channel}").unwrap();
        }
        let mut kept = Vec::new();
        for i in 0..ROWS {
            for late in [false, true] {
                if late && i % 10 != 0 {
                    continue;
                }
                kept.push(!late);
                write!(csv, "\n{}", 1_700_000_000 + 3_600 * i).unwrap();
                for channel in 0..channels {
                    let value = if late { 1e6 } else { value(i, channel) };
                    write!(csv, ",{value}").unwrap();
                }
            }
        }
        let late = Table::read(csv.as_bytes()).unwrap();
        let there = detect(&late, &request).unwrap();
        let there: Vec<DetectedRow> = there
            .into_iter()
            .zip(kept)
            .filter_map(|(row, kept)| kept.then_some(row))
            .collect();
        assert_eq!(scores(&own), scores(&there), "{}", spec.name);
    }
}

/// A name and the values of a column.
type Awkward = (&'static str, Box<dyn Fn(usize) -> f64>);

/// Columns that break what was written in a hurry.
fn awkward() -> Vec<Awkward> {
    vec![
        ("constant", Box::new(|_| 5.0)),
        ("all missing", Box::new(|_| f64::NAN)),
        (
            "half missing",
            Box::new(|i| if i % 2 == 0 { f64::NAN } else { value(i, 0) }),
        ),
        ("huge", Box::new(|i| value(i, 0) * 1e300)),
        ("tiny", Box::new(|i| value(i, 0) * 1e-300)),
        (
            "huge and tiny",
            Box::new(|i| if i % 7 == 0 { 1e300 } else { 1e-300 }),
        ),
        (
            "largest",
            Box::new(|i| if i % 2 == 0 { f64::MAX } else { f64::MIN }),
        ),
        ("two values", Box::new(|i| f64::from(u8::from(i % 3 == 0)))),
        ("one spike", Box::new(|i| f64::from(u8::from(i == 200)))),
        (
            "infinite once",
            Box::new(|i| if i == 150 { f64::INFINITY } else { value(i, 0) }),
        ),
    ]
}

fn judged_or_refused(name: &str, what: &str, answer: Result<Vec<DetectedRow>, Error>) {
    match answer {
        Ok(rows) => {
            for (i, row) in rows.iter().enumerate() {
                let nan = row.score.is_some_and(f64::is_nan);
                assert!(!nan, "{name}, {what}: the score of row {i} is no number");
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() > 20, "{name}, {what}: {text}");
        }
    }
}

#[test]
fn awkward_tables_are_judged_or_refused() {
    for (spec, request) in requests() {
        for rows in [0, 1, 2, 3] {
            let table = table(rows, 2, value);
            judged_or_refused(spec.name, &format!("{rows} rows"), detect(&table, &request));
        }
        for (what, of) in awkward() {
            let table = table(ROWS, 1, |i, _| of(i));
            judged_or_refused(spec.name, what, detect(&table, &request));
            // Beside a channel that is as it should be.
            let table = self::table(ROWS, 2, |i, c| if c == 0 { value(i, c) } else { of(i) });
            judged_or_refused(spec.name, what, detect(&table, &request));
        }
    }
}
