//! The two-window detector: agreement with the tests it runs, and what it does after a change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{StreamDetector, snapshot};
use bongsu_stats::hypothesis::{Alternative, PValue, energy_test, ks_2samp, mann_whitney, welch};
use bongsu_stats::two_window::WindowTest;
use bongsu_stats::{TwoWindow, TwoWindowStream};
use proptest::prelude::*;

const TESTS: [WindowTest; 4] = [
    WindowTest::Ks,
    WindowTest::MannWhitney,
    WindowTest::Welch,
    WindowTest::Energy,
];

fn p_value(test: WindowTest, a: &[f64], b: &[f64]) -> f64 {
    let side = Alternative::TwoSided;
    match test {
        WindowTest::Ks => ks_2samp(a, b, side, PValue::Exact).unwrap().p_value,
        WindowTest::MannWhitney => mann_whitney(a, b, side, PValue::Auto).unwrap().p_value,
        WindowTest::Welch => welch(a, b, side).unwrap().p_value,
        WindowTest::Energy => energy_test(a, b).unwrap().p_value,
    }
}

fn noise(i: u32) -> f64 {
    f64::from(i.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20)
}

#[test]
fn a_change_is_announced_and_then_gets_usual() {
    for test in TESTS {
        let config = TwoWindow::new().test(test);
        let quiet: Vec<f64> = (0..600).map(noise).collect();
        let scores = config.score(&quiet).unwrap();
        let alarms = scores.iter().filter(|s| **s > 4.0).count();
        assert_eq!(alarms, 0, "{test:?}");
        assert_eq!(scores.iter().filter(|s| s.is_nan()).count(), 229);

        let changed: Vec<f64> = (0..900).map(|i| noise(i) + f64::from(i >= 400)).collect();
        let scores = config.score(&changed).unwrap();
        assert!(scores[429] > 8.0, "{test:?}: {}", scores[429]);
        assert!(scores[640..].iter().all(|s| *s < 4.0), "{test:?}");
    }
}

#[test]
fn bad_parameters_and_values_are_refused() {
    assert!(TwoWindow::new().reference(1).is_err());
    assert!(TwoWindow::new().recent(usize::MAX).is_err());
    assert!(TwoWindow::new().alpha(0.0).is_err());
    assert!("t".parse::<WindowTest>().is_err());
    assert_eq!(
        "mann-whitney".parse::<WindowTest>().unwrap(),
        WindowTest::MannWhitney
    );
    assert!(TwoWindow::new().score(&[f64::INFINITY]).is_err());
    assert!(
        TwoWindow::new()
            .build()
            .unwrap()
            .learn(&[f64::NAN])
            .is_err()
    );
}

fn any_finite() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        4 => -3.0..3.0_f64,
        4 => (-2..2_i32).prop_map(f64::from),
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
        1 => Just(-0.0),
    ];
    prop::collection::vec(value, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn scores_are_those_of_the_tests(x in any_finite(), reference in 2..12_usize, recent in 2..12_usize) {
        for test in TESTS {
            let config = TwoWindow::new().test(test).reference(reference).unwrap().recent(recent).unwrap();
            let scores = config.score(&x).unwrap();
            for (i, &score) in scores.iter().enumerate() {
                let end = i + 1;
                let Some(start) = end.checked_sub(reference + recent) else {
                    prop_assert!(score.is_nan());
                    continue;
                };
                let middle = start + reference;
                let p = p_value(test, &x[start..middle], &x[middle..end]).max(f64::MIN_POSITIVE);
                prop_assert!(score >= 0.0 && (score + p.log10()).abs() < 1e-6, "{:?}[{}]: {} {}", test, i, score, p);
            }
        }
    }

    #[test]
    fn saved_streams_continue(x in any_finite()) {
        for test in TESTS {
            let config = TwoWindow::new().test(test).reference(7).unwrap().recent(4).unwrap();
            let mut stream = config.build().unwrap();
            for (i, &v) in x.iter().enumerate() {
                let bytes = snapshot::to_bytes(&stream).unwrap();
                let mut loaded: TwoWindowStream = snapshot::from_bytes(&bytes).unwrap();
                let before = stream.score(&[v]).unwrap();
                prop_assert_eq!(before, stream.score_then_learn(&[v]).unwrap());
                prop_assert_eq!(before, loaded.score_then_learn(&[v]).unwrap());
                prop_assert_eq!(stream.seen(), i as u64 + 1);
            }
        }
    }
}
