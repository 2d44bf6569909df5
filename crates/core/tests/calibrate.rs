//! What each calibration promises.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Calibration, Calibrator, ErrorKind, snapshot};
use proptest::prelude::*;

/// Seeded uniform numbers in (0, 1): splitmix64.
fn uniforms(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

fn exponentials(seed: u64, n: usize) -> Vec<f64> {
    let mut uniform = uniforms(seed);
    (0..n).map(|_| -uniform().ln()).collect()
}

fn share_above(calibrator: &Calibrator, scores: &[f64]) -> f64 {
    let above = scores
        .iter()
        .filter(|&&s| calibrator.calibrate(s) > 1.0)
        .count();
    above as f64 / scores.len() as f64
}

/// `numpy.percentile([1, 2, 4, 8, 16], 90)`, which scikit-learn's `contamination=0.1` uses, is 12.8.
#[test]
fn contamination_is_the_percentile_of_scikit_learn() {
    let calibrator = Calibration::Contamination(0.1)
        .fit(&[16.0, 1.0, 4.0, 2.0, 8.0])
        .unwrap();
    assert!((calibrator.bound().unwrap() - 12.8).abs() < 1e-12);
    assert_eq!(calibrator.calibrate(4.0), 0.0);
    assert!((calibrator.calibrate(12.8) - 1.0).abs() < 1e-12);
    assert!(calibrator.calibrate(12.9) > 1.0);
    let scores = exponentials(1, 1_000);
    let calibrator = Calibration::Contamination(0.05).fit(&scores).unwrap();
    assert_eq!(share_above(&calibrator, &scores), 0.05);
}

#[test]
fn equal_scores_leave_no_room_above() {
    let calibrator = Calibration::Contamination(0.1).fit(&[2.0; 50]).unwrap();
    assert_eq!(calibrator.calibrate(2.0), 0.0);
    assert_eq!(calibrator.calibrate(2.5), f64::INFINITY);
    let calibrator = Calibration::peaks_over_threshold()
        .fit(&[2.0; 500])
        .unwrap();
    assert_eq!(calibrator.calibrate(2.0), 0.0);
    assert_eq!(calibrator.calibrate(2.5), f64::INFINITY);
}

/// Over many exchangeable samples the mean share of false alarms is at most the stated rate: its
/// exact value is `floor(rate (n + 1)) / (n + 1)`.
#[test]
fn the_conformal_false_alarm_rate_holds_for_exchangeable_scores() {
    for (rate, n) in [(0.05, 40), (0.01, 150), (0.1, 10)] {
        let trials = 2_000;
        let mut total = 0.0;
        for seed in 0..trials {
            let scores = exponentials(seed, n + 100);
            let calibrator = Calibration::FalseAlarmRate(rate).fit(&scores[..n]).unwrap();
            total += share_above(&calibrator, &scores[n..]);
        }
        let mean = total / trials as f64;
        // p must be below the rate: the largest step that is strictly below it.
        let steps = (rate * (n + 1) as f64 - 1e-9).floor();
        let exact = steps / (n + 1) as f64;
        assert!(mean <= rate, "{mean} above {rate}");
        assert!(
            (mean - exact).abs() < 0.15 * exact,
            "{mean} instead of {exact} (n = {n})"
        );
    }
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let scores = exponentials(2, 2_000);
    for bad in [0.0, -0.1, 0.6, f64::NAN] {
        for calibration in [
            Calibration::Contamination(bad),
            Calibration::FalseAlarmRate(bad),
        ] {
            let kind = calibration.fit(&scores).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::InvalidParameter);
        }
    }
    for bad in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        assert!(Calibration::Threshold(bad).fit(&[]).is_err());
    }
    for (level, risk, depth) in [
        (0.4, 1e-3, 0),
        (1.0, 1e-3, 0),
        (0.98, 0.03, 0),
        (0.98, 0.0, 0),
        (0.98, 1e-3, 200_000),
    ] {
        let calibration = Calibration::PeaksOverThreshold { level, risk, depth };
        assert_eq!(
            calibration.fit(&scores).unwrap_err().kind(),
            ErrorKind::InvalidParameter
        );
    }
    let few = Calibration::peaks_over_threshold()
        .fit(&scores[..499])
        .unwrap_err();
    assert_eq!(few.kind(), ErrorKind::NotEnoughData);
    assert!(
        Calibration::peaks_over_threshold()
            .fit(&scores[..500])
            .is_ok()
    );
    assert!(
        Calibration::FalseAlarmRate(0.01)
            .fit(&scores[..99])
            .is_err()
    );
    assert!(Calibration::Contamination(0.1).fit(&[]).is_err());
    let infinite = Calibration::Contamination(0.1)
        .fit(&[1.0, f64::INFINITY])
        .unwrap_err();
    assert_eq!(infinite.kind(), ErrorKind::NonFinite);
}

