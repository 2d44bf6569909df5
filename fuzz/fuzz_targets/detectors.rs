//! No streaming detector of the registry panics, or gives a score that is not a number, on any
//! finite input.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use bongsu_core::{Score, StreamDetector};
use bongsu_engine::registry;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    which: u8,
    window: u8,
    values: Vec<f64>,
}

fuzz_target!(|input: Input| {
    let all: Vec<_> = registry::detectors()
        .filter(|spec| spec.learns() == registry::Learns::PointByPoint)
        .collect();
    let spec = all[usize::from(input.which) % all.len()];
    let mut given = BTreeMap::new();
    if spec.all_parameters().any(|parameter| parameter.name == "window") {
        given.insert("window".to_owned(), input.window.to_string());
    }
    let Ok(mut detector) = registry::build(spec.name, &given) else {
        return;
    };
    for value in input.values.into_iter().filter(|value| value.is_finite()).take(2_000) {
        if let Ok(Score::Ready(score)) = detector.score_then_learn(&[value]) {
            assert!(!score.is_nan(), "{}: {value}", spec.name);
        }
    }
});
