//! A streaming detector that was saved and loaded goes on as if it had never stopped.
#![no_main]

use arbitrary::Arbitrary;
use bongsu_core::{Snapshot, StreamDetector, snapshot};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    which: u8,
    before: Vec<f32>,
    after: Vec<f32>,
}

fn check<D: StreamDetector + Snapshot>(mut detector: D, input: &Input) {
    let usual = |values: &[f32]| {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        finite.map(f64::from).take(500).collect::<Vec<_>>()
    };
    for value in usual(&input.before) {
        let _ = detector.score_then_learn(&[value]);
    }
    let bytes = snapshot::to_bytes(&detector).expect("a state that lives can be saved");
    let mut again: D = snapshot::from_bytes(&bytes).expect("and loaded");
    for value in usual(&input.after) {
        let (one, other) = (detector.score_then_learn(&[value]), again.score_then_learn(&[value]));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}

fuzz_target!(|input: Input| {
    match input.which % 6 {
        0 => check(bongsu_stats::Ewma::new().build().expect("defaults"), &input),
        1 => check(bongsu_stream::HoltWinters::new().build().expect("defaults"), &input),
        2 => check(bongsu_stream::SeasonalProfile::new().build().expect("defaults"), &input),
        3 => check(bongsu_stream::OnlineMad::new().build().expect("defaults"), &input),
        4 => check(bongsu_stats::Spot::new().build().expect("defaults"), &input),
        _ => check(bongsu_stream::HalfSpaceTrees::new().build(1).expect("defaults"), &input),
    }
});