#[test]
fn peaks_over_threshold_keep_the_risk() {
    for risk in [1e-3, 1e-4] {
        let calibration = Calibration::PeaksOverThreshold {
            level: 0.98,
            risk,
            depth: 0,
        };
        let mut off: f64 = 0.0;
        for seed in 0..10 {
            let scores = exponentials(seed, 20_000);
            let mut calibrator = calibration.fit(&scores[..2_000]).unwrap();
            for &score in &scores[2_000..] {
                calibrator.observe(score);
            }
            // Of a standard exponential, a share `risk` lies above -ln(risk).
            off += calibrator.bound().unwrap() + f64::ln(risk);
        }
        let off = off / 10.0;
        assert!(
            off.abs() < 0.1 * -f64::ln(risk),
            "risk {risk}: off by {off}"
        );
    }
}

#[test]
fn anomalies_do_not_raise_the_bound_and_peaks_do() {
    let scores = exponentials(3, 1_000);
    let mut calibrator = Calibration::peaks_over_threshold().fit(&scores).unwrap();
    let bound = calibrator.bound().unwrap();
    for bad in [bound + 1.0, 1e300, f64::INFINITY, f64::NAN] {
        calibrator.observe(bad);
    }
    assert_eq!(calibrator.bound(), Some(bound));
    for _ in 0..20 {
        calibrator.observe(bound * 0.999);
    }
    assert!(calibrator.bound().unwrap() > bound);
    let mut fixed = Calibrator::threshold(3.0).unwrap();
    fixed.observe(2.9);
    assert_eq!(fixed, Calibrator::threshold(3.0).unwrap());
}

/// Dropping what lies above the bound would lower it fit by fit, until far more than the stated
/// share of normal points is called anomalous.
#[test]
fn the_risk_does_not_grow_over_long_streams() {
    let scores = exponentials(7, 300_000);
    let mut calibrator = Calibration::peaks_over_threshold()
        .fit(&scores[..2_000])
        .unwrap();
    let mut alarms = 0;
    for &score in &scores[2_000..] {
        alarms += usize::from(calibrator.calibrate(score) > 1.0);
        calibrator.observe(score);
    }
    assert!(
        (200..450).contains(&alarms),
        "{alarms} instead of about 298"
    );
}

/// Scores whose normal height rises slowly.
#[test]
fn a_depth_follows_drifting_scores() {
    let drifting: Vec<f64> = exponentials(4, 30_000)
        .into_iter()
        .enumerate()
        .map(|(i, score)| score + i as f64 * 1e-3)
        .collect();
    let alarms = |depth: usize| {
        let calibration = Calibration::PeaksOverThreshold {
            level: 0.98,
            risk: 1e-3,
            depth,
        };
        let mut calibrator = calibration.fit(&drifting[..2_000]).unwrap();
        let mut alarms = 0;
        for &score in &drifting[2_000..] {
            alarms += usize::from(calibrator.calibrate(score) > 1.0);
            calibrator.observe(score);
        }
        alarms
    };
    // 28 are expected of 28,000 points.
    let (with, without) = (alarms(50), alarms(0));
    assert!(with < 60, "{with}");
    assert!(
        without > 2 * with,
        "{without} without, {with} with a moving average"
    );
}

#[test]
fn calibration_reads_as_configuration() {
    // Snapshot bytes stand in for any serde format here: a round trip keeps every variant.
    for calibration in [
        Calibration::Threshold(3.0),
        Calibration::Contamination(0.02),
        Calibration::FalseAlarmRate(0.01),
        Calibration::peaks_over_threshold(),
    ] {
        let scores = exponentials(5, 1_000);
        let mut calibrator = calibration.fit(&scores).unwrap();
        let bytes = snapshot::to_bytes(&calibrator).unwrap();
        let mut loaded: Calibrator = snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(loaded, calibrator);
        for score in exponentials(6, 3_000) {
            loaded.observe(score);
            calibrator.observe(score);
            assert_eq!(
                loaded.calibrate(score).to_bits(),
                calibrator.calibrate(score).to_bits()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn a_higher_raw_score_is_never_calibrated_lower(
        scores in prop::collection::vec(0.0..1e6_f64, 500..600),
        a in 0.0..2e6_f64,
        b in 0.0..2e6_f64,
    ) {
        for calibration in [
            Calibration::Threshold(3.0),
            Calibration::Contamination(0.02),
            Calibration::FalseAlarmRate(0.01),
            Calibration::peaks_over_threshold(),
        ] {
            let calibrator = calibration.fit(&scores).unwrap();
            let (low, high) = (calibrator.calibrate(a.min(b)), calibrator.calibrate(a.max(b)));
            prop_assert!(low >= 0.0 && low <= high, "{calibration:?}: {low} and {high}");
            if let Some(bound) = calibrator.bound() {
                prop_assert_eq!(calibrator.calibrate(a) > 1.0, a > bound);
            }
        }
    }
}
